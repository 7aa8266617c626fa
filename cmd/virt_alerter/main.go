// Command virt_alerter scrapes exporters, evaluates the rules that come with
// virt_exporter with Prometheus' own engine, tells Alertmanager, and answers
// Prometheus' query API, so that a single machine needs no Prometheus.
//
// The way through it is flags → engine.Config → engine → HTTP server.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	versioncollector "github.com/prometheus/client_golang/prometheus/collectors/version"
	"github.com/prometheus/common/version"
	"github.com/prometheus/exporter-toolkit/web"

	"github.com/virt-exporter/virt_exporter/alerts/engine"
	"github.com/virt-exporter/virt_exporter/cmd/service"
)

// program is the name that the user started, in messages and metrics.
const program = "virt_alerter"

func main() {
	tuneMemory()
	os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr, web.ListenAndServe))
}

// run is the whole program: it returns the exit code, so that deferred calls
// have run when the process ends. Input that it cannot work with is one line
// on stderr, or with --check one for each mistake.
func run(ctx context.Context, args []string, stdout, stderr io.Writer, listen service.ListenFunc) int {
	opts, err := parseFlags(args, stdout)
	if errors.Is(err, service.ErrAnswered) {
		return 0
	}
	if err != nil {
		return service.Refuse(stderr, program, fmt.Errorf("%w, try --help", err))
	}
	if err := opts.check(); err != nil {
		return service.Refuse(stderr, program, err)
	}
	logger := service.NewLogger(stderr, opts.service.LogLevel, opts.service.LogFormat)
	if opts.checkOnly {
		return validate(opts.engine, logger, stdout, stderr)
	}
	// Also between two starts, no signal may end a process whose database is open.
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	ctx, stop := service.UntilSignal(ctx)
	defer stop()
	for {
		err := start(ctx, opts, logger, listen, hangups)
		switch {
		case err == nil:
			return 0
		case !startsAnew(err, opts) || ctx.Err() != nil:
			return service.Fail(stderr, program, err)
		}
		logger.Warn("Starting anew", "err", err)
		opts.demoKeeps = false // the directory has the story as it was told until now
	}
}

// startsAnew reports whether another engine may do better. systemd gives its
// sockets to a process only once: there, it has to start another process.
func startsAnew(err error, opts *options) bool {
	return errors.Is(err, engine.ErrClock) && !opts.service.OwnsSockets()
}

// start builds the engine, and runs it and its pages until the context ends them.
// SIGHUP reloads.
func start(ctx context.Context, opts *options, logger *slog.Logger, listen service.ListenFunc, hangups <-chan os.Signal) error {
	reg := newRegistry()
	var played *demo
	if opts.demo {
		mine := *opts
		opts = &mine
		var err error
		if played, err = newDemo(&opts.engine, opts.demoKeeps); err != nil {
			return err
		}
		defer played.end(logger)
	}
	e, err := engine.New(opts.engine, logger, reg)
	if err != nil {
		return nameField(err)
	}
	logStart(opts, e.RuleCount(), logger)
	srv := newServer(e.Handler(engine.HandlerOptions{Gatherer: reg, EnableLifecycle: opts.lifecycle}))

	ctx, stop := context.WithCancel(ctx)
	defer stop()
	engineCtx, stopEngine := context.WithCancel(context.WithoutCancel(ctx))
	defer stopEngine()
	ended := make(chan error, 1)
	go func() {
		err := played.run(engineCtx, e, logger)
		stop() // pages of an engine that has ended would mislead
		ended <- err
	}()
	go reloadOnHangup(engineCtx, hangups, e.Reload, logger)
	served := opts.service.Serve(ctx, srv, listen, stopTimeout, logger)
	stopEngine()
	return errors.Join(served, <-ended)
}

// newRegistry returns what /metrics exposes; the engine adds its own.
func newRegistry() *prometheus.Registry {
	reg := prometheus.NewRegistry()
	reg.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		versioncollector.NewCollector(program),
	)
	return reg
}

// logStart says what this process is going to do, a line for each part.
func logStart(opts *options, rules int, logger *slog.Logger) {
	cfg := opts.engine
	logger.Info("Starting "+program, "version", version.Info(), "build", version.BuildContext())
	if opts.demo {
		logger.Info("Playing a recorded story: nobody is scraped, and nobody is told of alerts")
	} else if cfg.ConfigFile != "" {
		logger.Info("Scraping and sending as the configuration file says", "file", cfg.ConfigFile)
	} else {
		logger.Info("Scraping", "exporters", strings.Join(cfg.Exporters, " "), "interval", cfg.ScrapeInterval)
		if len(cfg.Alertmanagers) == 0 {
			logger.Info("No Alertmanager is given: alerts are shown on the page only")
		} else {
			logger.Info("Sending alerts", "alertmanagers", strings.Join(cfg.Alertmanagers, " "))
		}
	}
	logger.Info("Links in alerts lead to this program", "url", cfg.ExternalURL)
	logger.Info("Evaluating", "rules", rules, "bundled", cfg.Bundled, "files", strings.Join(cfg.RuleFiles, " "), "interval", cfg.EvaluationInterval)
	logger.Info("Keeping samples", "retention", cfg.Retention, "max_bytes", cfg.RetentionSize, "dir", cfg.DataDir)
}

// reloadOnHangup reloads for each SIGHUP until ctx ends.
func reloadOnHangup(ctx context.Context, hangups <-chan os.Signal, reload func() error, logger *slog.Logger) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangups:
			// Reload says itself when it went well.
			if err := reload(); err != nil {
				logger.Error("Reloading failed", "err", err)
			}
		}
	}
}

// validate checks the configuration and the rules, and says all that is wrong. What
// changes nothing is a warning.
func validate(cfg engine.Config, logger *slog.Logger, stdout, stderr io.Writer) int {
	err := engine.Validate(cfg, logger)
	if err == nil {
		// What cannot be written needs no other answer than the exit code.
		_, _ = fmt.Fprintln(stdout, "the configuration and all rules are well")
		return 0
	}
	for line := range strings.Lines(err.Error()) {
		service.Fail(stderr, program, nameField(errors.New(line)))
	}
	return 1
}
