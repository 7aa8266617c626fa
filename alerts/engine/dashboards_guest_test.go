package engine

import (
	"fmt"
	"slices"
	"testing"

	"github.com/virt-exporter/virt_exporter/dashboards"
)

const (
	watchdogFires = `ALERTS{alertname="VirtWatchdog",alertstate="firing",severity="info"} 1x60`
	stealFires    = `ALERTS{alertname="VirtGuestCPUStealHigh",alertstate="firing",severity="warning",job="virt",instance="h1",kind="vm",runtime="qemu",guest="web"} 1x60`
	hostAnswers   = `virt_exporter_build_info{job="virt",instance="h1"} 1x60`
	hostIsKnown   = `virt:exporter:known{job="virt",instance="h1"} 1x60`
	alerterDown   = `ALERTS{alertname="VirtAlerterDown",alertstate="firing",severity="warning",job="virt_alerter",instance="h1:9972"} 1x60`
)

// The panels of one guest are of that guest alone.
func TestGuestDashboardIsOfOneGuest(t *testing.T) {
	web := dashboards.Replacements{"host": "h1", "guest": "web", "kind": "vm", "runtime": "qemu"}
	const ran = "virt_guest_cpu_run_seconds_total"
	const stolen = "virt:guest_cpu_steal_by:ratio_rate5m"
	const because = `,cause="neighbour",culprit="vm/qemu/hog",method="measured"`
	checkDrawings(t, map[string]drawing{
		"a container of its name is another": {
			panel: "virt-guest/CPU: asked for and got/ran", chosen: web, want: map[string]float64{"": 2},
			series: []string{ofGuest(ran, "vm", "qemu", "web", "") + " 0+120x60", ofGuest(ran, "container", "lxc", "web", "") + " 0+60x60"},
		},
		"machines of one name on two hosts behind one exporter are not added": {
			panel: "virt-guest/CPU: asked for and got/ran", chosen: web, want: map[string]float64{"": 2},
			series: []string{ofGuest(ran, "vm", "qemu", "web", `,vm_host="a"`) + " 0+120x60", ofGuest(ran, "vm", "qemu", "web", `,vm_host="b"`) + " 0+60x60"},
		},
		"nor are their waits": {
			panel: "virt-guest/CPU: why it waited", chosen: web, want: map[string]float64{"neighbour vm/qemu/hog": 0.4},
			series: []string{ofGuest(stolen, "vm", "qemu", "web", `,vm_host="a"`+because) + " 0.4x60", ofGuest(stolen, "vm", "qemu", "web", `,vm_host="b"`+because) + " 0.3x60"},
		},
		"what is measured and what is estimated is": {
			panel: "virt-guest/CPU: mostly because of", chosen: web, want: map[string]float64{"neighbour vm/qemu/hog": 0.5},
			series: []string{ofGuest(stolen, "vm", "qemu", "web", because) + " 0.4x60", ofGuest(stolen, "vm", "qemu", "web", `,cause="neighbour",culprit="vm/qemu/hog",method="estimated"`) + " 0.1x60"},
		},
	})
}

// Whoever sees no alert must know whether anybody would have told.
func TestFiringAlertsOfAGuest(t *testing.T) {
	const panel = "virt-guest/Firing alerts"
	checkDrawings(t, map[string]drawing{
		"an alert":              {panel: panel, series: []string{watchdogFires, hostIsKnown, hostAnswers, stealFires}, want: map[string]float64{"CPUStealHigh": 2}},
		"none":                  {panel: panel, series: []string{watchdogFires, hostIsKnown, hostAnswers}, want: map[string]float64{"none": 0}},
		"nobody evaluates them": {panel: panel, series: []string{hostIsKnown, hostAnswers}, want: map[string]float64{"NO DATA": -1}},
		"others' are evaluated": {panel: panel, series: []string{watchdogFires, hostAnswers}, want: map[string]float64{"NO DATA": -1}},
		"the host is silent":    {panel: panel, series: []string{watchdogFires, hostIsKnown}, want: map[string]float64{"NO DATA": -1}},
		"no exporter is needed to tell of exporters": {
			panel: "virt-exporter/Firing alerts", series: []string{watchdogFires}, want: map[string]float64{"none": 0},
		},
		"an alerter is down": {
			panel: "virt-exporter/Firing alerts", series: []string{watchdogFires, hostIsKnown, hostAnswers, alerterDown}, want: map[string]float64{"AlerterDown": 2},
		},
		"which is said of all hosts": {
			panel: "virt-fleet/State", series: []string{watchdogFires, hostIsKnown, hostAnswers, alerterDown}, want: map[string]float64{"": 2},
		},
		"and not of one that is chosen": {
			panel: "virt-fleet/State", chosen: dashboards.Replacements{"host": "h1"}, series: []string{watchdogFires, hostIsKnown, hostAnswers, alerterDown}, want: map[string]float64{"": 0},
		},
		"nor is what is not known of another": {
			panel: "virt-fleet/State", chosen: dashboards.Replacements{"host": "h1"},
			series: []string{watchdogFires, hostIsKnown, hostAnswers, `virt_exporter_build_info{job="virt",instance="h2"} 1x60`}, want: map[string]float64{"": 0},
		},
		"of all of them it is": {
			panel: "virt-fleet/State", series: []string{watchdogFires, hostIsKnown, hostAnswers, `virt_exporter_build_info{job="virt",instance="h2"} 1x60`},
		},
	})
}

func TestOOMKillsOfAGuest(t *testing.T) {
	kills := ofGuest("virt_guest_memory_events_total", "container", "docker", "web", `,event="oom_kill"`)
	rule := ofGuest("virt:guest_oom_kills:increase15m", "container", "docker", "web", "")
	const panel = "virt-guest/OOM kills"
	checkDrawings(t, map[string]drawing{
		"one after the other": {
			panel: panel, want: map[string]float64{"": 4},
			series: []string{kills + " 0x10 1x14 2x14 3x14 4x5", rule + " _x11 1x49"},
		},
		"it was born with them": {panel: panel, want: map[string]float64{"": 3}, series: []string{kills + " _x20 3x40", rule + " _x20 3x12"}},
		"nobody was killed":     {panel: panel, want: map[string]float64{"": 0}, series: []string{kills + " 0x60"}},
		"nobody counts":         {panel: panel, series: []string{watchdogFires}},
	})
}

// Which guests of a host are shown is chosen by what they did in all of the time.
func TestGuestsOfAHostAreChosenByWhatTheyDid(t *testing.T) {
	const usage, outer, moved = "virt:guest_cpu_usage:rate5m", "virt:guest:outer", "virt:guest_io_bytes:rate5m"
	const panel = "virt-host/CPUs that are used, by guest/{{guest}}"
	long := ofGuest(usage, "vm", "qemu", "long", "") + " 3x60"
	isOuter := ofGuest(outer, "vm", "qemu", "long", "") + " 1x60"
	nine := slices.Concat(eachGuest(9, "g", usage, "", "0.1x60"), eachGuest(9, "g", outer, "", "1x60"))
	ten := map[string]float64{"long h1 vm qemu": 3}
	for _, name := range []string{"g-0", "g-1", "g-2", "g-3", "g-4", "g-5", "g-6", "g-7", "g-8"} {
		ten[name+" h1 container docker"] = 0.1
	}
	checkDrawings(t, map[string]drawing{
		"those inside others take nobody's place": {
			panel: panel, want: ten,
			series: slices.Concat(nine, []string{long, isOuter}, eachGuest(9, "inner", usage, "", "2x60")),
		},
		"short work does not push out what lasts": {
			panel: panel, want: ten,
			series: slices.Concat(nine, []string{long, isOuter}, eachGuest(10, "build", usage, "", "_ 4x0 stale"), eachGuest(10, "build", outer, "", "_ 1x0 stale")),
		},
		"nor does an exporter that two jobs scrape": {
			panel: panel, want: ten,
			series: slices.Concat(nine, []string{long, isOuter}, []string{`virt:guest_cpu_usage:rate5m{job="again",instance="h1",kind="vm",runtime="qemu",guest="long"} 3x60`, `virt:guest:outer{job="again",instance="h1",kind="vm",runtime="qemu",guest="long"} 1x60`}),
		},
		"a disk was used by one that has ended": {
			panel: "virt-host/Bytes on the host's disks, by guest", want: map[string]float64{
				"gone h1 vm qemu": 9e6, "g-0 h1 container docker": 1e3, "g-1 h1 container docker": 1e3, "g-2 h1 container docker": 1e3, "g-3 h1 container docker": 1e3,
				"g-4 h1 container docker": 1e3, "g-5 h1 container docker": 1e3, "g-6 h1 container docker": 1e3, "g-7 h1 container docker": 1e3, "g-8 h1 container docker": 1e3,
			},
			series: slices.Concat(
				eachGuest(9, "g", moved, "", "1000x60"), eachGuest(9, "g", outer, "", "1x60"),
				eachGuest(9, "inner", moved, "", "5000x60"), eachGuest(9, "less", moved, "", "10x60"), eachGuest(9, "less", outer, "", "1x60"),
				[]string{ofGuest(moved, "vm", "qemu", "gone", "") + " 9000000x20 stale", ofGuest(outer, "vm", "qemu", "gone", "") + " 1x20 stale"}),
		},
	})
}

// Who keeps whom from the CPU is told of culprits and victims of one name too.
func TestMatrixOfNamesThatAreThereTwice(t *testing.T) {
	const steal = "virt:guest_cpu_culprit:ratio_rate5m"
	by := func(culprit string) string { return `,cause="neighbour",method="measured",culprit="` + culprit + `"` }
	const panel = "virt-host/Who keeps whom from the CPU, now"
	checkDrawings(t, map[string]drawing{
		"two culprits of one name share a column": {
			panel: panel, want: map[string]float64{"db web": 0.5, "db backup.service": 0.1},
			series: []string{
				ofGuest(steal, "vm", "qemu", "db", by("vm/qemu/web")) + " 0.3x60", ofGuest(steal, "vm", "qemu", "db", by("container/docker/web")) + " 0.2x60",
				ofGuest(steal, "vm", "qemu", "db", by("backup.service")) + " 0.1x60",
			},
		},
		"two victims of one name are not added": {
			panel: panel, want: map[string]float64{"db hog": 0.6},
			series: []string{ofGuest(steal, "vm", "qemu", "db", by("vm/qemu/hog")) + " 0.6x60", ofGuest(steal, "container", "lxc", "db", by("vm/qemu/hog")) + " 0.6x60"},
		},
	})
}

// The evidence is of one victim, however many have its name.
func TestEvidenceIsOfOneVictim(t *testing.T) {
	of := func(family, instance, kind, runtime, more, values string) string {
		return family + `{job="virt",instance="` + instance + `",kind="` + kind + `",runtime="` + runtime + `",guest="db"` + more + `} ` + values
	}
	const steal = "virt:guest_cpu_steal_by:ratio_rate5m"
	const neighbour, throttle = `,cause="neighbour",culprit="vm/qemu/hog",method="measured"`, `,cause="throttle",culprit="",method="measured"`
	chosen := dashboards.Replacements{"guest": "db", "at": "h1", "victim_kind": "vm", "victim_runtime": "qemu"}
	checkDrawings(t, map[string]drawing{
		"on one of two hosts, of one of two kinds": {
			panel: "virt-neighbours/Who ran while it waited", chosen: chosen, want: map[string]float64{"neighbour vm/qemu/hog": 0.4},
			series: []string{of(steal, "h1", "vm", "qemu", neighbour, "0.4x60"), of(steal, "h2", "vm", "qemu", neighbour, "0.3x60"), of(steal, "h1", "container", "docker", neighbour, "0.2x60")},
		},
		"what is its own": {
			panel: "virt-neighbours/CPU: no neighbour", chosen: chosen, want: map[string]float64{"throttle": 0.4},
			series: []string{of(steal, "h1", "vm", "qemu", throttle, "0.4x60"), of(steal, "h2", "vm", "qemu", throttle, "0.3x60"), of(steal, "h1", "container", "docker", throttle, "0.2x60")},
		},
		"its host alone": {
			panel: "virt-neighbours/The host below/steal", chosen: chosen, want: map[string]float64{"": 0.1},
			series: []string{`virt:node_cpu_steal:ratio_rate5m{job="virt",instance="h1"} 0.1x60`, `virt:node_cpu_steal:ratio_rate5m{job="virt",instance="h2"} 0.7x60`},
		},
	})
}

// What waits for a disk is judged by the threshold of disks, not by that of CPUs.
func TestNeighboursAreJudgedByTheirResource(t *testing.T) {
	const pair = `,cause="system",culprit="backup.service",resource="io"`
	series := []string{
		ofGuest("virt:guest_culprit:ratio_rate5m", "vm", "qemu", "db", pair+`,method="estimated"`) + " 0.15x30 stale",
		ofGuest("virt:guest_culprit:by_threshold", "vm", "qemu", "db", pair) + " 0.75x30 stale",
	}
	checkDrawings(t, map[string]drawing{
		"in the table": {
			panel:  "virt-neighbours/Victims and culprits in the time that is shown/× alert",
			series: series, want: map[string]float64{"system backup.service db h1 vm estimated io qemu": 0.75},
		},
		"and as the worst now": {
			panel:  "virt-neighbours/Worst now: victim ← culprit",
			series: []string{ofGuest("virt:guest_culprit:by_threshold", "vm", "qemu", "db", pair) + " 0.75x60"},
			want:   map[string]float64{"backup.service db h1 vm io qemu": 0.75},
		},
	})
	// Of twelve that wait for a disk longer than one for memory none is NOISY, and it is.
	for i := range 12 {
		db := fmt.Sprintf("db-%d", i)
		series = append(series,
			ofGuest("virt:guest_culprit:ratio_rate5m", "vm", "qemu", db, pair+`,method="estimated"`)+" 0.15x60",
			ofGuest("virt:guest_culprit:by_threshold", "vm", "qemu", db, pair)+" 0.75x60")
	}
	const memory = `,cause="neighbour",culprit="vm/qemu/hog",resource="memory"`
	series = append(series,
		ofGuest("virt:guest_culprit:ratio_rate5m", "vm", "qemu", "cache", memory+`,method="estimated"`)+" 0.12x60",
		ofGuest("virt:guest_culprit:by_threshold", "vm", "qemu", "cache", memory)+" 1.2x60")
	got := newSketch(t, series).panel(t, "virt-neighbours/Victim ← culprit", nil)
	if noisy := got["vm/qemu/hog cache h1 vm memory qemu"]; noisy != 2 || len(got) != 12 {
		t.Errorf("the one that is NOISY is %v among %v", noisy, got)
	}
}
