package engine

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/virt-exporter/virt_exporter/alerts"
)

// labelSet is the labels that the series of a name can have. Nil is any.
type labelSet map[string]bool

// everywhere are labels that scrapers give, or that all series of a kind have.
var everywhere = []string{"job", "instance", "vm_host", "kind", "runtime", "guest"}

// schema returns the labels of each family of the exporter's table.
func schema(t *testing.T) map[string]labelSet {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "..", "collector", "METRICS.md"))
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]labelSet{
		"up":                       labelled(nil),
		"virt_exporter_build_info": labelled([]string{"version", "revision", "branch", "goversion", "goos", "goarch", "tags"}),
		"ALERTS_FOR_STATE":         nil,
		"ALERTS":                   nil,
	}
	row := regexp.MustCompile("^\\|[^|]*`(virt_[a-z0-9_]+)` \\| (\\w+) \\|([^|]*)\\|")
	quoted := regexp.MustCompile("`([a-z_]+)`")
	var shared []string
	for line := range strings.Lines(string(page)) {
		if strings.HasPrefix(line, "## ") {
			shared = nil
			if strings.Contains(line, "File systems") {
				shared = []string{"mountpoint"}
			}
		}
		m := row.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		labels := labelled(shared)
		for _, l := range quoted.FindAllStringSubmatch(m[3], -1) {
			labels[l[1]] = true
		}
		there[m[1]] = labels
		if m[2] == "histogram" {
			for _, suffix := range []string{"_count", "_sum", "_bucket"} {
				there[m[1]+suffix] = labels
			}
		}
	}
	if len(there) < 80 {
		t.Fatalf("METRICS.md has %d families", len(there))
	}
	return there
}

func labelled(more []string) labelSet {
	s := labelSet{}
	for _, l := range slices.Concat(everywhere, more) {
		s[l] = true
	}
	return s
}

// ruleSchema returns the labels of each family of the exporter and of each series that
// rules record, and all labels there are.
func ruleSchema(t *testing.T) (there map[string]labelSet, known labelSet) {
	t.Helper()
	there = schema(t)
	known = labelled([]string{"le", "__name__"})
	for _, labels := range there {
		maps.Copy(known, labels)
	}
	for _, g := range bundledGroups(t) {
		for _, r := range g.Rules {
			if r.Record != "" {
				there[r.Record] = nil // with the labels of what it is made of
				there[r.Record+":override"] = nil
			}
			for l := range r.Labels {
				known[l] = true
			}
			for _, m := range labelMade.FindAllStringSubmatch(r.Expr, -1) {
				known[m[1]] = true
			}
		}
	}
	for _, of := range []string{"virt:alert_threshold", "virt_fs:overhead_ratio:threshold", "virt_fs:overhead_seconds:threshold"} {
		there[of+":override"] = nil
	}
	for _, name := range []string{"host_instance", "alertname", "alertstate"} {
		known[name] = true
	}
	return there, known
}

// Every metric and label that a rule names must be one that the exporter gives or
// that a rule makes.
func TestRulesNameWhatThereIs(t *testing.T) {
	there, known := ruleSchema(t)
	p := parser.NewParser(parser.Options{})
	for _, g := range bundledGroups(t) {
		for _, r := range g.Rules {
			for _, why := range strangers(t, p, r.Expr, there, known) {
				t.Errorf("%s%s: %s", r.Record, r.Alert, why)
			}
		}
	}
}

// strangers returns the metrics and labels of an expression that nobody knows.
func strangers(t *testing.T, p parser.Parser, expr string, there map[string]labelSet, known labelSet) (all []string) {
	t.Helper()
	root, err := p.ParseExpr(expr)
	if err != nil {
		t.Fatalf("%s: %v", expr, err)
	}
	labels := func(names []string, of labelSet, what string) {
		for _, l := range names {
			if !known[l] || (of != nil && !of[l]) {
				all = append(all, what+" has no label "+l)
			}
		}
	}
	parser.Inspect(root, func(n parser.Node, _ []parser.Node) error {
		switch n := n.(type) {
		case *parser.VectorSelector:
			of, ok := there[n.Name]
			if !ok && n.Name != "" {
				all = append(all, "nobody gives "+n.Name)
			}
			for _, m := range n.LabelMatchers {
				if m.Name != model.MetricNameLabel {
					labels([]string{m.Name}, of, n.Name)
				}
			}
		case *parser.AggregateExpr:
			labels(n.Grouping, nil, "a grouping's series")
		case *parser.BinaryExpr:
			if n.VectorMatching != nil {
				labels(n.VectorMatching.MatchingLabels, nil, "a matched series")
				labels(n.VectorMatching.Include, nil, "a matched series")
			}
		}
		return nil
	})
	return all
}

func bundledGroups(t *testing.T) (groups []rulefmt.RuleGroup) {
	t.Helper()
	files, err := fs.Glob(alerts.Rules(), "*.rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := fs.ReadFile(alerts.Rules(), file)
		if err != nil {
			t.Fatal(err)
		}
		parsed, errs := rulefmt.Parse(text, false, model.UTF8Validation, parser.NewParser(parser.Options{}), quiet())
		if len(errs) > 0 {
			t.Fatal(errs)
		}
		groups = append(groups, parsed.Groups...)
	}
	return groups
}

func TestStrangersAreFound(t *testing.T) {
	there := map[string]labelSet{"a_total": {"op": true}, "b": nil}
	known := labelSet{"op": true, "device": true}
	for expr, want := range map[string]int{
		`rate(a_total{op="read"}[5m])`:    0,
		`rate(a_total{device="sda"}[5m])`: 1,
		`b{device="sda"}`:                 0,
		`c`:                               1,
		`sum by (nobody) (b)`:             1,
		`b * on (op) group_left (nowhere) a_total`:       1,
		`b and ignoring (nothing) c{op="x"} or b{zz=""}`: 3,
	} {
		if got := strangers(t, parser.NewParser(parser.Options{}), expr, there, known); len(got) != want {
			t.Errorf("%s: %q, want %d", expr, got, want)
		}
	}
}
