package engine

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"
)

const pageRules = `
groups:
  - name: alerts
    rules:
      - alert: VirtWatchdog
        expr: vector(1)
        labels: {severity: info}
      - alert: VirtNoisyNeighbour
        expr: stolen > 0.5
        labels: {severity: critical}
        annotations:
          summary: '{{ $labels.culprit }} takes CPU from {{ $labels.guest }}.'
          description: '{{ $value | humanizePercentage }} is stolen.'
          runbook_url: https://example.com/RUNBOOK.md#virtnoisyneighbour
      - alert: VirtGuestCPUStealHigh
        expr: stolen > 0.2
        labels: {severity: warning}
      - alert: VirtGuestMemoryPressureHigh
        expr: stolen > 0.1
        for: 10m
        labels: {severity: warning}
      - alert: VirtNodeOvercommitted
        expr: stolen > 2
        labels: {severity: info}
`

func stolen(w *world, t *testing.T, guest, culprit string, value float64) {
	w.add(t, labels.FromStrings("__name__", "stolen", "guest", guest, "culprit", culprit, "kind", "vm", "instance", "box:9971"), value)
}

// style is left out of golden pages.
var style = regexp.MustCompile(`(?s)<style>.*</style>`)

func TestPageOfAlerts(t *testing.T) {
	reachable := []*url.URL{{Scheme: "http", Host: "am:9093"}}
	tests := []struct {
		name  string
		setup func(*testing.T, *world)
	}{
		{"nothing", func(t *testing.T, w *world) {
			stolen(w, t, "web-1", "", 0)
			w.target("box:9971", nil)
			w.ams = reachable
			w.evaluate(t, pageRules)
		}},
		{"starting", func(_ *testing.T, w *world) {
			w.pages.ready = func() bool { return false }
		}},
		{"unconfigured", func(*testing.T, *world) {}},
		{"firing", func(t *testing.T, w *world) {
			stolen(w, t, "db-1", "vm/libvirt/build-7", 0.75)
			stolen(w, t, "web-1", "", 0.25)
			w.target("box:9971", nil)
			w.ams = reachable
			w.evaluate(t, pageRules)
		}},
		{"pending", func(t *testing.T, w *world) {
			stolen(w, t, "db-1", "", 0.15)
			w.target("box:9971", nil)
			w.evaluate(t, pageRules)
		}},
		{"trouble", func(t *testing.T, w *world) {
			w.target("box:9971", errors.New("connection refused"))
			w.target("other:9971", nil)
			w.ams = reachable
			w.evaluate(t, apiRules)
			w.evaluate(t, strings.ReplaceAll(pageRules, "vector(1)", "vector(1) > 1"))
			w.add(t, labels.FromStrings("__name__", "up", "instance", "a"), 1)
			w.add(t, labels.FromStrings("__name__", "up", "instance", "b"), 1)
			for _, g := range w.groups {
				g.Eval(t.Context(), time.Now())
			}
			w.pages.inner = func() []trouble { return []trouble{{kindStorage, "The disk is full", "no <space>"}} }
		}},
		{"hostile names", func(t *testing.T, w *world) {
			stolen(w, t, `<script>alert(1)</script>`, `"><img src=x onerror=y>`, 0.75)
			w.target("box:9971", nil)
			w.ams = reachable
			w.evaluate(t, strings.ReplaceAll(pageRules, "https://example.com", "javascript:alert(1)//"))
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				defer w.close(t)
				tt.setup(t, w)
				rec := httptest.NewRecorder()
				w.pages.alerts(rec, nil)
				if rec.Code != http.StatusOK {
					t.Errorf("code %d", rec.Code)
				}
				golden(t, "page_"+strings.ReplaceAll(tt.name, " ", "_")+".golden", style.ReplaceAll(rec.Body.Bytes(), nil))
			})
		})
	}
}

// What fired before a start may fire again only at the third evaluation.
func TestPageIsNotCalmBeforeItKnows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close(t)
		stolen(w, t, "web-1", "", 0)
		w.evaluate(t, pageRules)
		w.pages.settled = func() bool { return false }
		rec := httptest.NewRecorder()
		w.pages.alerts(rec, nil)
		if page := rec.Body.String(); !strings.Contains(page, "Starting: what fires is known after three evaluations.") || strings.Contains(page, "Nothing fires") {
			t.Errorf("the page:\n%s", style.ReplaceAllString(page, ""))
		}
		rec = httptest.NewRecorder()
		w.pages.saysReady(rec, nil)
		if rec.Code != http.StatusOK {
			t.Errorf("ready: %d", rec.Code)
		}
	})
}

func TestSettledAfterThreeEvaluationsOfEachGroup(t *testing.T) {
	var c evaluations
	for _, key := range []string{"a", "a", "b", "a", "b"} {
		c.add(key)
		if c.settled([]string{"a", "b"}) {
			t.Fatal("settled before its time")
		}
	}
	c.add("b")
	if !c.settled([]string{"a", "b"}) || !c.settled([]string{"a", "b", "of a reload"}) {
		t.Error("not settled")
	}
}

// Nothing on a page may run or come from elsewhere, and no name may become code.
func TestPagesHoldNoCode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close(t)
		stolen(w, t, `<script>alert(1)</script>`, `"><img src=x onerror=y>`, 0.75)
		w.evaluate(t, strings.ReplaceAll(pageRules, "https://example.com", "javascript:alert(1)//"))
		graph := httptest.NewRecorder()
		w.pages.expression(graph, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/graph?g0.expr="+url.QueryEscape(`stolen{guest!="<script>"}`), nil))
		alerts := httptest.NewRecorder()
		w.pages.alerts(alerts, nil)
		for _, rec := range []*httptest.ResponseRecorder{graph, alerts} {
			page := rec.Body.String()
			for _, bad := range []string{"<script", "<img", "javascript:", "<link", "@import", "url("} {
				if strings.Contains(page, bad) {
					t.Errorf("the page has %s", bad)
				}
			}
			if !strings.HasPrefix(rec.Header().Get("Content-Security-Policy"), "default-src 'none'") {
				t.Error("scripts are not forbidden")
			}
		}
	})
}

// The page stays readable, and quick, when everything fires at once.
func TestPageShowsTheFirstOfMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close(t)
		for i := range maxShown + 50 {
			stolen(w, t, fmt.Sprintf("vm-%03d", i), "", 0.25)
		}
		stolen(w, t, "worst", "", 0.75)
		w.evaluate(t, pageRules)
		v := w.pages.alertsView()
		if v.Firing.Total != maxShown+52 || len(v.Firing.Alerts) != maxShown || v.Firing.More() != 52 {
			t.Errorf("%d of %d are shown", len(v.Firing.Alerts), v.Firing.Total)
		}
		if got := v.Firing.Alerts[0]; got.Guest != "worst" || got.Severity != "critical" {
			t.Errorf("the first is %s, %s", got.Guest, got.Severity)
		}
	})
}

func TestLateRulesAreTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close(t)
		w.evaluate(t, pageRules)
		for after, want := range map[time.Duration]int{0: 0, 59 * time.Second: 0, 61 * time.Second: 1} {
			if got := w.pages.ruleTroubles(time.Now().Add(after)); len(got) != want {
				t.Errorf("after %s: %v", after, got)
			}
		}
	})
}

func TestTroublesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close(t)
		for i := range maxTroubles + 7 {
			w.target(fmt.Sprintf("box-%d:1", i), errors.New("refused"))
		}
		w.evaluate(t, pageRules)
		got := w.pages.troubles(time.Now())
		if len(got) != maxTroubles+1 || got[maxTroubles].What != "And 7 more of this sort" {
			t.Errorf("%d troubles, the last is %q", len(got), got[len(got)-1].What)
		}
	})
}

func TestDurationsAreShort(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 0: "0s", 59 * time.Second: "59s", time.Minute: "1m", 61 * time.Minute: "1h 1m", 49 * time.Hour: "2d 1h",
	} {
		if got := durationText(d); got != want {
			t.Errorf("%s: %s, want %s", d, got, want)
		}
	}
}

func TestTextIsCutAndValid(t *testing.T) {
	if got := text(strings.Repeat("é", maxTextLength)); len(got) > maxTextLength+len("…")+len("\uFFFD") {
		t.Errorf("%d bytes", len(got))
	}
	if got := text("a\xffb"); got != "a\uFFFDb" {
		t.Errorf("got %q", got)
	}
}

func TestExpressionPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close(t)
		stolen(w, t, "web-1", "", 0.25)
		w.addHistogram(t, labels.FromStrings("__name__", "delay"))
		for expr, want := range map[string]string{
			"stolen":     `guest=&#34;web-1&#34;`,
			"stolen[1m]": "<td>1 samples</td>",
			"delay":      "count:12",
			"1+1":        "scalar: 2",
			"nope":       "No series.",
			"sum(":       "unclosed left parenthesis",
			"":           `name="g0.expr"`,
		} {
			rec := httptest.NewRecorder()
			w.pages.expression(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/graph?g0.expr="+url.QueryEscape(expr), nil))
			if rec.Code != http.StatusOK || !strings.Contains(rec.Body.String(), want) {
				t.Errorf("%s: %d without %q:\n%s", expr, rec.Code, want, style.ReplaceAllString(rec.Body.String(), ""))
			}
		}
	})
}

// The handler of a whole engine, which is not run.
func TestHandler(t *testing.T) {
	cfg := DefaultConfig()
	cfg.DataDir = t.TempDir()
	cfg.Hostname = "box"
	reg := prometheus.NewRegistry()
	e, err := New(cfg, quiet(), reg)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	open := e.Handler(HandlerOptions{Gatherer: reg, EnableLifecycle: true})
	closed := e.Handler(HandlerOptions{})
	for _, tt := range []struct {
		handler      http.Handler
		method, path string
		code         int
		has          string
	}{
		{open, "GET", "/", 200, "Starting"},
		{open, "GET", "/graph", 200, "g0.expr"},
		{open, "GET", "/-/healthy", 200, "OK"},
		{open, "GET", "/-/ready", 503, "starting"},
		{open, "GET", "/metrics", 200, "prometheus_tsdb_head_series"},
		{open, "POST", "/-/reload", 200, "OK"},
		{open, "PUT", "/-/reload", 200, "OK"},
		{open, "GET", "/-/reload", 405, ""},
		{open, "GET", "/api/v1/query?query=vector(1)", 200, `"value":[`},
		{open, "GET", "/api/v1/status/buildinfo", 200, `"version":"3.`},
		{open, "GET", "/nope", 404, ""},
		{closed, "POST", "/-/reload", 403, "--web.enable-lifecycle"},
		{closed, "GET", "/metrics", 404, ""},
	} {
		rec := httptest.NewRecorder()
		tt.handler.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), tt.method, tt.path, nil))
		if rec.Code != tt.code || !strings.Contains(rec.Body.String(), tt.has) {
			t.Errorf("%s %s: %d, want %d with %q:\n%.300s", tt.method, tt.path, rec.Code, tt.code, tt.has, rec.Body)
		}
	}
}
