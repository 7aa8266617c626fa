package engine

import (
	"io/fs"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/relabel"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/virt-exporter/virt_exporter/alerts"
)

func newParser() parser.Parser { return parser.NewParser(parser.Options{}) }

func keeps(t *testing.T, exprs, extra []string) func(string) bool {
	t.Helper()
	var groups []rulefmt.RuleGroup
	for _, e := range exprs {
		groups = append(groups, rulefmt.RuleGroup{Rules: []rulefmt.Rule{{Record: "r", Expr: e}}})
	}
	f, err := keepList(newParser(), groups, nil, extra)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := f.relabeling()
	if err != nil {
		t.Fatal(err)
	}
	return func(name string) bool {
		keep := relabel.ProcessBuilder(labels.NewBuilder(labels.FromStrings("__name__", name)), cfg)
		return keep
	}
}

func TestKeepList(t *testing.T) {
	tests := []struct {
		expr     string
		extra    []string
		yes, not string
	}{
		{expr: "a_total", yes: "a_total", not: "a a_total_more xa_total b"},
		{expr: "sum by (x) (rate(a_total[5m])) / on (x) group_left b offset 5m", yes: "a_total b", not: "c x"},
		{expr: "max_over_time((a - b)[1h:1m]) unless absent(c)", yes: "a b c", not: "d"},
		{expr: "histogram_quantile(0.9, rate(h_bucket[5m]))", yes: "h_bucket h", not: "h_sum g_bucket"},
		{expr: "h_count", yes: "h_count h", not: "h_bucket"},
		{expr: "histogram_quantile(0.9, rate(h[5m]))", yes: "h h_bucket h_sum h_count", not: "h_max"},
		{expr: `{__name__="a.b", x="y"}`, yes: "a.b", not: "axb"},
		{expr: `{__name__=~"virt_(a|b)"}`, yes: "virt_a virt_b", not: "virt_c"},
		{expr: `{__name__=~"virt_.+_seconds_total", __name__!="x"}`, yes: "virt_cpu_seconds_total", not: "virt_x a"},
		{expr: `{job="x"}`, yes: "anything"},
		{expr: `{__name__!="a", job="x"}`, yes: "anything"},
		{expr: "level:name:sum", not: "level:name:sum level"},
		{expr: "vector(1)", not: "a", extra: []string{"node_.*", "b|c"}, yes: "node_load1 b c"},
	}
	for _, tt := range tests {
		t.Run(tt.expr, func(t *testing.T) {
			keep := keeps(t, []string{tt.expr}, tt.extra)
			for n := range strings.FieldsSeq(tt.yes) {
				if !keep(n) {
					t.Errorf("%s is dropped", n)
				}
			}
			for n := range strings.FieldsSeq(tt.not) {
				if keep(n) {
					t.Errorf("%s is kept", n)
				}
			}
		})
	}
}

func TestKeepListOfNothingKeepsNothing(t *testing.T) {
	if keeps(t, nil, nil)("virt_guest_info") {
		t.Error("kept")
	}
}

func TestKeepListNamesWhatIsBad(t *testing.T) {
	for _, tt := range []struct{ exprs, extra, want string }{
		{"sum(", "", "keep for"},
		{"a", "(", "keep: "},
	} {
		if _, err := keepList(newParser(), nil, []string{tt.exprs}, []string{tt.extra}); err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("got %v, want %s", err, tt.want)
		}
	}
}

func TestBundledRulesAreValid(t *testing.T) {
	l := newLoader(newParser(), quiet())
	s, err := l.ruleSet(true, nil)
	if err != nil {
		t.Fatal(err)
	}
	names, err := fs.Glob(alerts.Rules(), "*")
	if err != nil || len(s.files) != len(names) || s.count() == 0 {
		t.Errorf("%d of %d files, %d rules: %v", len(s.files), len(names), s.count(), err)
	}
	f, err := keepList(newParser(), s.groups, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if f[".*"] {
		t.Error("a bundled rule reads every family")
	}
	t.Logf("%d files, %d groups, %d rules, %d patterns", len(s.files), len(s.groups), s.count(), len(f))
}

// An alert that says what it knows asks for more than its expression reads.
func TestKeepListHoldsWhatAnnotationsQuery(t *testing.T) {
	groups := []rulefmt.RuleGroup{{Rules: []rulefmt.Rule{{
		Alert: "A", Expr: "a_total > 1",
		Annotations: map[string]string{"description": `no_query {{ with printf "max(b_bytes{guest=%q})" $labels.guest | query }}{{ end }}` +
			"{{ query `c_info` | first }}"},
	}}}}
	got, err := keepList(parser.NewParser(parser.Options{}), groups, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"a_total": true, "b_bytes": true, "c_info": true, "no_query": false} {
		if got[name] != want {
			t.Errorf("%s: %t", name, got[name])
		}
	}
}
