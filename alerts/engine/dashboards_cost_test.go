package engine

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"

	"github.com/virt-exporter/virt_exporter/dashboards"
)

const (
	fleetHosts   = 200 // half of them with the race detector
	fleetGuests  = 50  // of each
	fleetTenants = 40  // of each: pods have as many namespaces
	fleetSpan    = 10 * time.Minute
	fleetStep    = time.Minute

	// What a query may look at. An instant query of one series for each guest looks at
	// 10,000 samples; Prometheus refuses queries from 50,000,000 on.
	instantSamples = 60_000
	rangeSamples   = 500_000
	// What a list to choose from may look at: it has few values, and Grafana may ask for
	// all series that have them.
	listSamples = 2_000
)

// atFleetSize are the dashboards that show all hosts at once.
var atFleetSize = []string{"virt-wall", "virt-fleet", "virt-neighbours"}

// dearer are the queries that may look at more, with how much and why.
var dearer = map[string]struct {
	samples int
	reason  string
}{
	"virt-fleet/the list of tenant": {samples: 10_000, reason: "each host has some of each tenant, and it is asked for when the dashboard is opened"},
}

func hostsOfFleet() int {
	if raceDetector {
		return fleetHosts / 2
	}
	return fleetHosts
}

// fleetRow is series of one name: which things there are that have them, and what
// labels each has besides.
type fleetRow struct {
	name string
	of   func(host, guest int) bool // guest 0 is the host's own turn
	more []string                   // label sets as name=value,…
}

func perHost(_, guest int) bool    { return guest == 0 }
func perGuest(_, guest int) bool   { return guest > 0 }
func perSuffer(_, guest int) bool  { return guest == 1 } // one guest of each host is hurt
func once(host, guest int) bool    { return host == 0 && guest == 0 }
func alerted(host, guest int) bool { return host%10 == 0 && guest == 1 }

// fleetRows are what rules record of a fleet in which each host has a guest that is
// hurt and each tenth an alert, with the labels that real ones have.
func fleetRows() []fleetRow {
	const (
		pair  = "cause=neighbour,culprit=container/docker/batch-7,method=measured"
		other = "cause=neighbour,culprit=other,method=measured"
		unit  = "cause=system,culprit=backup.service,method=measured"
		self  = "cause=self,culprit=,method=measured"
		late  = "cause=wakeup,culprit=,method=measured"
		kern  = "cause=kernel,culprit=,method=measured"
		dark  = "cause=unexplained,culprit=,method=measured"
		quota = "cause=throttle,culprit=,method=measured"
	)
	plain := []string{""}
	mounts := []string{}
	for _, mount := range []string{"/mnt/a", "/mnt/b"} {
		for _, op := range []string{"stat", "create", "read", "write", "fsync", "readdir"} {
			mounts = append(mounts, "mountpoint="+mount+",op="+op+",reference=local")
		}
	}
	counts := []string{"kind=vm,runtime=qemu,tenant=shop", "kind=container,runtime=docker,tenant=shop"}
	for i := range fleetTenants - 1 {
		counts = append(counts, fmt.Sprintf("kind=container,runtime=docker,tenant=namespace-%d", i))
	}
	return []fleetRow{
		{"ALERTS", alerted, []string{
			"alertname=VirtGuestCPUStealHigh,alertstate=firing,severity=warning", "alertname=VirtNoisyNeighbour,alertstate=firing,severity=warning,resource=cpu," + pair,
			"alertname=VirtGuestIOLatencyHigh,alertstate=pending,severity=warning",
		}},
		{"up", perHost, plain},
		{"virt:exporter:known", perHost, plain},
		{"virt_exporter_build_info", perHost, []string{"version=1,revision=x,branch=,goversion=go1,goos=linux,goarch=amd64,tags="}},
		{"virt_node_info", perHost, []string{"role=host,hypervisor=kvm,product=x,vm_key="}},
		{"virt_node_cpus", perHost, plain},
		{"virt_node_memory_bytes", perHost, plain},
		{"virt_node_memory_allocated_bytes", perHost, plain},
		{"virt_node_vcpus_allocated", perHost, plain},
		{"virt:node_cpu_steal:ratio_rate5m", perHost, plain},
		{"virt:node_guest_cpu_contended:ratio_rate5m", perHost, plain},
		{"virt:node_guests:count", perHost, counts},
		{"virt:node_guests_of_runtime:count", perHost, []string{"kind=vm,runtime=qemu", "kind=container,runtime=docker"}},
		{"virt:node_pressure_waiting:ratio_rate5m", perHost, []string{"resource=cpu", "resource=memory", "resource=io"}},
		{"virt:guest:tenant", perGuest, []string{"tenant=shop"}},
		{"virt:guest:outer", perGuest, plain},
		{"virt:guest_cpu_wanted:rate5m", perGuest, plain},
		{"virt:guest_cpu_usage:rate5m", perGuest, plain},
		{"virt:guest_cpu_contended:ratio_rate5m", perGuest, plain},
		{"virt:guest_cpu_throttle:ratio_rate5m", perGuest, plain},
		{"virt:guest_cpu_over_share:rate5m", perSuffer, plain},
		{"virt:guest_cpu_steal_by:ratio_rate5m", perGuest, []string{pair, other, unit, self, late, kern, dark, quota}},
		{"virt:guest_cpu_steal_by:rate5m", perGuest, []string{pair, other, unit}},
		{"virt:guest_cpu_culprit:ratio_rate5m", perGuest, []string{pair, unit}},
		{"virt:guest_memory_waiting:ratio_rate5m", perGuest, plain},
		{"virt:guest_memory_stall_by:rate5m", perGuest, []string{pair, unit, dark}},
		{"virt:guest_io_stall_by:rate5m", perGuest, []string{pair, unit, self, dark}},
		{"virt:guest_io_felt:seconds_rate5m", perGuest, []string{"device=vda,op=read,layer=guest", "device=vda,op=write,layer=guest", "device=vda,op=flush,layer=guest"}},
		{"virt:guest_io_felt:ratio_rate5m", perSuffer, plain},
		{"virt:guest_hurt:ratio", perSuffer, []string{"resource=cpu,tenant=shop", "resource=io,tenant=shop", "resource=memory,tenant=shop"}},
		{"virt:guest_culprit:by_threshold", perSuffer, []string{"resource=cpu,cause=neighbour,culprit=container/docker/batch-7", "resource=io,cause=system,culprit=backup.service"}},
		{"virt:guest_culprit:ratio_rate5m", perSuffer, []string{"resource=cpu," + pair, "resource=io," + unit}},
		{"virt:culprit_waits:rate5m", perHost, []string{"resource=cpu,culprit=container/docker/batch-7", "resource=io,culprit=backup.service"}},
		{"virt:culprit_cpu_usage:rate5m", perHost, []string{"culprit=container/docker/batch-7", "culprit=backup.service"}},
		{"virt:culprit_cpu_entitled:cores", perHost, []string{"culprit=container/docker/batch-7"}},
		{"virt:culprit_io_bytes:rate5m", perHost, []string{"culprit=container/docker/batch-7", "culprit=backup.service"}},
		{"virt:culprit_memory_usage:bytes", perHost, []string{"culprit=container/docker/batch-7"}},
		{"virt:alert_threshold", once, []string{"alert=VirtNoisyNeighbour,severity=warning,resource=cpu", "alert=VirtNoisyNeighbour,severity=warning,resource=io", "alert=VirtNoisyNeighbour,severity=warning,resource=memory"}},
		{"virt_fs:overhead_ratio_lower:median10m", perHost, mounts},
		{"virt_fs:overhead_seconds_lower:median10m", perHost, mounts},
		{"virt_fs:overhead_by_threshold:median10m", perHost, mounts},
		{"virt_guest_cpu_entitled_cores", perGuest, plain},
		{"virt_guest_cpu_limit_cores", perGuest, plain},
		{"virt_guest_cpu_steal_coverage_ratio", perGuest, plain},
		{"virt_guest_memory_limit_bytes", perGuest, plain},
		{"virt_guest_memory_swap_bytes", perGuest, plain},
		{"virt_guest_memory_usage_bytes", perGuest, plain},
		{"virt_guest_memory_working_set_bytes", perGuest, plain},
	}
}

// each calls f for every series of the row.
func (r fleetRow) each(f func(labels.Labels)) {
	b := labels.NewBuilder(labels.EmptyLabels())
	for host := range hostsOfFleet() {
		for guest := range fleetGuests + 1 {
			if !r.of(host, guest) {
				continue
			}
			for _, more := range r.more {
				b.Reset(labels.EmptyLabels())
				b.Set("__name__", r.name).Set("job", job).Set("instance", fmt.Sprintf("kvm-%d:9971", host))
				if guest > 0 {
					b.Set("kind", []string{"container", "vm"}[guest%2]).Set("runtime", []string{"docker", "qemu"}[guest%2]).Set("guest", fmt.Sprintf("guest-%d", guest))
				}
				for l := range strings.SplitSeq(more, ",") {
					name, value, _ := strings.Cut(l, "=")
					b.Set(name, value)
				}
				f(b.Labels())
			}
		}
	}
}

// fleet is a database with the series of those names that the dashboards read, and an
// engine that counts.
type fleet struct {
	db    *tsdb.DB
	query *promql.Engine
	end   time.Time
}

func newFleet(tb testing.TB, read map[string]time.Duration) *fleet {
	tb.Helper()
	opts := tsdb.DefaultOptions()
	opts.WALSegmentSize = -1 // none: nothing is to outlive the test
	db, err := tsdb.Open(tb.TempDir(), quiet(), nil, opts, nil)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := db.Close(); err != nil {
			tb.Error(err)
		}
	})
	f := &fleet{db: db, end: time.Now().Truncate(fleetStep), query: promql.NewEngine(promql.EngineOpts{
		Logger: quiet(), MaxSamples: DefaultConfig().MaxSamples, Timeout: 10 * time.Minute, EnableAtModifier: true, EnableNegativeOffset: true,
		Parser: parser.NewParser(parser.Options{}), NoStepSubqueryIntervalFn: func(int64) int64 { return 15_000 },
	})}
	for _, row := range fleetRows() {
		if span, ok := read[row.name]; ok {
			f.fill(tb, row, f.end.Add(-span))
		}
	}
	return f
}

// fill stores samples of a row from a time on.
func (f *fleet) fill(tb testing.TB, row fleetRow, from time.Time) {
	tb.Helper()
	app := f.db.Appender(tb.Context())
	n := 0
	row.each(func(series labels.Labels) {
		n++
		ref, err := storage.SeriesRef(0), error(nil)
		for at := from; err == nil && !at.After(f.end); at = at.Add(fleetStep) {
			// Between nothing and 2, so that some are over every threshold.
			ref, err = app.Append(ref, series, at.UnixMilli(), float64(n%100)/50)
		}
		if err != nil {
			tb.Fatal(err)
		}
	})
	if err := app.Commit(); err != nil {
		tb.Fatal(err)
	}
}

// fleetQuery is a query of a dashboard that shows all hosts.
type fleetQuery struct {
	key  string
	expr string
	now  bool
	list bool
}

func fleetQueries() (all []fleetQuery) {
	with := dashboards.Defaults()
	with["__range"], with["__range_s"], with["__interval"] = seconds(fleetSpan), fmt.Sprint(fleetSpan.Seconds()), seconds(fleetStep)
	for _, d := range dashboards.All() {
		if !slices.Contains(atFleetSize, d.UID) {
			continue
		}
		chosen := maps.Clone(with)
		for _, v := range d.Variables {
			if v.Expression() != "" && !v.All {
				chosen[v.Name] = oneOf(labelOf.FindStringSubmatch(strings.TrimSpace(v.Query))[1])
			}
		}
		for _, p := range d.Panels() {
			for i, q := range p.Queries {
				all = append(all, fleetQuery{key: queryKey(&d, &p, i), expr: dashboards.Resolve(q.Expr, chosen), now: q.Instant})
			}
		}
		for i := range d.Variables {
			if expr := d.Variables[i].Expression(); expr != "" {
				all = append(all, fleetQuery{key: d.UID + "/the list of " + d.Variables[i].Name, expr: dashboards.Resolve(expr, chosen), now: true, list: true})
			}
		}
	}
	return all
}

// oneOf is a value of a label in the fleet, for variables of which one must be chosen.
func oneOf(label string) string {
	return map[string]string{"instance": "kvm-10:9971", "guest": "guest-1", "kind": "vm", "runtime": "qemu"}[label]
}

// readBy returns the names of the series that the queries read, and how far back. To
// store what nobody reads takes time.
func readBy(tb testing.TB, queries []fleetQuery) map[string]time.Duration {
	tb.Helper()
	p := parser.NewParser(parser.Options{})
	names := map[string]time.Duration{}
	for _, q := range queries {
		root, err := p.ParseExpr(q.expr)
		if err != nil {
			tb.Fatalf("%s: %v", q.key, err)
		}
		parser.Inspect(root, func(n parser.Node, _ []parser.Node) error {
			s, ok := n.(*parser.VectorSelector)
			if !ok {
				return nil
			}
			span := time.Duration(0)
			if !q.now || strings.Contains(q.expr, "[") {
				span = fleetSpan
			}
			names[s.Name] = max(names[s.Name], span)
			return nil
		})
	}
	return names
}

// ask evaluates a query and returns how many samples it looked at.
func (f *fleet) ask(tb testing.TB, q fleetQuery) int64 {
	tb.Helper()
	opts := promql.NewPrometheusQueryOpts(false, 0)
	query, err := f.query.NewInstantQuery(tb.Context(), f.db, opts, q.expr, f.end)
	if !q.now {
		query, err = f.query.NewRangeQuery(tb.Context(), f.db, opts, q.expr, f.end.Add(-fleetSpan), f.end, fleetStep)
	}
	if err != nil {
		tb.Fatalf("%s: %v", q.key, err)
	}
	defer query.Close()
	if got := query.Exec(tb.Context()); got.Err != nil {
		tb.Errorf("%s: %v", q.key, got.Err)
	}
	return query.Stats().Samples.TotalSamples
}

// Dashboards of all hosts read what is recorded, and of that no more than they must:
// with 200 hosts of 50 guests the samples that each query looks at are bounded.
func TestDashboardsAreCheapAtFleetSize(t *testing.T) {
	queries := fleetQueries()
	read := readBy(t, queries)
	there := map[string]bool{}
	for _, row := range fleetRows() {
		there[row.name] = true
	}
	for name := range read {
		if !there[name] {
			t.Errorf("fleetRows has no %s: add it, with the labels of a real one", name)
		}
	}
	f := newFleet(t, read)
	for _, q := range queries {
		most := int64(rangeSamples)
		switch {
		case q.list:
			most = listSamples
		case q.now:
			most = instantSamples
		}
		if d, ok := dearer[q.key]; ok {
			most = int64(d.samples)
		}
		got := f.ask(t, q)
		t.Logf("%8d samples: %s", got, q.key)
		most = most * int64(hostsOfFleet()) / fleetHosts
		switch {
		case got == 0:
			t.Errorf("%s finds no series: fleetRows has none with these labels\n%s", q.key, q.expr)
		case got > most:
			t.Errorf("%s looks at %d samples, want at most %d:\n%s", q.key, got, most, q.expr)
		}
	}
}

// BenchmarkWall asks for all that the wall shows, at that size.
func BenchmarkWall(b *testing.B) {
	queries := slices.DeleteFunc(fleetQueries(), func(q fleetQuery) bool { return !strings.HasPrefix(q.key, "virt-wall/") })
	f := newFleet(b, readBy(b, queries))
	samples := int64(0)
	for b.Loop() {
		samples = 0
		for _, q := range queries {
			samples += f.ask(b, q)
		}
	}
	b.ReportMetric(float64(samples), "samples")
	b.ReportMetric(float64(f.db.Head().NumSeries()), "series")
	b.ReportMetric(float64(len(queries)), "queries")
}
