package engine

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/virt-exporter/virt_exporter/dashboards"
)

// storedSeries returns an engine with series that are what they are given as: the last value
// is of now, the others are a minute apart before it.
func storedSeries(t *testing.T, series map[string][]float64) (e *Engine, now time.Time) {
	t.Helper()
	f := newFleet(t, nil)
	app := f.db.Appender(t.Context())
	for name, values := range series {
		metric, err := parser.NewParser(parser.Options{}).ParseMetric(name)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for i, v := range values {
			at := f.end.Add(-time.Duration(len(values)-1-i) * time.Minute)
			if _, err := app.Append(0, metric, at.UnixMilli(), v); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
	if err := app.Commit(); err != nil {
		t.Fatal(err)
	}
	return &Engine{query: f.query, storage: f.db}, f.end
}

// now1 is series that are 1 now.
func now1(names ...string) map[string][]float64 {
	all := map[string][]float64{}
	for _, name := range names {
		all[name] = []float64{1}
	}
	return all
}

// panelOf returns a panel of a dashboard.
func panelOf(t *testing.T, uid, title string) *dashboards.Panel {
	t.Helper()
	for _, d := range dashboards.All() {
		for _, p := range d.Panels() {
			if d.UID == uid && p.Title == title {
				return &p
			}
		}
	}
	t.Fatalf("%s has no panel %q", uid, title)
	return nil
}

const (
	beats   = `ALERTS{alertname="VirtWatchdog",alertstate="firing",severity="none"}`
	kvm1    = `virt:exporter:known{job="virt",instance="kvm-1:9971"}`
	kvm2    = `virt:exporter:known{job="virt",instance="kvm-2:9971"}`
	kvm1On  = `virt_exporter_build_info{job="virt",instance="kvm-1:9971",version="1"}`
	kvm2On  = `virt_exporter_build_info{job="virt",instance="kvm-2:9971",version="1"}`
	kvm1Out = `ALERTS{alertname="VirtNodeStealHigh",alertstate="firing",severity="critical",job="virt",instance="kvm-1:9971"}`
	kvm2Out = `ALERTS{alertname="VirtExporterDown",alertstate="firing",severity="critical",job="virt",instance="kvm-2:9971"}`
)

// since are series that are 1 for minutes.
func since(minutes int, names ...string) map[string][]float64 {
	all := map[string][]float64{}
	for _, name := range names {
		all[name] = slices.Repeat([]float64{1}, minutes+1)
	}
	return all
}

// On the wall, nothing means that all is well. Where nobody evaluates alerts, be it of
// one site only, or no exporter is heard of, nothing means nothing. Exporters need not
// tell of their machines to be heard of.
func TestWallTellsWellFromUnknown(t *testing.T) {
	lists := []string{"Firing alerts", "Noisy neighbours: victim ← culprit", "CPU", "Disk", "Memory", "File systems"}
	for name, tc := range map[string]struct {
		series map[string][]float64
		state  string
		hosts  []string
		listed bool // NO DATA
	}{
		"all is well":              {series: now1(beats, kvm1, kvm1On), state: "State: all well", hosts: []string{"kvm-1:9971: well"}},
		"nobody evaluates alerts":  {series: now1(kvm1On), listed: true},
		"alerts, and no watchdog":  {series: now1(kvm1, kvm1On), listed: true},
		"no exporter is heard of":  {series: now1(beats), listed: true},
		"one that is known, is no": {series: now1(beats, kvm1), listed: true, hosts: []string{"kvm-1:9971: silent"}},
		"one of two is silent": {
			series: now1(beats, kvm1, kvm1On, kvm2), state: "State: all well",
			hosts: []string{"kvm-2:9971: silent", "kvm-1:9971: well"},
		},
		"one of two is silent, and told of": {
			series: now1(beats, kvm1, kvm1On, kvm2, kvm2Out), state: "State: PAGE",
			hosts: []string{"kvm-2:9971: PAGE", "kvm-1:9971: well"},
		},
		"of one of two nobody evaluates alerts": {
			series: since(3, beats, kvm1, kvm1On, kvm2On), listed: true,
			hosts: []string{"kvm-2:9971: NO DATA", "kvm-1:9971: well"},
		},
		"and there is one of the other": {
			series: since(3, beats, kvm1, kvm1On, kvm1Out, kvm2On), state: "State: PAGE", listed: true,
			hosts: []string{"kvm-1:9971: PAGE", "kvm-2:9971: NO DATA"},
		},
		"one is new": {series: now1(beats, kvm1, kvm1On, kvm2On), state: "State: all well", hosts: []string{"kvm-1:9971: well"}},
		"a host was taken away, and is forgotten": {series: now1(beats, kvm1, kvm1On), state: "State: all well", hosts: []string{"kvm-1:9971: well"}},
		"an alert goes on for one that is heard of": {
			series: now1(beats, kvm1, kvm1On, kvm2, kvm2On, kvm2Out), state: "State: PAGE", hosts: []string{"kvm-2:9971: PAGE", "kvm-1:9971: well"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			e, now := storedSeries(t, tc.series)
			of := func(title string) []string {
				p := panelOf(t, "virt-wall", title)
				return drawn(t, e, p, p.Queries[0], now)
			}
			if got := strings.Join(of("State"), "\n"); got != tc.state {
				t.Errorf("the state is %q, want %q", got, tc.state)
			}
			if diff := cmp.Diff(tc.hosts, of("Hosts")); diff != "" {
				t.Errorf("hosts: %s", diff)
			}
			fleet := panelOf(t, "virt-fleet", "Hosts")
			var table []string
			for _, line := range drawn(t, e, fleet, fleet.Queries[0], now) {
				host, _, _ := strings.Cut(line, ": ")
				table = append(table, host)
			}
			var hosts []string
			for _, line := range tc.hosts {
				host, _, _ := strings.Cut(line, ": ")
				hosts = append(hosts, host)
			}
			if diff := cmp.Diff(hosts, table); diff != "" {
				t.Errorf("the fleet's table: %s", diff)
			}
			for _, title := range lists {
				got := strings.Join(of(title), "\n")
				if title == "Firing alerts" && strings.Contains(got, "PAGE") {
					continue
				}
				if unknown := strings.HasPrefix(got, "not known") && strings.HasSuffix(got, ": NO DATA"); unknown != tc.listed || !unknown && got != "" {
					t.Errorf("%s says %q", title, got)
				}
			}
		})
	}
}

// Whoever chooses a tenant, or a runtime, is told how many guests it has.
func TestFleetCountsTheChosenGuests(t *testing.T) {
	count := func(kind, runtime, tenant string) string {
		return `virt:node_guests:count{job="virt",instance="kvm-1:9971",kind="` + kind + `",runtime="` + runtime + `",tenant="` + tenant + `"}`
	}
	e, now := storedSeries(t, map[string][]float64{
		count("vm", "qemu", "shop"): {12}, count("vm", "qemu", ""): {900},
		count("container", "docker", "shop"): {3}, count("container", "lxc", "shop"): {4},
	})
	p := panelOf(t, "virt-fleet", "Guests")
	for name, tc := range map[string]struct {
		chosen dashboards.Replacements
		want   []string
	}{
		"all":              {want: []string{"vm: 912", "container: 7"}},
		"a tenant":         {chosen: dashboards.Replacements{"tenant": "shop"}, want: []string{"vm: 12", "container: 7"}},
		"one of a runtime": {chosen: dashboards.Replacements{"tenant": "shop", "runtime": "lxc"}, want: []string{"container: 4"}},
	} {
		t.Run(name, func(t *testing.T) {
			q := p.Queries[0]
			q.Expr = dashboards.Resolve(q.Expr, withAll(tc.chosen))
			if diff := cmp.Diff(tc.want, drawn(t, e, p, q, now)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// withAll leaves the rest to be all.
func withAll(chosen dashboards.Replacements) dashboards.Replacements {
	with := dashboards.Defaults()
	for name, value := range chosen {
		with[name] = value
	}
	return with
}

// Points are minutes apart where a week is shown. What lasted for less is drawn as well.
func TestPeaksLieInThePicture(t *testing.T) {
	short := make([]float64, 24*60+1)
	for i := 602; i < 606; i++ { // points are at tens
		short[i] = 0.9
	}
	const of = `job="virt",instance="kvm-1:9971",kind="vm",runtime="qemu",guest="web"`
	e, now := storedSeries(t, map[string][]float64{
		`virt:guest_cpu_contended:ratio_rate5m{` + of + `}`:                                                                    short,
		`virt:guest_culprit:by_threshold{` + of + `,resource="cpu",cause="neighbour",culprit="vm/qemu/hog"}`:                   times(3, short),
		`virt:guest_culprit:ratio_rate5m{` + of + `,resource="cpu",cause="neighbour",culprit="vm/qemu/hog",method="measured"}`: short,
	})
	for _, tc := range []struct {
		uid, panel string
		peak       float64
	}{
		{"virt-host", "Guests that others keep from the CPU", 0.9},
		{"virt-neighbours", "Victim ← culprit", 2},
	} {
		t.Run(tc.panel, func(t *testing.T) {
			p := panelOf(t, tc.uid, tc.panel)
			with := dashboards.Defaults()
			with["__range"], with["__interval"] = "24h", "10m"
			expr := dashboards.Resolve(p.Queries[0].Expr, with)
			query, err := e.query.NewRangeQuery(t.Context(), e.storage, nil, expr, now.Add(-20*time.Hour), now, 10*time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			defer query.Close()
			got, err := query.Exec(t.Context()).Matrix()
			if err != nil || len(got) != 1 {
				t.Fatalf("%d series, %v:\n%s", len(got), err, expr)
			}
			if most := greatest(got[0]); most != tc.peak {
				t.Errorf("at most %g is drawn, want %g:\n%s", most, tc.peak, expr)
			}
		})
	}
}

func times(n float64, values []float64) []float64 {
	all := make([]float64, len(values))
	for i, v := range values {
		all[i] = n * v
	}
	return all
}

func greatest(s promql.Series) float64 {
	most := 0.0
	for _, p := range s.Floats {
		most = max(most, p.F)
	}
	return most
}
