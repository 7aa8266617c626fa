package engine

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
)

func ruleNames(e *Engine) []string {
	var names []string
	for _, g := range e.rules.RuleGroups() {
		for _, r := range g.Rules() {
			names = append(names, r.Name())
		}
	}
	return names
}

// gauge returns the value of a metric without labels.
func gauge(t *testing.T, reg prometheus.Gatherer, name string) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

func TestReloadKeepsTheOldWhereAFileIsBad(t *testing.T) {
	exporter := newExporter(t, "temperature 40\nhumidity 7\n")
	c := testConfig(t)
	c.Exporters = []string{exporter.URL}
	dir := t.TempDir()
	name := filepath.Join(dir, "a.yml")
	write(t, name, "groups:\n- name: a\n  rules:\n  - {record: 'a:b', expr: temperature}\n")
	c.RuleFiles = []string{filepath.Join(dir, "*.yml")}
	reg := prometheus.NewRegistry()
	e, err := New(c, quiet(), reg)
	if err != nil {
		t.Fatal(err)
	}
	run(t, e)
	if got := gauge(t, reg, "prometheus_config_last_reload_successful"); got != 1 {
		t.Errorf("successful: %v", got)
	}
	begun := gauge(t, reg, "prometheus_config_last_reload_success_timestamp_seconds")
	if d := time.Since(time.Unix(int64(begun), 0)); d > time.Hour {
		t.Errorf("loaded %s ago", d)
	}
	eventually(t, "rules are loaded", func() bool { return e.Ready() && len(ruleNames(e)) == 1 })

	bad := []struct{ name, text, want string }{
		{"expression", "groups:\n- name: a\n  rules:\n  - record: a:b\n    expr: sum(", name + ": 5:11: "},
		{"YAML", "groups:\n- name: a\n  rules: [\n", name + ": yaml: line "},
		{"unknown field", "groups:\n- name: a\n  rulez: []\n", name + ": yaml: unmarshal errors:\n  line 3: field rulez"},
		{"template", "groups:\n- name: a\n  rules:\n  - {alert: A, expr: a, annotations: {x: '{{ .Foo'}}\n", name + ": 4:5: group"},
		{"name twice", "groups:\n- name: a\n  rules: []\n- name: a\n  rules: []\n", name + ": 4:3: groupname"},
	}
	for _, tt := range bad {
		t.Run(tt.name, func(t *testing.T) {
			write(t, name, tt.text)
			err := e.Reload()
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "old configuration stays") {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if got := e.troubles(); len(got) != 1 || !strings.Contains(got[0].Why, tt.want) {
				t.Errorf("the page does not say so: %v", got)
			}
			if got := gauge(t, reg, "prometheus_config_last_reload_successful"); got != 0 {
				t.Errorf("successful: %v", got)
			}
			if diff := cmp.Diff([]string{"a:b"}, ruleNames(e)); diff != "" {
				t.Errorf("rules (-want +got):\n%s", diff)
			}
		})
	}
	eventually(t, "the old rule is evaluated", func() bool { _, ok := value(t, e, "a:b"); return ok })

	// What a new rule reads is kept from then on.
	write(t, name, "groups:\n- name: a\n  rules:\n  - {record: 'a:c', expr: humidity}\n")
	if err := e.Reload(); err != nil {
		t.Fatal(err)
	}
	if got := e.troubles(); len(got) > 0 {
		t.Errorf("still trouble: %v", got)
	}
	if got := gauge(t, reg, "prometheus_config_last_reload_successful"); got != 1 {
		t.Errorf("successful: %v", got)
	}
	if got := gauge(t, reg, "prometheus_config_last_reload_success_timestamp_seconds"); got <= begun {
		t.Errorf("loaded at %v, not after %v", got, begun)
	}
	eventually(t, "the new rule is evaluated", func() bool { v, ok := value(t, e, "a:c"); return ok && v == 7 })
	eventually(t, "what no rule reads ends", func() bool { _, ok := value(t, e, "temperature"); return !ok })

	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	if err := e.Reload(); err != nil {
		t.Errorf("a directory may be empty: %v", err)
	}
	if got := e.RuleCount(); got != 0 {
		t.Errorf("%d rules", got)
	}
}

func TestReloadOfConfigurationFile(t *testing.T) {
	one, two := newExporter(t, "temperature 1\n"), newExporter(t, "temperature 2\n")
	c := testConfig(t)
	c.ConfigFile = filepath.Join(t.TempDir(), "alerter.yml")
	c.KeepAll = true
	configOf := func(f *fakeExporter) string {
		return "global: {scrape_interval: 100ms, evaluation_interval: 100ms}\nscrape_configs:\n- job_name: x\n  static_configs:\n  - targets: ['" +
			f.Listener.Addr().String() + "']\n"
	}
	write(t, c.ConfigFile, configOf(one))
	e, _ := start(t, c)
	eventually(t, "the first is scraped", func() bool { v, ok := value(t, e, "temperature"); return ok && v == 1 })

	write(t, c.ConfigFile, configOf(two)+"  dns_sd_configs: [{names: [a]}]\n")
	if err := e.Reload(); err == nil || !strings.Contains(err.Error(), c.ConfigFile+": line 6: dns_sd_configs is not supported here") {
		t.Errorf("got %v", err)
	}
	write(t, c.ConfigFile, configOf(two))
	if err := e.Reload(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the second is scraped", func() bool { v, ok := value(t, e, "max(temperature)"); return ok && v == 2 })
}
