package engine

import (
	"fmt"
	"maps"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/virt-exporter/virt_exporter/dashboards"
	"github.com/virt-exporter/virt_exporter/fixtures/story"
)

const (
	// The story is scraped as seldom as its rates of 5 minutes allow, and its rules are
	// evaluated for some minutes before the busiest moment of each round, but all the
	// time in the last one: that is what a day costs.
	storyScrape      = 2 * time.Minute
	storyEvaluation  = 4 * time.Minute
	storyWindow      = 16 * time.Minute
	storyPast        = 24 * time.Hour
	panelWidth       = 1000             // pixels, each of which may have a point
	heatmapWidth     = 120              // columns
	datasourceScrape = 15 * time.Second // what Grafana is told of how often there are samples, more than there are
	mostAssignments  = 40               // of values of variables that are tried
)

// storyMoments are how long before the busiest moment queries of one moment are asked,
// until all is found: earlier there are mounts that are slow and not stuck, and in the
// round before an exporter and libvirtd that do not answer.
var storyMoments = []time.Duration{0, 35 * time.Minute, 81 * time.Minute}

// storyEngine returns an engine that has seen a day of the story, up to its busiest
// moment, and when that was.
func storyEngine(t *testing.T) (*Engine, time.Time) {
	t.Helper()
	told, err := story.Bundled()
	if err != nil {
		t.Fatal(err)
	}
	moment := told.Busy()
	for moment < storyPast {
		moment += told.Length()
	}
	end := time.Now().Truncate(time.Minute)
	begin := end.Add(-moment)
	c := testConfig(t)
	c.Bundled, c.KeepFor = true, dashboards.Expressions()
	e, _ := played(t, c)
	var targets []Played
	for _, h := range told.From(begin).Hosts() {
		targets = append(targets, Played{Job: h.Job(), Instance: h.Name(), Expose: func(now time.Time, to []byte) ([]byte, bool) {
			return h.Expose(now.Sub(begin), to), h.Up(now.Sub(begin))
		}})
	}
	cpu := cpuTime(t)
	defer debug.SetGCPercent(debug.SetGCPercent(300)) // memory is cheaper than time here
	playStory(t, e, targets, end, told.Length())
	t.Logf("playing %d hosts took %s of CPU", len(targets), cpuTime(t)-cpu)
	for _, g := range e.played {
		for _, r := range g.Rules() {
			if err := r.LastError(); err != nil {
				t.Errorf("rule %s: %v", r.Name(), err)
			}
		}
	}
	return e, end
}

// playStory plays a day that ends at the busiest moment of a round.
func playStory(t *testing.T, e *Engine, targets []Played, end time.Time, round time.Duration) {
	t.Helper()
	from := end.Add(-storyPast)
	play := func(to time.Time, step, every time.Duration) {
		t.Helper()
		if err := e.Play(t.Context(), targets, from, to, step, every); err != nil {
			t.Fatal(err)
		}
		from = to
	}
	before := func(to time.Time) { // rules are evaluated in the window alone
		t.Helper()
		window := storyWindow
		if raceDetector {
			window -= storyEvaluation
		}
		play(to.Add(-window), storyScrape, storyPast)
		play(to, storyScrape, storyEvaluation)
	}
	now := end.Add(-2 * storyScrape) // which must not be long ago
	if raceDetector {
		// Then there is only what is asked of the last round.
		for _, ago := range slices.Backward(storyMoments) {
			to := end.Add(-max(ago, 2*storyScrape))
			play(to.Add(-storyWindow-lookback), 2*time.Hour, storyPast)
			before(to)
		}
	} else {
		for from.Before(end.Add(-round)) {
			before(from.Add(round))
		}
		play(now, storyScrape, storyEvaluation)
	}
	play(end, storyScrape, storyScrape)
}

// queryKey names a query of a dashboard.
func queryKey(d *dashboards.Dashboard, p *dashboards.Panel, i int) string {
	key := d.UID + "/" + p.Title
	if len(p.Queries) == 1 {
		return key
	}
	q := p.Queries[i]
	if name := q.Legend + q.Column; name != "" {
		return key + "/" + name
	}
	return fmt.Sprintf("%s/%d", key, i)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%ds", int(d.Seconds())) }

var labelOf = regexp.MustCompile(`,\s*([a-zA-Z_][a-zA-Z0-9_]*)\)$`)

// assignments returns values for the variables of a dashboard, such as exist together.
// Those of which all may be chosen are left to be all.
func assignments(t *testing.T, e *Engine, d *dashboards.Dashboard, end time.Time) []dashboards.Replacements {
	t.Helper()
	sets := []dashboards.Replacements{{}}
	for i := range d.Variables {
		v := &d.Variables[i]
		expr := v.Expression()
		if expr == "" || v.All {
			continue
		}
		m := labelOf.FindStringSubmatch(strings.TrimSpace(v.Query))
		var longer []dashboards.Replacements
		for _, set := range sets {
			for _, value := range labelValuesOf(t, e, dashboards.Resolve(expr, set), m[1], end) {
				with := maps.Clone(set)
				with[v.Name] = regexp.QuoteMeta(value)
				longer = append(longer, with)
			}
		}
		if len(longer) == 0 {
			t.Errorf("variable %s has no values", v.Name)
		}
		sets = longer[:min(len(longer), mostAssignments)]
	}
	return sets
}

func labelValuesOf(t *testing.T, e *Engine, expr, label string, at time.Time) []string {
	t.Helper()
	query, err := e.query.NewInstantQuery(t.Context(), e.storage, nil, expr, at)
	if err != nil {
		t.Fatalf("%s: %v", expr, err)
	}
	defer query.Close()
	found, err := query.Exec(t.Context()).Vector()
	if err != nil {
		t.Fatalf("%s: %v", expr, err)
	}
	var values []string
	for _, s := range found {
		values = append(values, s.Metric.Get(label))
	}
	slices.Sort(values)
	return slices.Compact(values)
}
