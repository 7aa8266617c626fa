package engine

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/virt-exporter/virt_exporter/dashboards"
)

// sketchSpan is how long the time is that panels of a sketch show.
const sketchSpan = time.Hour

// sketch is a fleet without series but those that a test writes down.
type sketch struct{ *fleet }

// newSketch stores series such as `up{job="a"} 1x60`: a sample a minute, in the notation
// of promtool's tests, from the beginning of the time that is shown.
func newSketch(t *testing.T, series []string) *sketch {
	t.Helper()
	s := &sketch{newFleet(t, nil)}
	app := s.db.Appender(t.Context())
	for _, line := range series {
		name, values, err := parser.NewParser(parser.Options{}).ParseSeriesDesc(line)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		for i, v := range values {
			if v.Omitted {
				continue
			}
			if _, err := app.Append(0, name, s.end.Add(-sketchSpan+time.Duration(i)*time.Minute).UnixMilli(), v.Value); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
		}
	}
	if err := app.Commit(); err != nil {
		t.Fatal(err)
	}
	return s
}

// panel returns what a query of a panel shows: the last value of each of its series by
// its labels. key is as queryKey has it.
func (s *sketch) panel(t *testing.T, key string, chosen dashboards.Replacements) map[string]float64 {
	t.Helper()
	with := dashboards.Defaults()
	maps.Copy(with, chosen)
	for _, d := range dashboards.All() {
		for _, p := range d.Panels() {
			for i, q := range p.Queries {
				if queryKey(&d, &p, i) == key {
					return s.ask(t, dashboards.Resolve(q.Expr, with), q.Instant)
				}
			}
		}
	}
	t.Fatalf("there is no %s", key)
	return nil
}

func (s *sketch) ask(t *testing.T, expr string, now bool) map[string]float64 {
	t.Helper()
	query, err := s.query.NewInstantQuery(t.Context(), s.db, nil, expr, s.end)
	if !now {
		query, err = s.query.NewRangeQuery(t.Context(), s.db, nil, expr, s.end.Add(-sketchSpan), s.end, time.Minute)
	}
	if err != nil {
		t.Fatalf("%s: %v", expr, err)
	}
	defer query.Close()
	shown := map[string]float64{}
	name := func(of labels.Labels) string {
		var words []string
		of.Range(func(l labels.Label) { words = append(words, l.Value) })
		return strings.Join(words, " ")
	}
	result := query.Exec(t.Context())
	if result.Err != nil {
		t.Fatalf("%s: %v", expr, result.Err)
	}
	switch value := result.Value.(type) {
	case promql.Vector:
		for _, v := range value {
			shown[name(v.Metric)] = v.F
		}
	case promql.Matrix:
		for _, v := range value {
			shown[name(v.Metric)] = v.Floats[len(v.Floats)-1].F
		}
	}
	return shown
}

// ofGuest names a series of a guest of the host h1.
func ofGuest(name, kind, runtime, guest, more string) string {
	return fmt.Sprintf(`%s{job="virt",instance="h1",kind=%q,runtime=%q,guest=%q%s}`, name, kind, runtime, guest, more)
}

// eachGuest writes a line for each of n containers of the host h1.
func eachGuest(n int, prefix, family, more, values string) (lines []string) {
	for i := range n {
		lines = append(lines, ofGuest(family, "container", "docker", fmt.Sprintf("%s-%d", prefix, i), more)+" "+values)
	}
	return lines
}

// drawing is what a panel must show of some series.
type drawing struct {
	panel  string
	series []string
	chosen dashboards.Replacements
	want   map[string]float64
}

func checkDrawings(t *testing.T, drawings map[string]drawing) {
	t.Helper()
	for name, d := range drawings {
		t.Run(name, func(t *testing.T) {
			got := newSketch(t, d.series).panel(t, d.panel, d.chosen)
			if diff := cmp.Diff(d.want, got, cmpopts.EquateApprox(0, 0.01), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s shows (-want +got):\n%s", d.panel, diff)
			}
		})
	}
}
