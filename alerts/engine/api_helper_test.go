package engine

import (
	"context"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/scrape"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
)

// world is an alerter without scrapes and timers: a database that is filled by
// hand, targets that were asked once, rules that are evaluated on call. It lives
// in a bubble of synctest, where it is always midnight of the year 2000.
type world struct {
	pages   *pages
	db      *tsdb.DB
	groups  []*rules.Group
	targets map[string][]*scrape.Target
	ams     []*url.URL
}

func (w *world) RuleGroups() []*rules.Group { return w.groups }

func (w *world) AlertingRules() []*rules.AlertingRule {
	var all []*rules.AlertingRule
	for _, g := range w.groups {
		all = append(all, g.AlertingRules()...)
	}
	return all
}

func (w *world) TargetsActive() map[string][]*scrape.Target { return w.targets }

func (w *world) TargetsDropped() map[string][]*scrape.Target {
	dropped := scrape.NewTarget(labels.EmptyLabels(), &config.ScrapeConfig{}, model.LabelSet{"__address__": "left.out:1"}, nil)
	return map[string][]*scrape.Target{"virt_exporter": {dropped}}
}

func (w *world) TargetsDroppedCounts() map[string]int { return map[string]int{"virt_exporter": 1} }

func (w *world) Alertmanagers() []*url.URL { return w.ams }

func (w *world) DroppedAlertmanagers() []*url.URL { return nil }

// newWorld returns one with an empty database and nothing configured. It must
// be closed in the bubble.
func newWorld(t *testing.T) *world {
	t.Helper()
	opts := tsdb.DefaultOptions()
	opts.StripeSize = 16
	db, err := tsdb.Open(t.TempDir(), quiet(), nil, opts, nil)
	if err != nil {
		t.Fatal(err)
	}
	p := parser.NewParser(parser.Options{})
	w := &world{db: db}
	w.pages = &pages{
		api: &api{
			query: promql.NewEngine(promql.EngineOpts{
				Logger: quiet(), MaxSamples: 1000, Timeout: time.Minute, EnableAtModifier: true, EnableNegativeOffset: true, Parser: p,
				NoStepSubqueryIntervalFn: func(int64) int64 { return 15000 },
			}),
			storage: db, parser: p, targets: w, alertmanagers: w, rules: w,
			status: statusInfo{hostname: "box", started: time.Now().UTC(), retention: 24 * time.Hour},
			logger: quiet(), now: time.Now, slots: make(chan struct{}, maxQueries),
		},
		logger:    quiet(),
		template:  parsePages(),
		ready:     func() bool { return true },
		settled:   func() bool { return true },
		begun:     func() time.Time { return time.Time{} },
		reload:    func() error { return nil },
		dataSince: (&Engine{db: db}).dataSince,
		inner:     func() []trouble { return nil },
	}
	return w
}

// add stores a sample of a series each 15 seconds, the last one now.
func (w *world) add(t *testing.T, series labels.Labels, values ...float64) {
	t.Helper()
	app := w.db.Appender(t.Context())
	for i, v := range values {
		at := time.Now().Add(time.Duration(i-len(values)+1) * 15 * time.Second).UnixMilli()
		if _, err := app.Append(0, series, at, v); err != nil {
			t.Fatal(err)
		}
	}
	if err := app.Commit(); err != nil {
		t.Fatal(err)
	}
}

func (w *world) addHistogram(t *testing.T, series labels.Labels) {
	t.Helper()
	app := w.db.Appender(t.Context())
	h := &histogram.Histogram{
		Schema: 0, Count: 12, Sum: 18.4, ZeroThreshold: 0.001, ZeroCount: 2,
		PositiveSpans: []histogram.Span{{Offset: 0, Length: 2}, {Offset: 1, Length: 1}}, PositiveBuckets: []int64{1, 1, -1},
		NegativeSpans: []histogram.Span{{Offset: 0, Length: 2}}, NegativeBuckets: []int64{2, 2},
	}
	if _, err := app.AppendHistogram(0, series, time.Now().UnixMilli(), h, nil); err != nil {
		t.Fatal(err)
	}
	if err := app.Commit(); err != nil {
		t.Fatal(err)
	}
}

// evaluate loads rules and evaluates them once, now.
func (w *world) evaluate(t *testing.T, text string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "own.rules.yml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	m := rules.NewManager(&rules.ManagerOptions{
		QueryFunc:   rules.EngineQueryFunc(w.pages.api.query.(*promql.Engine), w.db),
		NotifyFunc:  func(context.Context, string, ...*rules.Alert) {},
		Context:     t.Context(),
		Appendable:  w.db,
		Queryable:   w.db,
		Logger:      quiet(),
		ExternalURL: &url.URL{},
		GroupLoader: renamed{loader{parser: w.pages.api.parser, logger: quiet()}, file},
		Parser:      w.pages.api.parser, NameValidationScheme: model.UTF8Validation,
	})
	groups, errs := m.LoadGroups(15*time.Second, labels.EmptyLabels(), "", nil, false, "/etc/own.rules.yml")
	if len(errs) > 0 {
		t.Fatal(errors.Join(errs...))
	}
	for _, g := range groups {
		g.Eval(t.Context(), time.Now())
		w.groups = append(w.groups, g)
	}
	slices.SortFunc(w.groups, func(a, b *rules.Group) int { return strings.Compare(a.Name(), b.Name()) })
}

// renamed loads a file whatever name is asked for, so that answers do not depend
// on the directory of a test.
type renamed struct {
	loader
	file string
}

func (r renamed) Load(_ string, ignoreUnknown bool, scheme model.ValidationScheme) (*rulefmt.RuleGroups, []error) {
	return r.loader.Load(r.file, ignoreUnknown, scheme)
}

// target adds a target that was asked a second ago.
func (w *world) target(instance string, err error) *scrape.Target {
	set := labels.FromStrings(
		model.AddressLabel, instance, model.SchemeLabel, "http", model.MetricsPathLabel, "/metrics",
		model.ScrapeIntervalLabel, "15s", model.ScrapeTimeoutLabel, "10s", model.JobLabel, "virt_exporter", model.InstanceLabel, instance,
	)
	t := scrape.NewTarget(set, &config.ScrapeConfig{}, model.LabelSet{model.AddressLabel: model.LabelValue(instance)}, nil)
	t.Report(time.Now().Add(-time.Second), 250*time.Millisecond, err)
	if w.targets == nil {
		w.targets = map[string][]*scrape.Target{}
	}
	w.targets["virt_exporter"] = append(w.targets["virt_exporter"], t)
	return t
}

func (w *world) close(t *testing.T) {
	t.Helper()
	if err := w.db.Close(); err != nil {
		t.Error(err)
	}
}

// failing is a storage that cannot be read.
type failing struct{ err error }

func (f failing) Querier(int64, int64) (storage.Querier, error) { return nil, f.err }
