// Command virt_exporter exposes what a Linux host knows about its guests and
// about itself: CPU steal, throttling, pressure, I/O and memory, and what file
// system passthrough costs.
//
// Started by itself it is the helper process that touches a mount.
//
// The way through it is flags → collector.Config → collector → HTTP server.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"

	"github.com/prometheus/common/version"
	"github.com/prometheus/exporter-toolkit/web"

	"github.com/virt-exporter/virt_exporter/collector"
)

// program is the name that the user started, in messages and on the landing page.
const program = "virt_exporter"

// listenFunc opens the listeners that the flags name and serves on them until
// the server is shut down. It is web.ListenAndServe but in tests.
type listenFunc func(*http.Server, *web.FlagConfig, *slog.Logger) error

func main() {
	if code, ran := collector.ProbeHelper(); ran {
		os.Exit(code)
	}
	tuneMemory()
	os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr, web.ListenAndServe))
}

// run is the whole program: it returns the exit code, so that deferred calls
// have run when the process ends. Input that it cannot work with is one line
// on stderr.
func run(ctx context.Context, args []string, stdout, stderr io.Writer, listen listenFunc) int {
	opts, err := parseFlags(args, stdout)
	if errors.Is(err, errAnswered) {
		return 0
	}
	if err != nil {
		return fail(stderr, fmt.Errorf("%w, try --help", err))
	}
	if err := opts.check(); err != nil {
		return fail(stderr, err)
	}
	logger := newLogger(stderr, opts.logLevel, opts.logFormat)
	if err := start(ctx, opts, logger, listen); err != nil {
		return fail(stderr, err)
	}
	return 0
}

// start builds the collector and serves it until a signal or the context ends
// it.
func start(ctx context.Context, opts *options, logger *slog.Logger, listen listenFunc) (err error) {
	c, err := collector.New(opts.collector, logger)
	if err != nil {
		return fmt.Errorf("starting the collector: %w", err)
	}
	defer func() { err = errors.Join(err, c.Close()) }()

	metrics := c.Handler(collector.HandlerOpts{
		DisableCompression: opts.server.disableCompression,
		MaxRequests:        opts.server.maxRequests,
	})
	handler, err := newHandler(opts.server, metrics)
	if err != nil {
		return err
	}
	logger.Info("Starting "+program, "version", version.Info(), "build", version.BuildContext())
	c.Start(ctx)
	stopWatch := watch(ctx, c)
	defer stopWatch() // before the collector is closed
	srv := newServer(handler, logger)
	return serve(ctx, srv, logger, func() error {
		if err := listen(srv, opts.web, logger); err != nil {
			return fmt.Errorf("%s: %w", listenFlag(opts.web), err)
		}
		return nil
	})
}

// watch reads guests between scrapes until the function that it returns is called.
func watch(ctx context.Context, c *collector.Collector) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { c.Watch(ctx) })
	return func() {
		cancel()
		running.Wait()
	}
}

// fail says what is wrong in one line, whatever the error holds, and returns
// the exit code.
func fail(stderr io.Writer, err error) int {
	line := strings.Join(strings.Fields(err.Error()), " ")
	// Nothing is left to be told if stderr cannot be written.
	_, _ = fmt.Fprintf(stderr, "%s: error: %s\n", program, line)
	return 1
}
