package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/pprof"
	"strconv"
	"time"

	"github.com/prometheus/common/version"
	"github.com/prometheus/exporter-toolkit/web"
)

const (
	// A client that sends or takes slowly may not hold one of the limited
	// scrapes for ever. pprof extends the limit for its own answers.
	readTimeout  = 30 * time.Second
	writeTimeout = time.Minute
	// Longer than common scrape intervals, so that a server's connection, and
	// its TLS session, is used again.
	idleTimeout = 5 * time.Minute
	// What a scrape that is under way when the signal comes may still take.
	stopTimeout = 10 * time.Second
)

// serverOptions is what the flags say about the HTTP server, besides those of
// exporter-toolkit.
type serverOptions struct {
	telemetryPath      string
	disableCompression bool
	maxRequests        int
	pprof              bool
}

// newHandler returns the exporter's pages: metrics, the landing page, health
// and, where asked for, profiles.
func newHandler(opts serverOptions, metrics http.Handler) (http.Handler, error) {
	mux := http.NewServeMux()
	mux.Handle(opts.telemetryPath, metrics)
	mux.HandleFunc("/-/healthy", sayOK)
	// Nothing is loaded after the listeners are open: who can ask is answered.
	mux.HandleFunc("/-/ready", sayOK)
	if opts.pprof {
		mux.HandleFunc("/debug/pprof/", pprof.Index)
		mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
		mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	}
	if opts.telemetryPath == "/" {
		return mux, nil
	}
	landing, err := web.NewLandingPage(web.LandingConfig{
		Name:        program,
		Description: "CPU steal, throttling, pressure, I/O and memory of the guests of this host.",
		Version:     version.Info(),
		Profiling:   strconv.FormatBool(opts.pprof),
		Links: []web.LandingLinks{
			{Address: opts.telemetryPath, Text: "Metrics"},
			{Address: "/-/healthy", Text: "Health"},
			{Address: "/-/ready", Text: "Readiness"},
		},
	})
	if err != nil {
		return nil, fmt.Errorf("writing the landing page: %w", err)
	}
	mux.Handle("/", landing)
	return mux, nil
}

func sayOK(w http.ResponseWriter, _ *http.Request) {
	_, _ = io.WriteString(w, "OK\n") // a client that has gone needs no answer
}

func newServer(handler http.Handler) *http.Server {
	return &http.Server{
		Handler:      handler,
		ReadTimeout:  readTimeout,
		WriteTimeout: writeTimeout,
		IdleTimeout:  idleTimeout,
	}
}
