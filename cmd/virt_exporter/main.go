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
	"os"
	"sync"

	"github.com/prometheus/common/version"
	"github.com/prometheus/exporter-toolkit/web"

	"github.com/virt-exporter/virt_exporter/cmd/service"
	"github.com/virt-exporter/virt_exporter/collector"
)

// program is the name that the user started, in messages and on the landing page.
const program = "virt_exporter"

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
	if err := start(ctx, opts, logger, listen); err != nil {
		return service.Fail(stderr, program, err)
	}
	return 0
}

// start builds the collector and serves it until a signal or the context ends
// it.
func start(ctx context.Context, opts *options, logger *slog.Logger, listen service.ListenFunc) (err error) {
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
	ctx, stop := service.UntilSignal(ctx)
	defer stop()
	return opts.service.Serve(ctx, newServer(handler), listen, stopTimeout, logger)
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
