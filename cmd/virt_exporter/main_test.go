package main

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/exporter-toolkit/web"
	"go.uber.org/goleak"

	"github.com/virt-exporter/virt_exporter/collector"
)

// A collector starts this program again as the helper that touches a mount.
func TestMain(m *testing.M) {
	if code, ran := collector.ProbeHelper(); ran {
		os.Exit(code)
	}
	goleak.VerifyTestMain(m)
}

// running is an exporter that a test has started in its own process.
type running struct {
	addr   string
	stop   context.CancelFunc
	exited chan int
	stderr *buffer
}

// startExporter runs the whole program on a free port of the loopback.
func startExporter(t *testing.T, args ...string) *running {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r := &running{addr: l.Addr().String(), stop: cancel, exited: make(chan int, 1), stderr: &buffer{}}
	listen := func(srv *http.Server, flags *web.FlagConfig, logger *slog.Logger) error {
		return web.ServeMultiple([]net.Listener{l}, srv, flags, logger)
	}
	go func() {
		defer l.Close()
		r.exited <- run(ctx, args, &buffer{}, r.stderr, listen)
	}()
	t.Cleanup(func() { r.end(t) })
	return r
}

// end stops the exporter, once, and fails the test if it did not end well.
func (r *running) end(t *testing.T) {
	t.Helper()
	r.stop()
	if code := <-r.exited; code != 0 {
		t.Errorf("exit code %d, stderr:\n%s", code, r.stderr)
	}
	r.exited <- 0
}

// noListener stands where a test expects the start to fail before listening.
func noListener(*http.Server, *web.FlagConfig, *slog.Logger) error { return http.ErrServerClosed }

// buffer is a bytes.Buffer for a writer and a reader at the same time.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// writeFile writes a file below a directory of the test and returns its path.
func writeFile(t *testing.T, dir, name, content string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestHelpAndVersionAreAnsweredOnStdout(t *testing.T) {
	for arg, want := range map[string]string{
		"--help":    "usage: virt_exporter [<flags>]",
		"--version": "virt_exporter, version ",
	} {
		t.Run(arg, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			if code := run(t.Context(), []string{arg}, &stdout, &stderr, noListener); code != 0 {
				t.Errorf("exit code %d", code)
			}
			if !strings.HasPrefix(stdout.String(), want) {
				t.Errorf("stdout does not begin with %q:\n%s", want, stdout.String())
			}
			if stderr.Len() != 0 {
				t.Errorf("stderr: %s", stderr.String())
			}
		})
	}
}
