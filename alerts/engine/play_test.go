package engine

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"
	stale "github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
)

// played returns an engine that has not run, and a time a while ago, in whole
// minutes.
func played(t *testing.T, c Config) (*Engine, time.Time) {
	t.Helper()
	e, err := New(c, quiet(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e, time.Now().Add(-time.Hour).Truncate(time.Minute)
}

// stored returns the samples of one series as minute:value, "stale" for its end.
func stored(t *testing.T, e *Engine, from time.Time, series ...string) string {
	t.Helper()
	q, err := e.db.Querier(math.MinInt64, math.MaxInt64)
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	var matchers []*labels.Matcher
	for i := 0; i < len(series); i += 2 {
		matchers = append(matchers, labels.MustNewMatcher(labels.MatchEqual, series[i], series[i+1]))
	}
	var all []string
	found := q.Select(t.Context(), true, nil, matchers...)
	for found.Next() {
		for it := found.At().Iterator(nil); it.Next() != chunkenc.ValNone; {
			at, v := it.At()
			text := fmt.Sprint(v)
			if stale.IsStaleNaN(v) {
				text = "stale"
			}
			all = append(all, fmt.Sprintf("%g:%s", time.UnixMilli(at).Sub(from).Minutes(), text))
		}
	}
	if found.Err() != nil {
		t.Fatal(found.Err())
	}
	return strings.Join(all, " ")
}

// A past is stored as a scrape at each step would have stored it.
func TestPlayStoresWhatScrapesWould(t *testing.T) {
	c := testConfig(t)
	c.Keep = []string{"a_total", "b"}
	e, from := played(t, c)
	minute := func(at time.Time) int { return int(at.Sub(from).Minutes()) }
	target := Played{Job: job, Instance: "kvm-1:9971", Expose: func(at time.Time, to []byte) ([]byte, bool) {
		m := minute(at)
		to = fmt.Appendf(to, "# TYPE a_total counter\na_total{guest=\"x\",job=\"own\"} %d\nc{not=\"kept\"} 1\n", 10*m)
		if m != 2 {
			to = append(to, "b 7\n"...)
		}
		return to, m != 4
	}}
	if err := e.Play(t.Context(), []Played{target}, from, from.Add(6*time.Minute), time.Minute, time.Minute); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		series []string
		want   string
	}{
		{[]string{"__name__", "a_total", "guest", "x", "exported_job", "own", "job", job, "instance", "kvm-1:9971"}, "0:0 1:10 2:20 3:30 4:stale 5:50"},
		{[]string{"__name__", "b", "job", job, "instance", "kvm-1:9971"}, "0:7 1:7 2:stale 3:7 4:stale 5:7"},
		{[]string{"__name__", "c"}, ""},
		{[]string{"__name__", "up", "job", job, "instance", "kvm-1:9971"}, "0:1 1:1 2:1 3:1 4:0 5:1"},
		{[]string{"__name__", "scrape_samples_scraped"}, "0:3 1:3 2:2 3:3 4:0 5:3"},
		{[]string{"__name__", "scrape_samples_post_metric_relabeling"}, "0:2 1:2 2:1 3:2 4:0 5:2"},
		{[]string{"__name__", "scrape_series_added"}, "0:2 1:0 2:0 3:1 4:0 5:2"},
	} {
		if diff := cmp.Diff(tt.want, stored(t, e, from, tt.series...)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.series[1], diff)
		}
	}
	if got := strings.Count(stored(t, e, from, "__name__", "scrape_duration_seconds"), ":"); got != 6 {
		t.Errorf("the duration has %d samples", got)
	}
}

const playedRules = `
groups:
- name: records
  rules:
  - record: a:rate
    expr: rate(a_total[5m])
- name: seldom
  interval: 10m
  rules:
  - record: a:seldom
    expr: sum(a_total)
- name: warns
  rules:
  - alert: Busy
    expr: a:rate > 0.5
    for: 5m
    annotations: {summary: "{{ $value }}"}
`

// busyFor is a target whose counter goes up by one each second from one moment to
// another.
func busyFor(instance string, from, to time.Time) Played {
	return Played{Job: job, Instance: instance, Expose: func(at time.Time, text []byte) ([]byte, bool) {
		return fmt.Appendf(text, "a_total %g\n", max(0, min(at.Sub(from), to.Sub(from)).Seconds())), true
	}}
}

// Rules are evaluated then, each group at its own interval.
func TestPlayEvaluatesRules(t *testing.T) {
	c := testConfig(t)
	c.RuleFiles = []string{rulesFile(t, playedRules)}
	e, from := played(t, c)
	target := busyFor("kvm-1:9971", from.Add(5*time.Minute), from.Add(15*time.Minute))
	// Two calls are as good as one.
	if err := e.Play(t.Context(), []Played{target}, from, from.Add(10*time.Minute), time.Minute, time.Minute); err != nil {
		t.Fatal(err)
	}
	if err := e.Play(t.Context(), []Played{target}, from.Add(10*time.Minute), from.Add(24*time.Minute), time.Minute, time.Minute); err != nil {
		t.Fatal(err)
	}
	if got, want := stored(t, e, from, "__name__", "a:seldom"), "0:0 10:300 20:600"; got != want {
		t.Errorf("every ten minutes: %s, want %s", got, want)
	}
	// The rate is over 0.5 from the eighth minute to the sixteenth.
	if got, want := stored(t, e, from, "__name__", "ALERTS", "alertstate", "pending"), "8:1 9:1 10:1 11:1 12:1 13:stale"; got != want {
		t.Errorf("pending: %s, want %s", got, want)
	}
	if got, want := stored(t, e, from, "__name__", "ALERTS", "alertstate", "firing", "instance", "kvm-1:9971"), "13:1 14:1 15:1 16:1 17:stale"; got != want {
		t.Errorf("firing: %s, want %s", got, want)
	}
	since := from.Add(8 * time.Minute).Unix()
	if got, want := stored(t, e, from, "__name__", "ALERTS_FOR_STATE"), fmt.Sprintf("8:%v", float64(since)); !strings.HasPrefix(got, want) {
		t.Errorf("since when: %s, want %s", got, want)
	}
}

// What fires at the end of the past goes on to fire, and only of that people hear.
func TestPlayedAlertsGoOn(t *testing.T) {
	text := strings.ReplaceAll(playedRules, "for: 5m", "for: 30m")
	am := newAlertmanager(t)
	c := testConfig(t)
	c.RuleFiles = []string{rulesFile(t, text)}
	c.Alertmanagers = []string{am.URL}
	e, err := New(c, quiet(), nil)
	if err != nil {
		t.Fatal(err)
	}
	to := time.Now()
	from := to.Add(-3 * time.Hour)
	targets := []Played{busyFor("over:1", from, from.Add(2*time.Hour)), busyFor("still:1", from.Add(time.Hour), to)}
	if err := e.Play(t.Context(), targets, from, to, time.Minute, time.Minute); err != nil {
		t.Fatal(err)
	}
	stop := run(t, e)
	of := func(instance string) func(message) bool {
		return func(m message) bool { return firing(m) && m.Labels["instance"] == instance }
	}
	eventually(t, "the alert is sent", func() bool { _, ok := am.find("Busy", of("still:1")); return ok })
	m, _ := am.find("Busy", of("still:1"))
	if age := time.Since(m.StartsAt); age < time.Hour || age > 2*time.Hour {
		t.Errorf("it fires since %s", age)
	}
	if m.Annotations["summary"] == "" {
		t.Error("it has no annotations")
	}
	stop()
	if m, ok := am.find("Busy", of("over:1")); ok {
		t.Errorf("people heard of what was over: %v", m)
	}
}

func TestPlayRefuses(t *testing.T) {
	e, from := played(t, testConfig(t))
	fine := busyFor("a:1", from, from)
	broken := Played{Job: job, Instance: "b:1", Expose: func(_ time.Time, to []byte) ([]byte, bool) { return append(to, "a{ 1\n"...), true }}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	to, step := from.Add(10*time.Minute), time.Minute
	tests := []struct {
		name     string
		ctx      context.Context
		target   Played
		from, to time.Time
		step     time.Duration
		want     string
	}{
		{"no step", t.Context(), fine, from, to, 0, "step"},
		{"the future", t.Context(), fine, from, time.Now().Add(time.Hour), step, "in the future"},
		{"a job of others", t.Context(), Played{Job: "node", Instance: "a:1"}, from, to, step, "past of a:1: no job node"},
		{"what is no exposition", t.Context(), broken, from, to, step, "past of b:1"},
		{"nobody wants it any more", ended, fine, from, to, step, "canceled"},
		{"nothing wrong", t.Context(), fine, from, to, step, ""},
		{"the same again", t.Context(), fine, from, to, step, "which is later"},
	}
	for _, tt := range tests {
		err := e.Play(tt.ctx, []Played{tt.target}, tt.from, tt.to, tt.step, time.Minute)
		if tt.want == "" && err == nil {
			continue
		}
		if err == nil || tt.want == "" || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
	e, err := New(testConfig(t), quiet(), nil)
	if err != nil {
		t.Fatal(err)
	}
	run(t, e)
	eventually(t, "it runs", e.Ready)
	if err := e.Play(t.Context(), nil, from, to, step, step); err == nil || !strings.Contains(err.Error(), "started before") {
		t.Errorf("while it runs: %v", err)
	}
}
