package engine

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"

	"github.com/virt-exporter/virt_exporter/dashboards"
)

// busyPanel is what a panel must show.
type busyPanel struct {
	panel string   // with the query's name where there are several
	first string   // stands in the line of the greatest value
	shows []string // stand in a line each
	all   bool     // there are no other lines
}

// busyPanels are what people must see at the busiest moment of the story: who keeps whom
// waiting, who is hurt most, and what is to be done at once.
var busyPanels = []busyPanel{
	{panel: "virt-wall/State", first: "PAGE", all: true},
	{panel: "virt-wall/Firing alerts", first: "PAGE"},
	{panel: "virt-wall/Hosts", shows: []string{
		"docker-1:9971: PAGE", "docker-2:9971: PAGE", "kvm-1:9971: PAGE", "kvm-2:9971: PAGE", "kvm-3:9971: PAGE", "files-1:9971: well",
	}, all: true},
	{panel: "virt-wall/Noisy neighbours: victim ← culprit", shows: []string{"← vm/qemu/build-7 (cpu)"}},
	{panel: "virt-wall/CPU", first: "legacy-app", shows: []string{"web-2"}}, // beside build-7
	{panel: "virt-wall/Disk", first: "db-4"},
	{panel: "virt-wall/Memory", first: "cache-1"},
	{panel: "virt-wall/File systems", first: "/mnt/archive"},
	{panel: "virt-fleet/State", first: "PAGE", all: true},
	{panel: "virt-fleet/Machines", shows: []string{"host: 3", "vm: 3"}, all: true},
	{panel: "virt-fleet/Guests: the 100 that are hurt most/Kept from CPU", first: "legacy-app kvm-1:9971"},
	{panel: "virt-fleet/Guests: the 100 that are hurt most/Memory waited for", first: "cache-1 docker-1:9971"},
	{panel: "virt-neighbours/Worst now: victim ← culprit", first: "legacy-app ← ", shows: []string{"← vm/qemu/build-7 (cpu)"}},
	{panel: "virt-neighbours/Victims and culprits in the time that is shown/Now", shows: []string{
		"web-1 vm/qemu/build-7 cpu neighbour measured kvm-1:9971",
		"db-4 container/docker/backup-1 io neighbour estimated kvm-2:9971",
		"cache-1 container/docker/report-2 memory neighbour estimated docker-1:9971",
		"db-2 container/docker/batch-9 cpu neighbour estimated docker-2:9971",
	}},
	{panel: "virt-filesystems/What hangs now", first: "kvm-3:9971 (itself) /mnt/archive", all: true},
	{panel: "virt-filesystems/All mounts/By threshold", first: "kvm-3:9971 (itself) /mnt/archive"},
	{panel: "virt-exporter/Not answering", first: ": 0", all: true},
	{panel: "virt-exporter/Seen/exporters", first: ": 6", all: true},
}

// checkBusiest compares what is shown then with what the story tells.
func checkBusiest(t *testing.T, e *Engine, end time.Time) {
	t.Helper()
	lines := map[string][]string{}
	for _, d := range dashboards.All() {
		for _, p := range d.Panels() {
			for i, q := range p.Queries {
				key := queryKey(&d, &p, i)
				if q.Instant && slices.ContainsFunc(busyPanels, func(b busyPanel) bool { return b.panel == key }) {
					lines[key] = drawn(t, e, &p, q, end)
				}
			}
		}
	}
	for _, want := range busyPanels {
		got := lines[want.panel]
		text := strings.Join(got, "\n")
		if len(got) == 0 || !strings.Contains(got[0], want.first) {
			t.Errorf("%s does not begin with %q:\n%s", want.panel, want.first, text)
		}
		for _, line := range want.shows {
			if !strings.Contains(text, line) {
				t.Errorf("%s does not show %q:\n%s", want.panel, line, text)
			}
		}
		if want.all && len(got) != max(1, len(want.shows)) {
			t.Errorf("%s shows more:\n%s", want.panel, text)
		}
	}
}

// drawn returns the lines that a query draws, the greatest value first.
func drawn(t *testing.T, e *Engine, p *dashboards.Panel, q dashboards.Query, at time.Time) []string {
	t.Helper()
	expr := dashboards.Resolve(q.Expr, dashboards.Defaults())
	query, err := e.query.NewInstantQuery(t.Context(), e.storage, nil, expr, at)
	if err != nil {
		t.Fatalf("%s: %v", expr, err)
	}
	defer query.Close()
	found, err := query.Exec(t.Context()).Vector()
	if err != nil {
		t.Fatalf("%s: %v", expr, err)
	}
	slices.SortStableFunc(found, func(a, b promql.Sample) int {
		if a.F != b.F {
			if a.F > b.F {
				return -1
			}
			return 1
		}
		return labels.Compare(a.Metric, b.Metric)
	})
	var lines []string
	for _, s := range found {
		line := inLegend.ReplaceAllStringFunc(q.Legend, func(found string) string {
			return s.Metric.Get(strings.Trim(found, "{} "))
		})
		if table, ok := p.Draw.(dashboards.Table); ok {
			line = ""
			for _, l := range table.By {
				line += s.Metric.Get(l) + " "
			}
		}
		word := fmt.Sprintf("%.3g", s.F)
		for _, w := range p.Words {
			if w.Value == s.F {
				word = w.Text
			}
		}
		lines = append(lines, strings.TrimSpace(line)+": "+word)
	}
	return lines
}
