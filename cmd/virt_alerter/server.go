package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/exporter-toolkit/web"
)

const (
	// A client that sends or takes slowly may not hold up a query's memory for ever.
	readTimeout  = 30 * time.Second
	writeTimeout = 2 * time.Minute
	idleTimeout  = 5 * time.Minute
	// What a request that is under way when the signal comes may still take.
	stopTimeout = 5 * time.Second
)

func newServer(handler http.Handler, logger *slog.Logger) *http.Server {
	return &http.Server{
		Handler:      handler,
		ReadTimeout:  readTimeout,
		WriteTimeout: writeTimeout,
		IdleTimeout:  idleTimeout,
		ErrorLog:     slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
}

// serve runs listen until the end of the context, and then lets requests that are
// under way finish.
func serve(ctx context.Context, srv *http.Server, logger *slog.Logger, listen func() error) error {
	ended := make(chan error, 1)
	go func() { ended <- listen() }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	logger.Info("Letting requests finish", "patience", stopTimeout)
	deadline, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	if err := srv.Shutdown(deadline); err != nil {
		logger.Warn("Requests were cut off", "err", err)
		_ = srv.Close() // the process ends anyway
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// ownsSockets reports whether systemd opened the listeners.
func ownsSockets(flags *web.FlagConfig) bool {
	return flags.WebSystemdSocket != nil && *flags.WebSystemdSocket
}

// listenFlag names the flag that an error of the listeners is about.
func listenFlag(flags *web.FlagConfig) string {
	if ownsSockets(flags) {
		return "--web.systemd-socket"
	}
	return "--web.listen-address"
}
