package dashboards

import "fmt"

// wallHeight is what a screen of 1080 lines shows in kiosk mode without scrolling,
// and one of 2160 lines at a scale of 200 %: 28 units of 38 pixels are 1064.
const wallHeight = 28

// Letters that are read from five metres on a screen of 55 inches: 40 pixels are
// 25 mm there, and what says the state is larger.
const (
	wallName  = 34
	wallValue = 40
	wallState = 110
)

// alerting are the alerts that are of interest to people: not the one that fires
// always.
const alerting = `alertstate="firing",alertname=~"Virt.+",alertname!="VirtWatchdog"`

// severityOf returns the severity of the worst alert that fires, as a number, for each
// value of the labels; of those in none, which is 0, if nothing fires.
func severityOf(labels, none string) string {
	return fmt.Sprintf(
		"max by (%[1]s) (\n  ALERTS{%[2]s,severity=\"critical\"} * 3\n  or ALERTS{%[2]s,severity=\"warning\"} * 2\n  or ALERTS{%[2]s,severity=\"info\"} * 1\n  or %[3]s * 0\n)",
		labels, alerting, none)
}

// wall is read from across the room. It asks for recorded series only, and needs no
// hand on a mouse.
func wall() Dashboard {
	return Dashboard{
		UID: "virt-wall", File: "wall", Title: "Virtualization: wall",
		Description: "Is any guest being hurt, which, and by whom. For a screen: add ?kiosk to the address; at 3840×2160 set the browser's zoom to 200 %.",
		From:        "now-1h", Refresh: "15s",
		Rows: []Row{
			{Height: 6, Panels: []Panel{wallStatePanel(), wallAlerts()}},
			{Height: 8, Panels: []Panel{wallNeighbours(), wallHosts()}},
			{Height: 7, Panels: []Panel{wallSteal(), wallIO()}},
			{Height: 7, Panels: []Panel{wallMemory(), wallFilesystems()}},
		},
	}
}

// wallStatePanel says it in one word. Silence of the exporters is not health: then
// there is no data, and that is what it says.
func wallStatePanel() Panel {
	return Panel{
		Title: "State", Width: 6, Draw: Stat{Fill: true, Size: wallState},
		Description: "The worst alert that fires. NO DATA: no exporter is heard of, so nothing is known.",
		Queries:     []Query{{Expr: severityOf("", "group(virt:exporter:known and on (job, instance) virt_node_info)"), Instant: true, Legend: "State"}},
		Decimals:    Auto, NoValue: "NO DATA",
		Steps: severitySteps(),
		Words: []Word{{0, "all well", calm}, {1, "note", sky}, {2, "WARNING", warning}, {3, "PAGE", critical}},
		Links: []Link{{"Fleet", toFleet}},
	}
}

func wallAlerts() Panel {
	expr := "topk(8, sum by (alertname, instance, guest, severity) (\n" +
		`  ALERTS{` + alerting + `,severity="critical"} * 3` + "\n" +
		`  or ALERTS{` + alerting + `,severity="warning"} * 2` + "\n))"
	return Panel{
		Title: "Firing alerts", Width: 18, Draw: Stat{Names: true, Fill: true, NameSize: wallName, Size: wallName},
		Description: "Alerts that fire, pages first. The runbook says what to do about each.",
		Queries:     []Query{{Expr: expr, Instant: true, Legend: "{{alertname}}  {{guest}}  {{instance}}"}},
		Decimals:    Auto, NoValue: "none", Steps: severitySteps(),
		Links:      []Link{{"Runbook", runbookURL}},
		MayBeEmpty: "nothing fires where all is well",
	}
}

// wallNeighbours names who keeps whom waiting, the victim first. The three resources
// are parts of time, so that they can be compared.
func wallNeighbours() Panel {
	named := `culprit!~"|other"`
	worst := func(resource, expr string) string {
		return fmt.Sprintf(`label_replace(max by (instance, guest, culprit) (%s), "resource", "%s", "", "")`, expr, resource)
	}
	expr := "topk(6,\n  " +
		worst("CPU", `virt:guest_cpu_culprit:ratio_rate5m >= 0.05`) + "\n  or " +
		worst("disk", `virt:guest_io_stall_by:rate5m{cause=~"neighbour|system",`+named+`} >= 0.1`) + "\n  or " +
		worst("memory", `virt:guest_memory_stall_by:rate5m{cause=~"neighbour|system",`+named+`} >= 0.05`) + "\n)"
	return Panel{
		Title: "Noisy neighbours: victim ← culprit", Width: 14, Draw: Bars{NameSize: wallName, Size: wallValue},
		Description: "Part of the time for which a guest waited because of another, and for what. Ask the Noisy neighbours dashboard for the evidence.",
		Queries:     []Query{{Expr: expr, Instant: true, Legend: "{{guest}} ← {{culprit}} ({{resource}})"}},
		Unit:        "percentunit", Decimals: 0, Min: of(0), Max: of(1), NoValue: "none", Steps: stepsOf("VirtNoisyNeighbour/cpu"),
		Links:      []Link{{"Noisy neighbours", "/d/virt-neighbours?${datasource:queryparam}&${__url_time_range}"}},
		MayBeEmpty: "nobody is in another's way where all is well",
	}
}

func wallHosts() Panel {
	expr := severityOf("instance", `virt:exporter:known`)
	return Panel{
		Title: "Hosts", Width: 10, Draw: Stat{Names: true, Fill: true},
		Description: "A tile for each host, in the colour of its worst alert.",
		Queries:     []Query{{Expr: expr, Instant: true, Legend: "{{instance}}"}},
		Decimals:    Auto, NoValue: "NO DATA", Steps: severitySteps(),
		Fields: []Field{{Pattern: "/.*/", Links: []Link{hostLink(false)}}},
	}
}

// worst is a panel of the guests that have most of something.
func worst(title, description, expr, legend, unit, alert string) Panel {
	return Panel{
		Title: title, Description: description, Width: 12, Draw: Bars{NameSize: wallName, Size: wallValue},
		Queries: []Query{{Expr: expr, Instant: true, Legend: legend}},
		Unit:    unit, Decimals: Auto, Min: of(0), NoValue: "none", Steps: stepsOf(alert),
		Fields:     []Field{{Pattern: "/.*/", Links: []Link{guestLink(false)}}},
		MayBeEmpty: "no guest waits where all is well",
	}
}

func wallSteal() Panel {
	p := worst("CPU: kept from it by others",
		"Part of the CPU time that a guest asked for and that others had. Its own quota and its own threads are not counted.",
		"topk(5, virt:guest_cpu_contended:ratio_rate5m >= 0.01 and virt:guest_cpu_contended:ratio_rate5m * virt:guest_cpu_wanted:rate5m >= 0.02)",
		"{{guest}}  {{instance}}", "percentunit", "VirtGuestCPUStealHigh")
	p.Max, p.Decimals = of(1), 0
	return p
}

func wallIO() Panel {
	p := worst("Disk: time a request takes",
		"Average time of a request as the guest sees it, or as the disk of the host does where the guest's view is not known.",
		`topk(5, max by (instance, kind, runtime, guest) (virt:guest_io_felt:seconds_rate5m{op!~"flush|discard"} >= 0.005))`,
		"{{guest}}  {{instance}}", "s", "VirtGuestIOLatencyHigh")
	p.Max = of(1)
	return p
}

func wallMemory() Panel {
	p := worst("Memory: waited for",
		"Part of the time in which some tasks of a guest waited for memory.",
		"topk(5, virt:guest_memory_waiting:ratio_rate5m >= 0.01)",
		"{{guest}}  {{instance}}", "percentunit", "VirtGuestMemoryPressureHigh")
	p.Max, p.Decimals = of(1), 0
	return p
}

// wallFilesystems shows what passing a directory through costs. The lower bound is
// shown: it is at least that much slower.
func wallFilesystems() Panel {
	p := worst("File systems: slower than local, at least",
		"How many times as long an operation takes on a directory that is passed through as on a local file system: the lower bound of what was measured, where it is also much time.",
		"topk(5, max by (instance, mountpoint, op) (virt_fs:overhead_ratio_lower:median10m\n"+
			"  and virt_fs:overhead_seconds_lower:median10m >= 0.0001))",
		"{{mountpoint}} {{op}}  {{instance}}", "suffix:×", "")
	p.Decimals, p.Max = 1, of(50)
	p.Steps = []Step{{0, calm}, {5, warning}, {20, critical}}
	p.Fields = nil
	p.Links = []Link{{"File systems", "/d/virt-filesystems?${datasource:queryparam}&${__url_time_range}"}}
	p.MayBeEmpty = "nothing may be passed through"
	return p
}
