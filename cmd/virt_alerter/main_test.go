package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/exporter-toolkit/web"
	"go.uber.org/goleak"

	"github.com/virt-exporter/virt_exporter/alerts/engine"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// running is an alerter that a test has started in its own process.
type running struct {
	addr   string
	stop   context.CancelFunc
	exited chan int
	stderr *buffer
}

// startAlerter runs the whole program on a free port of the loopback. It scrapes
// nobody, unless an argument says so.
func startAlerter(t *testing.T, args ...string) *running {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	args = append([]string{"--exporter=http://127.0.0.1:1/metrics"}, args...)
	if !slices.ContainsFunc(args, isDataDir) {
		args = append(args, "--storage.path="+t.TempDir())
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

func isDataDir(arg string) bool { return strings.HasPrefix(arg, "--storage.path=") }

// end stops the alerter, once, and fails the test if it did not end well.
func (r *running) end(t *testing.T) {
	t.Helper()
	r.stop()
	if code := <-r.exited; code != 0 {
		t.Errorf("exit code %d, stderr:\n%s", code, r.stderr)
	}
	r.exited <- 0
}

// wait asks until the page answers with the code and the text.
func (r *running) wait(t *testing.T, method, path string, code int, has string) {
	t.Helper()
	var (
		got  int
		body string
	)
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if got, body = r.ask(t, method, path); got == code && strings.Contains(body, has) {
			return
		}
	}
	t.Fatalf("%s: %d, want %d with %q:\n%.2000s\nstderr:\n%s", path, got, code, has, body, r.stderr)
}

func (r *running) ask(t *testing.T, method, path string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+r.addr+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
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
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestHelpAndVersionAreAnsweredOnStdout(t *testing.T) {
	for arg, want := range map[string]string{
		"--help":    "usage: virt_alerter [<flags>]",
		"--version": "virt_alerter, version ",
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

func TestServesItsPages(t *testing.T) {
	r := startAlerter(t)
	r.wait(t, http.MethodGet, "/-/ready", 200, "OK")
	for _, tt := range []struct {
		method, path string
		code         int
		has          string
	}{
		{"GET", "/", 200, "Alerts of "},
		{"GET", "/-/healthy", 200, "OK"},
		{"GET", "/metrics", 200, "virt_alerter_build_info"},
		{"GET", "/metrics", 200, "prometheus_rule_group_rules"},
		{"GET", "/api/v1/query?query=1", 200, `"scalar"`},
		{"POST", "/-/reload", 403, "--web.enable-lifecycle"},
		{"GET", "/nope", 404, ""},
	} {
		if code, body := r.ask(t, tt.method, tt.path); code != tt.code || !strings.Contains(body, tt.has) {
			t.Errorf("%s: %d, want %d with %q:\n%.300s", tt.path, code, tt.code, tt.has, body)
		}
	}
}

func TestStartSaysWhatItWillDo(t *testing.T) {
	r := startAlerter(t, "--alertmanager=http://127.0.0.1:2", "--storage.retention=2d")
	r.wait(t, http.MethodGet, "/-/ready", 200, "OK")
	for _, want := range []string{
		"msg=Scraping exporters=http://127.0.0.1:1/metrics interval=15s",
		`msg="Sending alerts" alertmanagers=http://127.0.0.1:2`,
		"msg=Evaluating rules=",
		`msg="Keeping samples" retention=48h0m0s`,
		`msg="Links in alerts lead to this program" url=http://`,
	} {
		if !strings.Contains(r.stderr.String(), want) {
			t.Errorf("the log has no %q:\n%s", want, r.stderr)
		}
	}
}

func TestStartSaysThatNobodyIsTold(t *testing.T) {
	r := startAlerter(t)
	r.wait(t, http.MethodGet, "/", 200, "No Alertmanager is configured")
	if want := "No Alertmanager is given: alerts are shown on the page only"; !strings.Contains(r.stderr.String(), want) {
		t.Errorf("the log has no %q:\n%s", want, r.stderr)
	}
}

const ownRule = `
groups:
  - name: own
    rules: [{alert: NAME, expr: vector(1)}]
`

func TestReload(t *testing.T) {
	dir := t.TempDir()
	file := writeFile(t, dir, "own.yml", strings.ReplaceAll(ownRule, "NAME", "First"))
	r := startAlerter(t, "--rules="+file, "--no-rules.bundled", "--web.enable-lifecycle")
	r.wait(t, http.MethodGet, "/-/ready", 200, "OK")
	r.wait(t, http.MethodGet, "/api/v1/rules", 200, `"name":"First"`)

	writeFile(t, dir, "own.yml", strings.ReplaceAll(ownRule, "NAME", "Second"))
	if code, body := r.ask(t, http.MethodPost, "/-/reload"); code != 200 {
		t.Fatalf("%d: %s", code, body)
	}
	r.wait(t, http.MethodGet, "/api/v1/rules", 200, `"name":"Second"`)

	writeFile(t, dir, "own.yml", "groups:\n  - name: own\n    rulez: []\n")
	code, body := r.ask(t, http.MethodPut, "/-/reload")
	if code != 500 || !strings.Contains(body, file) || !strings.Contains(body, "line 3") {
		t.Errorf("the answer does not name file and line: %d: %s", code, body)
	}
	r.wait(t, http.MethodGet, "/api/v1/rules", 200, `"name":"Second"`)

	writeFile(t, dir, "own.yml", strings.ReplaceAll(ownRule, "NAME", "Third"))
	hangUp(t)
	r.wait(t, http.MethodGet, "/api/v1/rules", 200, `"name":"Third"`)
}

// hangUp sends SIGHUP to the test, in which the alerter runs.
func hangUp(t *testing.T) {
	t.Helper()
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
}

func TestSIGTERMEndsIt(t *testing.T) {
	r := startAlerter(t)
	r.wait(t, http.MethodGet, "/-/ready", 200, "OK")
	if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := <-r.exited; code != 0 {
		t.Errorf("exit code %d, stderr:\n%s", code, r.stderr)
	}
	r.exited <- 0
}

// With sockets of systemd, which it gives once, another process must be started.
func TestSetBackStartsAnewExceptWithSystemdSockets(t *testing.T) {
	clock := fmt.Errorf("%w, by 1h", engine.ErrClock)
	for _, tt := range []struct {
		arg  string
		err  error
		want bool
	}{
		{"--log.level=info", clock, true},
		{"--log.level=info", errors.New("other"), false},
		{"--web.systemd-socket", clock, false},
	} {
		opts, err := parseFlags([]string{tt.arg}, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		if got := startsAnew(tt.err, opts); got != tt.want {
			t.Errorf("%s, %v: %t", tt.arg, tt.err, got)
		}
	}
}

// Two alerters must not write to one database.
func TestSecondOnTheSameDirectoryEnds(t *testing.T) {
	dir := t.TempDir()
	r := startAlerter(t, "--storage.path="+dir)
	r.wait(t, http.MethodGet, "/-/ready", 200, "OK")
	var stderr bytes.Buffer
	code := run(t.Context(), []string{"--storage.path=" + dir, "--log.level=error"}, &stderr, &stderr, noListener)
	if code != 1 || !strings.Contains(stderr.String(), dir) || strings.Count(stderr.String(), "\n") != 1 {
		t.Errorf("exit code %d: %s", code, stderr.String())
	}
}
