package dashboards

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A number that is shown as of now must not be the last one of a series that has
// ended: it is asked for alone, or with its past and whether it is still there.
func TestNumbersAreOfNow(t *testing.T) {
	for _, d := range All() {
		for _, p := range d.Panels() {
			switch p.Draw.(type) {
			case Stat, Bars:
			default:
				continue
			}
			for _, q := range p.Queries {
				now := strings.Contains(q.Expr, "} @ end()")
				if !q.Instant && !now {
					t.Errorf("%s, %q shows the last number that there was as if it were now:\n%s", d.File, p.Title, q.Expr)
				}
			}
		}
	}
}

func TestWhatIsDrawnDownwardsIsNotCutOff(t *testing.T) {
	for _, d := range All() {
		for _, p := range d.Panels() {
			below := slices.ContainsFunc(p.Fields, func(f Field) bool { return f.Below })
			if below && p.Min != nil {
				t.Errorf("%s, %q begins at %v and draws downwards", d.File, p.Title, *p.Min)
			}
		}
	}
}

func TestLettersHaveNoColourOfTheBackground(t *testing.T) {
	for _, d := range All() {
		for _, p := range d.Panels() {
			p := p.readable()
			if stat, ok := p.Draw.(Stat); ok && !stat.Fill {
				if len(p.Steps) == 0 || hasCalm(p.Steps, p.Words) {
					t.Errorf("%s, %q has letters that cannot be read", d.File, p.Title)
				}
			}
			for _, f := range p.Fields {
				if (f.Cell == "color-text" || f.Cell == "gauge") && (len(f.Steps) == 0 || hasCalm(f.Steps, f.Words)) {
					t.Errorf("%s, %q, column %q has letters that cannot be read", d.File, p.Title, f.Name)
				}
			}
		}
	}
}

func hasCalm(steps []Step, words []Word) bool {
	return slices.ContainsFunc(steps, func(s Step) bool { return s.Color == calm }) ||
		slices.ContainsFunc(words, func(w Word) bool { return w.Color == calm })
}

// What is told where a table is empty is not for its cells, and a guest named 101 is
// not 10,100 %.
func TestCellsOfTables(t *testing.T) {
	panel := Panel{
		Title: "t", Draw: Table{By: []string{"guest"}, Also: []string{"tenant"}}, Unit: "percentunit", NoValue: "no guests",
		Fields: []Field{{Name: "guest", Title: "Guest"}}, Queries: []Query{{Expr: "up", Column: "Up"}},
	}
	g := panel.grafana()
	if g.FieldConfig.Defaults["noValue"] != "no guests" {
		t.Errorf("an empty table says %v", g.FieldConfig.Defaults["noValue"])
	}
	want := []grafanaOverride{
		{grafanaMatcher{"byRegexp", "/.*/"}, []grafanaProperty{{"noValue", "–"}}},
		{grafanaMatcher{"byName", "guest"}, []grafanaProperty{{"unit", "string"}}},
		{grafanaMatcher{"byName", "tenant"}, []grafanaProperty{{"unit", "string"}}},
		{grafanaMatcher{"byName", "guest"}, []grafanaProperty{{"displayName", "Guest"}}},
	}
	if diff := cmp.Diff(want, g.FieldConfig.Overrides); diff != "" {
		t.Error(diff)
	}
}
