package main

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/virt-exporter/virt_exporter/alerts"
	"github.com/virt-exporter/virt_exporter/dashboards"
)

// rules returns every rule of some files, as it is evaluated.
func rules(t *testing.T, files fs.FS, pattern string) map[string]any {
	t.Helper()
	names, err := fs.Glob(files, pattern)
	if err != nil || len(names) == 0 {
		t.Fatalf("no files %s: %v", pattern, err)
	}
	all := map[string]any{}
	for _, name := range names {
		b, err := fs.ReadFile(files, name)
		if err != nil {
			t.Fatal(err)
		}
		var file struct {
			Groups []struct {
				Name     string `yaml:"name"`
				Interval string `yaml:"interval"`
				Rules    []any  `yaml:"rules"`
			} `yaml:"groups"`
		}
		if err := yaml.Unmarshal(b, &file); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, g := range file.Groups {
			all[g.Name+" "+g.Interval] = g.Rules
		}
	}
	return all
}

func TestMixinHasEveryRuleAndDashboard(t *testing.T) {
	dir := t.TempDir()
	if err := write(dir, alerts.Rules(), dashboards.Files()); err != nil {
		t.Fatal(err)
	}
	made := os.DirFS(dir)
	if diff := cmp.Diff(rules(t, alerts.Rules(), "*.rules.yml"), rules(t, made, "prometheus_*.yaml")); diff != "" {
		t.Errorf("the rules of the mixin are not those of the rule files:\n%s", diff)
	}
	want, _ := fs.Glob(dashboards.Files(), "*.json")
	got, err := fs.Glob(made, "dashboards_out/*.json")
	if err != nil || len(got) != len(want) {
		t.Errorf("%d dashboards of %d: %v", len(got), len(want), err)
	}
}

func TestMixinPassesPromtool(t *testing.T) {
	promtool := os.Getenv("PROMTOOL")
	if promtool == "" {
		var err error
		if promtool, err = exec.LookPath("promtool"); err != nil {
			t.Skip("promtool is not installed")
		}
	}
	dir := t.TempDir()
	if err := write(dir, alerts.Rules(), dashboards.Files()); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), promtool, "check", "rules", "--lint-fatal",
		filepath.Join(dir, "prometheus_alerts.yaml"), filepath.Join(dir, "prometheus_rules.yaml"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, strings.TrimSpace(string(out)))
	}
}
