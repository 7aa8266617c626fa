package service_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/exporter-toolkit/web"

	"github.com/virt-exporter/virt_exporter/cmd/service"
)

// A request that is under way when systemd stops the program gets its answer.
func TestSIGTERMLetsARequestFinish(t *testing.T) {
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	entered, release := make(chan struct{}), make(chan struct{})
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-release
		_, _ = io.WriteString(w, "whole")
	})}
	// Shutdown has closed the listeners when this is called.
	srv.RegisterOnShutdown(func() { close(release) })

	served := make(chan error, 1)
	go func() {
		ctx, stop := service.UntilSignal(t.Context())
		defer stop()
		listen := func(srv *http.Server, _ *web.FlagConfig, _ *slog.Logger) error { return srv.Serve(l) }
		served <- new(service.Flags).Serve(ctx, srv, listen, 10*time.Second, slog.New(slog.DiscardHandler))
	}()
	answer := make(chan string, 1)
	go func() {
		client := &http.Client{Transport: &http.Transport{
			DisableKeepAlives: true,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, "unix", l.Addr().String())
			},
		}}
		resp, err := client.Get("http://exporter/")
		if err != nil {
			answer <- err.Error()
			return
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		answer <- string(body)
	}()

	<-entered
	if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if got := <-answer; got != "whole" {
		t.Errorf("the request under way got %q", got)
	}
	if err := <-served; err != nil {
		t.Errorf("serve: %v", err)
	}
}
