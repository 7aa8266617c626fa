package engine

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"

	"github.com/virt-exporter/virt_exporter/dashboards"
)

// notInStory are the queries that find nothing in the story, with the reason: the
// recording has nothing of the kind.
var notInStory = map[string]string{
	"virt-host/Guests that the host has swapped out":                    "the recorded machine has no swap",
	"virt-host/Killed for want of memory/{{guest}}":                     "nobody is killed in the hour before the busiest moment",
	"virt-guest/I/O: added by the virtual disk":                         "no disk in the recording is timed on both sides",
	"virt-guest/Exits, by the processor's reason":                       "the recorded machines are emulated, which has no exits",
	"virt-filesystems/What the last cycle left out, and why":            "nothing is left out",
	"virt-neighbours/What it wanted, and what it got/its limit":         "no victim of a neighbour has a quota",
	"virt-exporter/virt_alerter: troubles":                              "no alerter is scraped",
	"virt-exporter/virt_alerter: rules that take long":                  "no alerter is scraped",
	"virt-exporter/virt_alerter: memory and series/series {{instance}}": "no alerter is scraped",
	"virt-exporter/virt_alerter: memory and series/memory {{instance}}": "no alerter is scraped",
}

// zeroInStory are the queries that find zeros alone, with the reason.
var zeroInStory = map[string]string{
	"virt-host/Memory that is promised and used/swapped out":           "the recorded machine has no swap",
	"virt-guest/Memory/swapped by the host":                            "the recorded machine has no swap",
	"virt-neighbours/Its memory/swapped out":                           "the recorded machine has no swap",
	"virt-host/What cannot be seen here, and why":                      "its value says nothing, its labels do",
	"virt-guest/Memory: needed again/faults that read":                 "what they need again is read as files",
	"virt-guest/CPU of the hypervisor's process/guest mode":            "the recorded machines are emulated",
	"virt-guest/Network: dropped":                                      "nothing is dropped",
	"virt-guest/Directories of the host that it is given/Unanswered":   "all that are given to machines answer",
	"virt-filesystems/Directories that are given to guests/Unanswered": "all that are given to machines answer",
	"virt-filesystems/Longest without an answer/given to guests":       "all that are given to machines answer",
	"virt-exporter/Left out":                                           "nothing is left out",
	"virt-exporter/Left out, by source":                                "nothing is left out",
	"virt-exporter/Names that were taken":                              "no two guests have one name",
}

// unlabelledInStory are labels that no series of a query has, as query: label, with the
// reason.
var unlabelledInStory = map[string]string{
	"virt-wall/File systems: guest":                          "the slowest directories are the hosts' own",
	"virt-fleet/Guests: the 100 that are hurt most: vm_host": "no libvirtd of another machine is asked",
	"virt-guest/Who it is: parent":                           "no guest runs in a container",
	"virt-exporter/Versions: version":                        "the recorded exporter was built without one",
}

// Every query of every panel must find something in the story, for an hour and for a
// day, for some values of the variables: something that is not zero, all day where it
// is recorded all day, with the labels that its panel shows.
func TestDashboardsShowTheStory(t *testing.T) {
	e, end := storyEngine(t)
	known, listed := map[string]bool{}, map[string]bool{}
	list := func(of map[string]string, key string) bool {
		known[key] = true
		if of[key] != "" {
			listed[key] = true
		}
		return of[key] != ""
	}
	for _, d := range dashboards.All() {
		t.Run(d.UID, func(t *testing.T) {
			sets := assignments(t, e, &d, end)
			for _, p := range d.Panels() {
				some, linked := false, map[string]bool{}
				for i, q := range p.Queries {
					key := queryKey(&d, &p, i)
					v := view{e: e, end: end, panel: &p, query: q, wants: labelsOfQuery(&p, q)}
					got := v.look(t, sets)
					maps.Copy(linked, got.labels)
					some = some || got.missing() == ""
					if missing := got.missing(); missing != "" {
						if !list(notInStory, key) {
							t.Errorf("%s finds nothing over %s:\n%s", key, missing, q.Expr)
						}
						continue
					}
					if !got.nonZero && !list(zeroInStory, key) && !raceDetector {
						t.Errorf("%s finds zeros alone:\n%s", key, q.Expr)
					}
					for _, label := range legendLabels(q) {
						if !got.labels[label] && !list(unlabelledInStory, key+": "+label) {
							t.Errorf("%s: no series has the label %s that %q names", key, label, q.Legend)
						}
					}
					if all := got.rounds(); !raceDetector && all > 0 && all < rounds/2 {
						t.Errorf("%s has points in %d of the %d rounds of a day:\n%s", key, all, rounds, q.Expr)
					}
				}
				if !some && len(p.Queries) > 0 && p.MayBeEmpty == "" {
					t.Errorf("%s/%s: the story shows that it may be empty, the panel does not say why", d.UID, p.Title)
				}
				for _, label := range panelLabels(&p) {
					if key := d.UID + "/" + p.Title + ": " + label; some && !linked[label] && !list(unlabelledInStory, key) {
						t.Errorf("%s: no series has it, a column or a link does", key)
					}
				}
			}
		})
	}
	t.Run("at its busiest", func(t *testing.T) { checkBusiest(t, e, end) })
	for _, of := range []map[string]string{notInStory, zeroInStory, unlabelledInStory} {
		for _, key := range slices.Sorted(maps.Keys(of)) {
			if !listed[key] && !raceDetector {
				t.Errorf("%s has data, or is no query: take it off the list", key)
			}
		}
	}
}

// rounds is how often the story is told in a day.
const rounds = 12

// view is a query as Grafana asks for it.
type view struct {
	e     *Engine
	end   time.Time
	panel *dashboards.Panel
	query dashboards.Query
	wants []string // labels
}

// seen is what a query found, for any of the values of variables.
type seen struct {
	spans   map[time.Duration]bool // with numbers
	nonZero bool
	labels  map[string]bool // that are not empty
	inRound [rounds]bool    // in the window before its end; the last one is the first
}

var storySpans = []time.Duration{time.Hour, storyPast}

// missing returns the time over which there is no number, or nothing.
func (s *seen) missing() string {
	for _, span := range storySpans {
		if !s.spans[span] {
			return span.String()
		}
	}
	return ""
}

// rounds returns in how many rounds there are points, of what the last one has.
func (s *seen) rounds() (n int) {
	for _, there := range s.inRound {
		if there && s.inRound[0] {
			n++
		}
	}
	return n
}

// look asks with one set of values after the other until all is found.
func (v *view) look(t *testing.T, sets []dashboards.Replacements) *seen {
	t.Helper()
	s := &seen{spans: map[time.Duration]bool{}, labels: map[string]bool{}}
	enough := func() bool {
		for _, l := range v.wants {
			if !s.labels[l] {
				return false
			}
		}
		all := s.rounds()
		return s.missing() == "" && (raceDetector || s.nonZero && (all == 0 || all >= rounds/2))
	}
	for _, set := range sets {
		for _, span := range storySpans {
			for _, before := range storyMoments {
				if before == 0 || v.query.Instant && !enough() {
					v.at(t, v.end.Add(-before), span, set, s)
				}
			}
		}
		if enough() {
			break
		}
	}
	return s
}

// at asks for what is shown at a time.
func (v *view) at(t *testing.T, end time.Time, span time.Duration, set dashboards.Replacements, s *seen) {
	t.Helper()
	points := panelWidth
	if _, heat := v.panel.Draw.(dashboards.Heatmap); heat {
		points = heatmapWidth
	}
	least := datasourceScrape
	if own := v.query.MinStep(); own != "" {
		var err error
		if least, err = time.ParseDuration(own); err != nil {
			t.Fatal(err)
		}
	}
	step := max(span/time.Duration(points), least).Round(15 * time.Second)
	with := maps.Clone(set)
	maps.Copy(with, dashboards.Replacements{
		"__range": seconds(span), "__range_s": fmt.Sprint(span.Seconds()), "__interval": seconds(step),
		"__rate_interval": seconds(max(step+least, 4*least)),
	})
	expr := dashboards.Resolve(v.query.Expr, with)
	query, err := v.e.query.NewInstantQuery(t.Context(), v.e.storage, nil, expr, end)
	if !v.query.Instant {
		query, err = v.e.query.NewRangeQuery(t.Context(), v.e.storage, nil, expr, end.Add(-span), end, step)
	}
	if err != nil {
		t.Fatalf("%s: %v", expr, err)
	}
	defer query.Close()
	got := query.Exec(t.Context())
	if got.Err != nil {
		t.Errorf("%s: %v", expr, got.Err)
		return
	}
	s.add(t, expr, got, span, end)
}

// add takes in what was found. What a division by nothing gives, and a quantile of
// nothing, is no number; Grafana draws nothing for it. One that is infinite fails the
// test.
func (s *seen) add(t *testing.T, expr string, got *promql.Result, span time.Duration, end time.Time) {
	t.Helper()
	number := func(f float64, of labels.Labels) bool {
		if math.IsInf(f, 0) {
			t.Errorf("%s: %s is infinite", expr, of)
		}
		if math.IsNaN(f) {
			return false
		}
		s.spans[span] = true
		s.nonZero = s.nonZero || f != 0
		return true
	}
	labelled := func(of labels.Labels) {
		of.Range(func(l labels.Label) { s.labels[l.Name] = true })
	}
	switch value := got.Value.(type) {
	case promql.Vector:
		for _, sample := range value {
			if sample.H == nil && number(sample.F, sample.Metric) {
				labelled(sample.Metric)
			}
		}
	case promql.Matrix:
		for _, series := range value {
			for _, p := range series.Floats {
				if !number(p.F, series.Metric) {
					continue
				}
				labelled(series.Metric)
				ago := end.Sub(time.UnixMilli(p.T))
				if round := int(ago / (storyPast / rounds)); span == storyPast && round < rounds && ago%(storyPast/rounds) < storyWindow {
					s.inRound[round] = true
				}
			}
		}
	case promql.Scalar:
		number(value.V, labels.EmptyLabels())
	}
}
