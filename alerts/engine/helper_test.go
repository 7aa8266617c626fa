package engine

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// fakeExporter serves a text that the test may change.
type fakeExporter struct {
	*httptest.Server
	mutex sync.Mutex
	text  string
}

func newExporter(t testing.TB, text string) *fakeExporter {
	t.Helper()
	f := &fakeExporter{text: text}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		f.mutex.Lock()
		defer f.mutex.Unlock()
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		io.WriteString(w, f.text)
	}))
	t.Cleanup(f.Close)
	return f
}

func (f *fakeExporter) set(text string) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.text = text
}

// message is an alert as Alertmanager gets it.
type message struct {
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL"`
}

func (m message) resolved() bool { return !m.EndsAt.After(time.Now()) }

// fakeAlertmanager remembers every message.
type fakeAlertmanager struct {
	*httptest.Server
	mutex    sync.Mutex
	messages []message
}

func newAlertmanager(t testing.TB) *fakeAlertmanager {
	t.Helper()
	f := &fakeAlertmanager{}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

func (f *fakeAlertmanager) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var got []message
	if r.URL.Path != "/api/v2/alerts" || json.NewDecoder(r.Body).Decode(&got) != nil {
		http.Error(w, "bad", http.StatusBadRequest)
		return
	}
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.messages = append(f.messages, got...)
}

// find returns the first message of an alert that is as asked for.
func (f *fakeAlertmanager) find(name string, is func(message) bool) (message, bool) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	for _, m := range f.messages {
		if m.Labels["alertname"] == name && is(m) {
			return m, true
		}
	}
	return message{}, false
}

func (f *fakeAlertmanager) forget() {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.messages = nil
}

func firing(m message) bool   { return !m.resolved() }
func resolved(m message) bool { return m.resolved() }

// rulesFile writes a file of rules.
func rulesFile(t testing.TB, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "rules.yml")
	write(t, name, text)
	return name
}

func write(t testing.TB, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// testConfig is quick, and has no bundled rules.
func testConfig(t testing.TB) Config {
	t.Helper()
	c := DefaultConfig()
	c.Bundled = false
	c.ScrapeInterval = 100 * time.Millisecond
	c.EvaluationInterval = 100 * time.Millisecond
	c.ResendDelay = 200 * time.Millisecond
	c.ExternalURL = "http://alerter.example:9972/"
	c.Hostname, c.Instance = "host1", "host1:9972"
	c.DataDir = t.TempDir()
	return c
}

// start runs an engine; the function that it returns ends it.
func start(t testing.TB, c Config) (*Engine, func()) {
	t.Helper()
	e, err := New(c, quiet(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return e, run(t, e)
}

func run(t testing.TB, e *Engine) func() {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// eventually waits for a condition, as long as a busy machine may need.
func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !cond() {
		if time.Now().After(deadline) {
			t.Fatalf("not within 30 s: %s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// fill writes samples, one for each time, into a data directory.
func fill(t testing.TB, c Config, value float64, series labels.Labels, times ...time.Time) {
	t.Helper()
	db, err := openDB(c, quiet(), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	app := db.Appender(t.Context())
	for _, at := range times {
		if _, err := app.Append(0, series, at.UnixMilli(), value); err != nil {
			t.Fatal(err)
		}
	}
	if err := app.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// freeAddress is one where nobody listens yet.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// value evaluates an expression now; false where it gives nothing.
func value(t testing.TB, e *Engine, expr string) (float64, bool) {
	t.Helper()
	q, err := e.query.NewInstantQuery(t.Context(), e.storage, nil, expr, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	v, err := q.Exec(t.Context()).Vector()
	if err != nil {
		t.Fatal(err)
	}
	if len(v) == 0 {
		return 0, false
	}
	return v[0].F, true
}
