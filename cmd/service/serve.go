package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/prometheus/exporter-toolkit/web"
)

// ListenFunc opens the listeners that the flags name and serves on them until the
// server is shut down. It is web.ListenAndServe but in tests.
type ListenFunc func(*http.Server, *web.FlagConfig, *slog.Logger) error

// UntilSignal returns a context that ends with ctx or at SIGTERM or SIGINT. A second
// signal ends the process at once.
func UntilSignal(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// Serve serves until ctx ends, and then lets requests that are under way finish
// as long as patience says.
func (f *Flags) Serve(ctx context.Context, srv *http.Server, listen ListenFunc, patience time.Duration, logger *slog.Logger) error {
	srv.ErrorLog = slog.NewLogLogger(logger.Handler(), slog.LevelWarn)
	ended := make(chan error, 1)
	go func() { ended <- listen(srv, f.Web, logger) }()
	select {
	case err := <-ended:
		return f.listenError(err)
	case <-ctx.Done():
	}
	logger.Info("Letting requests finish", "patience", patience)
	deadline, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	if err := srv.Shutdown(deadline); err != nil {
		logger.Warn("Requests were cut off", "err", err)
		_ = srv.Close() // the process ends anyway
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return f.listenError(err)
	}
	return nil
}

func (f *Flags) listenError(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", f.ListenFlag(), err)
}
