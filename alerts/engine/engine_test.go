package engine

import (
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/rules"
	"go.uber.org/goleak"
)

const hotRule = `
groups:
  - name: test
    rules:
      - alert: Hot
        expr: temperature > 30
        labels: {severity: warning}
        annotations: {summary: "{{ $labels.instance }} has {{ $value }}"}
`

func TestAlertFiresAndIsResolved(t *testing.T) {
	exporter, am := newExporter(t, "temperature 40\n"), newAlertmanager(t)
	c := testConfig(t)
	c.Exporters, c.Alertmanagers = []string{exporter.URL}, []string{am.URL}
	c.RuleFiles = []string{rulesFile(t, hotRule)}
	c.ExternalLabels = map[string]string{"site": "a$b"}
	start(t, c)

	eventually(t, "the alert fires", func() bool { _, ok := am.find("Hot", firing); return ok })
	m, _ := am.find("Hot", firing)
	_, port, _ := net.SplitHostPort(exporter.Listener.Addr().String())
	if m.Labels["site"] != "a$b" || m.Labels["severity"] != "warning" || m.Labels["instance"] != "host1:"+port || m.Labels["job"] != job {
		t.Errorf("labels: %v", m.Labels)
	}
	if m.Annotations["summary"] != "host1:"+port+" has 40" {
		t.Errorf("summary: %q", m.Annotations["summary"])
	}
	if !strings.HasPrefix(m.GeneratorURL, "http://alerter.example:9972/graph?") {
		t.Errorf("generator URL: %s", m.GeneratorURL)
	}
	exporter.set("temperature 20\n")
	eventually(t, "the alert is resolved", func() bool { _, ok := am.find("Hot", resolved); return ok })
}

// A stop is no reason to resolve: what fires goes on firing elsewhere, or after
// the start.
func TestStopResolvesNothing(t *testing.T) {
	ignore := goleak.IgnoreCurrent()
	exporter, am := newExporter(t, "temperature 40\n"), newAlertmanager(t)
	c := testConfig(t)
	c.Exporters, c.Alertmanagers = []string{exporter.URL}, []string{am.URL}
	c.RuleFiles = []string{rulesFile(t, hotRule)}
	e, stop := start(t, c)
	eventually(t, "the alert fires", func() bool { _, ok := am.find("Hot", firing); return ok })
	begun := time.Now()
	stop()
	if took := time.Since(begun); took > stopTimeout {
		t.Errorf("the stop took %s", took)
	}
	if m, ok := am.find("Hot", resolved); ok {
		t.Errorf("resolved: %v", m)
	}
	if e.Ready() || e.Reload() == nil || e.Run(t.Context()) == nil {
		t.Error("works after its end")
	}
	exporter.Close()
	am.Close()
	goleak.VerifyNone(t, ignore)
}

func TestCloseWithoutRun(t *testing.T) {
	ignore := goleak.IgnoreCurrent()
	e, err := New(testConfig(t), quiet(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	goleak.VerifyNone(t, ignore)
}

func forState(rule string) labels.Labels {
	return labels.FromStrings("__name__", "ALERTS_FOR_STATE", "alertname", rule)
}

// ALERTS_FOR_STATE has since when an alert is active. After a pause of ten minutes
// the pause does not count, and what fired before fires again at once.
func TestForIsRestoredAfterPause(t *testing.T) {
	am := newAlertmanager(t)
	c := testConfig(t)
	c.Alertmanagers = []string{am.URL}
	c.RuleFiles = []string{rulesFile(t, `
groups:
  - name: test
    rules:
      - {alert: Pending, expr: vector(1), for: 1h}
      - {alert: Fired, expr: vector(1), for: 1m}
      - {alert: New, expr: vector(1), for: 1h}
`)}
	down := time.Now().Add(-10 * time.Minute)
	fill(t, c, float64(down.Add(-20*time.Minute).Unix()), forState("Pending"), down)
	fill(t, c, float64(down.Add(-20*time.Minute).Unix()), forState("Fired"), down)
	e, _ := start(t, c)

	eventually(t, "all that fires is known", e.settled)
	for _, r := range e.rules.AlertingRules() {
		if r.Name() == "Fired" && r.State() != rules.StateFiring {
			t.Error("what fired before was not known")
		}
	}
	eventually(t, "what fired before fires again", func() bool { _, ok := am.find("Fired", firing); return ok })
	active := map[string]time.Duration{}
	eventually(t, "for is restored", func() bool {
		for _, r := range e.rules.AlertingRules() {
			for _, a := range r.ActiveAlerts() {
				active[r.Name()] = time.Since(a.ActiveAt).Round(time.Minute)
			}
		}
		return active["Pending"] > 0
	})
	if active["Pending"] != 20*time.Minute || active["New"] != 0 {
		t.Errorf("active for %v, want Pending for 20m without the pause", active)
	}
	if _, ok := am.find("Pending", firing); ok {
		t.Error("fired before its time")
	}
}

// The clock was twelve hours ahead and is set back: every series has samples of
// the future. Alerts must go on, and none may fire because data seems absent.
func TestClockIsSetBack(t *testing.T) {
	exporter, am := newExporter(t, "temperature 40\n"), newAlertmanager(t)
	c := testConfig(t)
	c.Exporters, c.Alertmanagers = []string{exporter.URL}, []string{am.URL}
	c.RuleFiles = []string{rulesFile(t, hotRule+`
      - {alert: Blind, expr: absent(up), for: 500ms}
`)}
	target, err := exporterTarget(exporter.URL, c.Hostname)
	if err != nil {
		t.Fatal(err)
	}
	ahead := time.Now().Add(12 * time.Hour)
	for _, name := range []string{"up", "temperature"} {
		fill(t, c, 1, labels.FromStrings("__name__", name, "job", job, "instance", target.Labels["instance"]), ahead)
	}
	e, _ := start(t, c)
	eventually(t, "the alert fires", func() bool { _, ok := am.find("Hot", firing); return ok })
	eventually(t, "blindness could have fired", func() bool { v, ok := value(t, e, "count_over_time(up[1m])"); return ok && v > 10 })
	if _, ok := am.find("Blind", firing); ok {
		t.Error("absence fired")
	}
	if v, ok := value(t, e, `temperature`); !ok || v != 40 {
		t.Errorf("temperature %v, %t", v, ok)
	}
	if v, ok := value(t, e, `count_over_time(temperature[1d] offset -1d)`); ok {
		t.Errorf("%v samples of the future", v)
	}
	if entries, err := os.ReadDir(filepath.Join(c.DataDir, asideDir)); err != nil || len(entries) == 0 {
		t.Errorf("nothing was put aside: %v", err)
	}
}

func TestOneOfTwoAlertmanagersIsDead(t *testing.T) {
	am := newAlertmanager(t)
	c := testConfig(t)
	dead := "http://" + freeAddress(t)
	c.Alertmanagers = []string{dead, am.URL}
	c.RuleFiles = []string{rulesFile(t, `{groups: [{name: a, rules: [{alert: Always, expr: vector(1)}]}]}`)}
	e, _ := start(t, c)
	eventually(t, "the other gets the alert", func() bool { _, ok := am.find("Always", firing); return ok })
	eventually(t, "the dead one is known", func() bool {
		for _, d := range e.Deliveries() {
			if strings.HasPrefix(d.URL, dead) {
				return d.Err != nil && d.LastSuccess.IsZero() && !d.LastAttempt.IsZero()
			}
		}
		return false
	})
	if err := e.delivering(time.Now()); err != nil {
		t.Errorf("one takes alerts, but: %v", err)
	}
}

func TestAlertmanagerComesLate(t *testing.T) {
	address := freeAddress(t)
	c := testConfig(t)
	c.Alertmanagers = []string{"http://" + address}
	c.RuleFiles = []string{rulesFile(t, `{groups: [{name: a, rules: [{alert: Always, expr: vector(1)}]}]}`)}
	e, _ := start(t, c)
	eventually(t, "the failure is known", func() bool { return e.delivering(time.Now()) != nil })

	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Skipf("the address was taken: %v", err)
	}
	am := &fakeAlertmanager{}
	am.Server = &httptest.Server{Listener: l, Config: &http.Server{Handler: am}}
	am.Start()
	t.Cleanup(am.Close)
	eventually(t, "the alert comes", func() bool { _, ok := am.find("Always", firing); return ok })
	eventually(t, "the success is known", func() bool { return e.delivering(time.Now()) == nil })
}
