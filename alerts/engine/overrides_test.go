package engine

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
)

const overrideFile = `groups:
  - name: mine
    rules:
      - record: RECORD
        labels: {LABELS}
        expr: EXPR
`

func overriding(record, labels, expr string) string {
	return strings.NewReplacer("RECORD", record, "LABELS", labels, "EXPR", expr).Replace(overrideFile)
}

func TestOverrideThatChangesNothing(t *testing.T) {
	const (
		alert   = "virt:alert_threshold:override"
		ratio   = "virt_fs:overhead_ratio:threshold:override"
		seconds = "virt_fs:overhead_seconds:threshold:override"
	)
	tests := []struct {
		name, record, labels, expr string
		want                       string // empty: it changes one
	}{
		{"right", alert, "alert: VirtGuestCPUStealHigh, severity: warning", "vector(0.2)", ""},
		{"a number", alert, "alert: VirtGuestCPUStealHigh, severity: warning", "0.2", ""},
		{"with all that it needs", alert, "alert: VirtNoisyNeighbour, severity: warning, resource: io", "vector(0.2)", ""},
		{"with a label of the user's own", alert, "alert: VirtGuestCPUStealHigh, severity: warning, team: a", "vector(0.2)", ""},
		{"labels in the expression", alert, "severity: warning", `label_replace(vector(0.2), "alert", "VirtGuestCPUStealHigh", "", "")`, ""},
		{"as many times the default", alert, "alert: VirtGuestCPUStealHigh, severity: warning", `virt:alert_threshold:default{alert="VirtGuestCPUStealHigh",severity="warning"} * 2`, ""},
		{"the right labels of a series that is scraped", alert, "alert: VirtGuestCPUStealHigh", "my_thresholds", ""},
		{"by the hour", alert, "alert: VirtGuestCPUStealHigh, severity: warning", "vector(0.2) and on () hour() > 8", ""},
		{"of a file system", ratio, "severity: warning, op: stat", "vector(20)", ""},
		{"of an overlay", seconds, "severity: critical, op: stat, class: overlay", "vector(20)", ""},

		{
			"a misspelt alert", alert, "alert: VirtGuestCpuStealHigh, severity: warning", "vector(0.2)",
			`there is no default with {alert="VirtGuestCpuStealHigh", severity="warning"}: no alert has this name`,
		},
		{
			"an alert without a threshold", alert, "alert: VirtGuestOOMKilled, severity: warning", "vector(0.2)",
			`there is no default with {alert="VirtGuestOOMKilled", severity="warning"}: this alert has no such threshold`,
		},
		{
			"no such severity", alert, "alert: VirtGuestCPUThrottled, severity: critical", "vector(0.2)",
			`there is no default with {alert="VirtGuestCPUThrottled", severity="critical"}, but with {alert="VirtGuestCPUThrottled", severity="warning"}`,
		},
		{
			"a label is lacking", alert, "alert: VirtNoisyNeighbour, severity: warning", "vector(0.2)",
			`there is no default with {alert="VirtNoisyNeighbour", severity="warning"}, but with {alert="VirtNoisyNeighbour", resource="cpu", severity="warning"}, `,
		},
		{"no labels", alert, "", "vector(0.2)", "there is no default with {}, but with {alert="},
		{
			"a label too many", alert, "alert: VirtGuestCPUStealHigh, severity: warning, resource: cpu", "vector(0.2)",
			`there is no default with {alert="VirtGuestCPUStealHigh", resource="cpu", severity="warning"}, but with {alert="VirtGuestCPUStealHigh", severity="warning"}`,
		},
		{
			"one of two in the expression", alert, "alert: VirtGuestCPUStealHigh", `label_replace(vector(1), "severity", "warning", "", "") or label_replace(vector(1), "severity", "page", "", "")`,
			`there is no default with {alert="VirtGuestCPUStealHigh", severity="page"}, but with`,
		},
		{"wrong labels of a series that is scraped", alert, "alert: VirtMisspelt", "my_thresholds", `there is no default with {alert="VirtMisspelt"}: no alert has this name`},
		{"a file system's without its operation", ratio, "severity: warning", "vector(20)", `there is no default with {severity="warning"}, but with {op="`},
		{
			"a file system's with a label of the user's own", ratio, "severity: warning, op: stat, team: a", "vector(20)",
			`there is no default with {op="stat", severity="warning", team="a"}, but with {op="stat", severity="warning"}`,
		},
		{"a misspelt family", "virt:alert_treshold:override", "alert: VirtGuestCPUStealHigh, severity: warning", "vector(0.2)", "no rule reads virt:alert_treshold:override"},
		{"a misspelt override", "virt:alert_threshold:overide", "alert: VirtGuestCPUStealHigh, severity: warning", "vector(0.2)", "no rule reads virt:alert_threshold:overide"},
		{"somebody else's", "team:threshold:override", "", "vector(1)", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file := rulesFile(t, overriding(tt.record, tt.labels, tt.expr))
			p := parser.NewParser(parser.Options{})
			set, err := newLoader(p, quiet()).ruleSet(true, []string{file})
			if err != nil {
				t.Fatal(err)
			}
			got := newOverrides(p, set.groups).voids(set)
			if tt.want == "" {
				if len(got) > 0 {
					t.Errorf("got %q", got[0].why)
				}
				return
			}
			if len(got) != 1 || !strings.HasPrefix(got[0].why, tt.want) {
				t.Fatalf("got %v, want %q", got, tt.want)
			}
			if got[0].file != file || got[0].line != 4 || got[0].group != "mine" || got[0].record != tt.record {
				t.Errorf("not where it is: %+v", got[0])
			}
		})
	}
}

func TestOverrideWithoutTheBundledRules(t *testing.T) {
	file := rulesFile(t, overriding("virt:alert_threshold:override", "alert: VirtGuestCPUStealHigh, severity: warning", "vector(0.2)"))
	p := parser.NewParser(parser.Options{})
	set, err := newLoader(p, quiet()).ruleSet(false, []string{file})
	if err != nil {
		t.Fatal(err)
	}
	got := newOverrides(p, set.groups).voids(set)
	if len(got) != 1 || got[0].why != "no rule reads virt:alert_threshold:override" {
		t.Errorf("got %v", got)
	}
}

// Both the log and the page say it, and a reload that corrects it ends it.
func TestOverrideThatChangesNothingIsSaid(t *testing.T) {
	wrong := overriding("virt:alert_threshold:override", "alert: VirtMisspelt, severity: warning", "vector(0.2)")
	file := rulesFile(t, wrong)
	c := testConfig(t)
	c.Bundled, c.RuleFiles = true, []string{file}
	var log bytes.Buffer
	e, err := New(c, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn})), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	const message = `level=WARN msg="An override changes no threshold"`
	if strings.Count(log.String(), message) != 1 || !strings.Contains(log.String(), " file="+file+" line=4 group=mine record=virt:alert_threshold:override reason=") {
		t.Errorf("the log: %s", log.String())
	}
	troubles := e.troubles()
	if len(troubles) != 1 || troubles[0].Kind != kindThreshold || !strings.HasSuffix(troubles[0].What, "virt:alert_threshold:override in line 4 of "+file) || !strings.Contains(troubles[0].Why, "no alert has this name") {
		t.Errorf("troubles: %+v", troubles)
	}

	write(t, file, wrong+"      - {record: 'a:b', expr: sum(}\n")
	if err := e.Reload(); err == nil {
		t.Error("a bad file was loaded")
	}
	if strings.Count(log.String(), message) != 1 {
		t.Errorf("what was not loaded is said: %s", log.String())
	}
	write(t, file, strings.ReplaceAll(wrong, "VirtMisspelt", "VirtGuestCPUStealHigh"))
	if err := e.Reload(); err != nil {
		t.Fatal(err)
	}
	if got := e.troubles(); len(got) > 0 {
		t.Errorf("still: %v", got)
	}
}
