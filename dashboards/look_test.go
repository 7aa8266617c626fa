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

// Where of several values there is one only, Grafana leaves its name out unless it is
// asked for: 5 is then 5 of what?
func TestSingleValuesHaveTheirNames(t *testing.T) {
	one := []Query{{Expr: "up", Legend: "{{instance}} {{job}}"}}
	for name, tc := range map[string]struct {
		panel      Panel
		mode, bars any
	}{
		"a value by a label":     {panel: Panel{Draw: Stat{}, Queries: one}, mode: "value_and_name"},
		"two queries":            {panel: Panel{Draw: Stat{}, Queries: []Query{{Expr: "a", Legend: "a"}, {Expr: "b", Legend: "b"}}}, mode: "value_and_name"},
		"a value that is alone":  {panel: Panel{Draw: Stat{}, Queries: []Query{{Expr: "a", Legend: "a"}}}, mode: "auto"},
		"names instead":          {panel: Panel{Draw: Stat{Names: true}, Queries: one}, mode: "name"},
		"bars that may be alone": {panel: Panel{Draw: Bars{}, Queries: one}, bars: "${__field.labels.instance} ${__field.labels.job}"},
	} {
		t.Run(name, func(t *testing.T) {
			g := tc.panel.grafana()
			if mode, bars := g.Options["textMode"], g.FieldConfig.Defaults["displayName"]; mode != tc.mode || bars != tc.bars {
				t.Errorf("text mode %v, display name %v, want %v and %v", mode, bars, tc.mode, tc.bars)
			}
		})
	}
}

// A name of a fixed size that is too long pushes its value over the line below.
func TestNamesOnTheWallShrink(t *testing.T) {
	d := wall()
	for _, p := range d.Panels() {
		if stat, ok := p.Draw.(Stat); !ok || stat.NameSize != 0 {
			t.Errorf("%q has names of a fixed size", p.Title)
		}
	}
}

// Grafana gives the colour of the first step to what has no number. A screen on which
// nothing is known must not look like one on which all is well.
func TestNoDataDoesNotLookWell(t *testing.T) {
	n := 0
	for _, d := range All() {
		for _, p := range d.Panels() {
			if stat, ok := p.Draw.(Stat); !ok || !stat.Fill || p.NoValue != "NO DATA" || len(p.Words) == 0 {
				continue
			}
			n++
			base, colorOf := p.Steps[0].Color, ""
			for _, s := range p.Steps[1:] {
				if s.From <= 0 {
					colorOf = s.Color
				}
			}
			if base != noData || colorOf != calm {
				t.Errorf("%s, %q: NO DATA is %s, and what is well %s", d.File, p.Title, base, colorOf)
			}
		}
	}
	if n < 4 {
		t.Errorf("%d panels show a state, there should be some more", n)
	}
}

// Where series are of many hosts, those of one name on two of them are not the same.
func TestNamesOfManyHostsHaveTheirHosts(t *testing.T) {
	for _, d := range All() {
		if !d.Wall && d.File != "fleet" {
			continue
		}
		for _, p := range d.Panels() {
			if _, table := p.Draw.(Table); table {
				continue
			}
			for _, q := range p.Queries {
				if strings.Contains(q.Expr, "by (instance") && strings.Contains(q.Legend, "{{") && !strings.Contains(q.Legend, "{{instance}}") && !strings.Contains(q.Expr, "count by") {
					t.Errorf("%s, %q names its series %q, on whatever host they are", d.File, p.Title, q.Legend)
				}
			}
		}
	}
}

// A sum over the time that is shown says by itself neither little nor much.
func TestSumsOverTheTimeShownHaveNoColour(t *testing.T) {
	for _, d := range All() {
		for _, p := range d.Panels() {
			for _, q := range p.Queries {
				if _, bars := p.Draw.(Bars); bars && strings.Contains(q.Expr, "sum_over_time(") && len(p.Steps) > 0 {
					t.Errorf("%s, %q has colours of a sum over whatever time is shown", d.File, p.Title)
				}
			}
		}
	}
}

// Guests of whom nothing is measured are not well at zero times.
func TestNothingMeasuredIsNoMultiple(t *testing.T) {
	for _, f := range fleetGuestColumns() {
		if f.Name == "× alert" && (len(f.Words) != 1 || f.Words[0].Value != 0 || f.Words[0].Text != "–") {
			t.Errorf("0 of what an alert bears is shown as %v", f.Words)
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
		{grafanaMatcher{"byName", "guest"}, []grafanaProperty{{"custom.filterable", true}, {"unit", "string"}}},
		{grafanaMatcher{"byName", "tenant"}, []grafanaProperty{{"custom.filterable", true}, {"unit", "string"}}},
		{grafanaMatcher{"byName", "guest"}, []grafanaProperty{{"displayName", "Guest"}}},
	}
	if diff := cmp.Diff(want, g.FieldConfig.Overrides); diff != "" {
		t.Error(diff)
	}
}
