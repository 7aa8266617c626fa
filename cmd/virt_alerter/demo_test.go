package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/virt-exporter/virt_exporter/alerts/engine"
)

func TestDemoRefusesFlagsWithoutMeaning(t *testing.T) {
	t.Setenv("VIRT_HEARTBEAT_URL", "https://h/secret")
	for _, arg := range []string{
		"--exporter=http://a:1", "--alertmanager=http://a:1", "--remote-write=http://a:1", "--config.file=p.yml", "--heartbeat.url=http://a:1",
		"--scrape.interval=5s", "--evaluation.interval=5s",
	} {
		var stderr bytes.Buffer
		if code := run(t.Context(), []string{"--demo", arg}, io.Discard, &stderr, noListener); code != 64 {
			t.Errorf("%s: exit code %d", arg, code)
		}
		flag, _, _ := strings.Cut(arg, "=")
		if got := stderr.String(); !strings.Contains(got, flag+": not with --demo: ") || strings.Count(got, "\n") != 1 {
			t.Errorf("%s: %q", arg, got)
		}
	}
	opts, err := parseFlags([]string{"--demo", "--rules=x.yml", "--scrape.keep-all", "--storage.path=x"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if err := opts.check(); err != nil {
		t.Error(err)
	}
	if cfg := opts.engine; cfg.Exporters != nil || cfg.Heartbeat != "" {
		t.Errorf("exporters %q, heartbeat %q", cfg.Exporters, cfg.Heartbeat)
	}
}

// A story must not get among samples of real machines.
func TestDemoWantsAnEmptyDirectory(t *testing.T) {
	dir := t.TempDir()
	fill := func(name string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	checked := func(args ...string) error {
		t.Helper()
		opts, err := parseFlags(args, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		return opts.check()
	}
	fill("lost+found")
	if err := checked("--demo", "--storage.path="+dir); err != nil {
		t.Errorf("of a new volume: %v", err)
	}
	fill("wal")
	if err := checked("--demo", "--storage.path="+dir); err == nil || !strings.HasPrefix(err.Error(), "--storage.path: "+dir) {
		t.Errorf("with samples: %v", err)
	}
	if err := checked("--storage.path=" + dir); err != nil {
		t.Errorf("without a demo: %v", err)
	}
	t.Setenv("STATE_DIRECTORY", dir)
	if err := checked("--demo"); err != nil {
		t.Errorf("that is not asked for: %v", err)
	}
}

// A demo that was killed leaves its directory, the next one removes it.
func TestDemoRemovesWhatOthersLeft(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	old := time.Now().Add(-time.Hour)
	made := func(name string, at time.Time) string {
		t.Helper()
		dir := filepath.Join(tmp, name)
		if err := os.MkdirAll(filepath.Join(dir, "data"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(dir, at, at); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	left, young, others := made(demoDirPrefix+"1", old), made(demoDirPrefix+"2", time.Now()), made("else", old)
	d, err := newDemoDir()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(d.Name(), old, old); err != nil {
		t.Fatal(err)
	}
	second, err := newDemoDir()
	if err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]bool{left: false, young: true, others: true, d.Name(): true, second.Name(): true} {
		if _, err := os.Stat(dir); (err == nil) != want {
			t.Errorf("%s: %v, want it there: %t", dir, err, want)
		}
	}
	for _, d := range []*demoDir{d, second} {
		if err := d.remove(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(d.Name()); !os.IsNotExist(err) {
			t.Errorf("after its end: %v", err)
		}
	}
}

func TestDemoListensHere(t *testing.T) {
	for _, tt := range []struct{ args, listen, url string }{
		{"--demo", "127.0.0.1:9972", "http://127.0.0.1:9972"},
		{"--demo --external.url=http://a", "127.0.0.1:9972", "http://a"},
		{"--demo --web.listen-address=:9972", ":9972", ""},
		{"--storage.path=x", ":9972", ""},
	} {
		opts, err := parseFlags(strings.Fields(tt.args), io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(*opts.service.Web.WebListenAddresses, " "); got != tt.listen {
			t.Errorf("%s: listens on %s, want %s", tt.args, got, tt.listen)
		}
		if tt.url != "" && opts.engine.ExternalURL != tt.url {
			t.Errorf("%s: %s, want %s", tt.args, opts.engine.ExternalURL, tt.url)
		}
	}
}

// The demo has a past, and goes on as exporters that are scraped.
func TestDemoPlaysTheStory(t *testing.T) {
	cfg := engine.DefaultConfig()
	cfg.ScrapeInterval = time.Second
	d, err := newDemo(&cfg, false)
	if err != nil {
		t.Fatal(err)
	}
	d.past = 7 * time.Minute
	logger := slog.New(slog.DiscardHandler)
	e, err := engine.New(cfg, logger, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.run(ctx, e, logger) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		d.end(logger)
		if _, err := os.Stat(d.dir.Name()); !os.IsNotExist(err) {
			t.Errorf("its directory is there after the end: %v", err)
		}
	}()
	handler := e.Handler(engine.HandlerOptions{})
	ask := func(expr string) string {
		rec := httptest.NewRecorder()
		handler.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/v1/query?query="+url.QueryEscape(expr), nil))
		return rec.Body.String()
	}
	for _, expr := range []string{
		`count(virt:guest_cpu_wanted:rate5m{instance="kvm-1:9971"}) > 0`,
		`min(count_over_time(up[7m] offset 1s)) >= 13`,
		`count(virt_node_info) > 2`,
		`max(count_over_time(up[5s])) > 2`, // it is scraped each second
	} {
		deadline := time.Now().Add(2 * time.Minute)
		for !strings.Contains(ask(expr), `"value"`) {
			if time.Now().After(deadline) {
				t.Fatalf("%s: %s", expr, ask(expr))
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
}

func TestDemoStandsForItsExporters(t *testing.T) {
	cfg := engine.DefaultConfig()
	d, err := newDemo(&cfg, true)
	if err != nil {
		t.Fatal(err)
	}
	defer d.end(slog.New(slog.DiscardHandler))
	if cfg.DataDir != "" {
		t.Errorf("the data directory that was asked for is %q now", cfg.DataDir)
	}
	ask := func(host string) (int, string) {
		rec := httptest.NewRecorder()
		d.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+host+"/metrics", nil))
		return rec.Code, rec.Body.String()
	}
	up := 0
	for _, h := range d.hosts {
		code, body := ask(h.Name())
		if code == http.StatusOK && strings.Contains(body, "virt_node_info{") {
			up++
		} else if h.Up(d.at(time.Now())) {
			t.Errorf("%s: %d", h.Name(), code)
		}
	}
	if up == 0 {
		t.Error("nobody is up")
	}
	if code, _ := ask("else.where:9971"); code != http.StatusBadGateway {
		t.Errorf("of somebody else: %d", code)
	}
}
