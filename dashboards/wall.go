package dashboards

import "fmt"

// wallHeight is what a screen of 1080 lines shows in kiosk mode without scrolling,
// and one of 2160 lines at a scale of 200 %. A unit is 38 pixels.
const wallHeight = 27

// Letters that are read from five metres on a screen of 55 inches: 40 pixels are
// 25 mm there, and what says the state is larger. Names have no fixed size: Grafana
// gives them up to 0.7 of their values', 30 pixels, and less to long ones, which would
// otherwise push the value below the line and over the next one.
const (
	wallValue = 43
	wallState = 96
)

// Lines of text that fit into a panel of the wall one below the other: a line needs
// lineUnits units.
const lineUnits = 1.75

// ourAlerts match the alerts of this project, and not those of KubeVirt, which begin
// with Virt too.
const ourAlerts = `alertname=~"Virt(Alerter|Exporter|Filesystem|Guest|Monitoring|Node|Noisy|Share|Source|VMKey|Virtiofsd).+"`

// alerting are those that fire.
const alerting = `alertstate="firing",` + ourAlerts

// severityOf returns the severity of the worst alert that fires, as a number, for each
// value of the labels, and 0 for those of none. Nothing is known, and nothing
// returned, where nobody evaluates alerts: the watchdog fires wherever somebody does.
// Notes are for a desk: they do not count.
func severityOf(labels, none string) string {
	return fmt.Sprintf(
		"max by (%[1]s) (\n  %[3]s * 0\n  or ALERTS{%[2]s,severity=\"warning\"} * 2\n  or ALERTS{%[2]s,severity=\"critical\"} * 3\n)\n"+
			"and on () %[4]s",
		labels, alerting, none, watchdog)
}

// hostSeverity is severityOf of each of the hosts that matchers select: silent for one
// whose exporter gives nothing and of which no alert tells yet.
func hostSeverity(matchers string) string {
	known := exportersKnown + matchers
	return fmt.Sprintf("%[1]s\nand on (instance) %[2]s\nor (group by (instance) (%[2]s) * %[3]g and on () %[4]s)\nor group by (instance) (%[5]s) * %[6]g",
		severityOf("instance", answering(matchers)), known, silent, watchdog, notJudged(matchers), unjudged)
}

// watchdog fires wherever alerts are evaluated.
const watchdog = `ALERTS{alertname="VirtWatchdog",alertstate="firing"}`

// exportersKnown are all exporters of late, which a rule records; those that give
// something have exportersNow, whatever sources they were told to leave out.
const (
	exportersKnown = "virt:exporter:known"
	exportersNow   = "virt_exporter_build_info"
)

// answering are exporters that give something, and for which rules are evaluated.
// matchers are in braces, or nothing.
func answering(matchers string) string {
	return "(" + exportersKnown + matchers + " and on (job, instance) " + exportersNow + ")"
}

// notJudged are exporters that give something, and for which no rules are evaluated: the
// watchdog of one site vouches for no other. Rules need a moment to know a new one.
func notJudged(matchers string) string {
	return "(" + exportersNow + matchers + " and " + exportersNow + " offset 2m unless on (job, instance) " + exportersKnown + ")"
}

// allAnswer has one value where exporters answer, and rules are evaluated for each that
// does.
func allAnswer(matchers string) string {
	return "(group(" + answering(matchers) + ") unless on () " + notJudged(matchers) + ")"
}

// heard says that what is not told of is not there: alerts are evaluated, of all
// exporters that are heard of.
func heard() string { return watchdog + " and on () " + allAnswer("") }

// elseNotKnown adds a series to a query that finds nothing where all is well, for where
// it finds nothing because nothing is known. notKnown is its word. Other labels of the
// name get a mark, so that it does not look torn.
func elseNotKnown(expr string, others ...string) string {
	named := `label_replace(vector(-1), "guest", "not known", "", "")`
	for _, label := range others {
		named = fmt.Sprintf(`label_replace(%s, "%s", "?", "", "")`, named, label)
	}
	return expr + "\nor on () (" + named + "\n  unless on () (" + heard() + "))"
}

func notKnown() Word { return Word{-1, "NO DATA", noData} }

// wall is read from across the room. It asks for recorded series, and for which
// exporters answer, and needs no hand on a mouse.
func wall() Dashboard {
	return Dashboard{
		UID: "virt-wall", File: "wall", Title: "Virtualization: wall",
		Description: "Is any guest being hurt, which, and by whom. For a screen: add ?kiosk to the address; at 3840×2160 set the browser's zoom to 200 %.",
		From:        "now-1h", Refresh: "15s", Wall: true,
		Rows: []Row{
			{Height: 9, Panels: []Panel{wallStatePanel(), wallAlerts()}},
			{Height: 9, Panels: []Panel{wallNeighbours(), wallHosts()}},
			{Height: 9, Panels: []Panel{
				wallHurt("CPU", "cpu", "VirtGuestCPUStealHigh", "Guests that others keep from the CPU, in parts of what the alert bears: ×1 is where VirtGuestCPUStealHigh begins. Their own quotas and threads are not counted."),
				wallHurt("Disk", "io", "VirtGuestIOLatencyHigh", "Guests whose requests take long, or that wait for I/O where nobody counts those, in parts of what the alert bears: ×1 is where VirtGuestIOLatencyHigh begins."),
				wallHurt("Memory", "memory", "VirtGuestMemoryPressureHigh", "Guests that wait for memory, in parts of what the alert bears: ×1 is where VirtGuestMemoryPressureHigh begins."),
				wallFilesystems(),
			}},
		},
	}
}

// wallStatePanel says it in one word. Silence of the exporters, or of who evaluates
// alerts, is not health: then there is no data, and that is what it says.
func wallStatePanel() Panel {
	return Panel{
		Title: "State", Width: 7, Draw: Stat{Fill: true, Size: wallState},
		Description: "The worst alert that fires. NO DATA: no exporter is heard of, or of one of them nobody evaluates alerts, so nothing is known.",
		Queries:     []Query{{Expr: severityOf("", allAnswer("")), Instant: true, Legend: "State"}},
		Decimals:    Auto, NoValue: "NO DATA",
		Steps: stateSteps(),
		Words: []Word{{0, "all well", calm}, {2, "WARNING", warning}, {3, "PAGE", critical}},
		Links: []Link{{"Fleet", toFleet}},
	}
}

// wallAlerts lists what fires, pages first. Alerts of one guest that differ in device,
// operation or culprit are one line.
func wallAlerts() Panel {
	expr := elseNotKnown("topk(4, max by (alert, instance, guest) (label_replace(\n" +
		`  ALERTS{` + alerting + `,severity="critical"} * 3` + "\n" +
		`  or ALERTS{` + alerting + `,severity="warning"} * 2,` + "\n" +
		`  "alert", "$1", "alertname", "Virt(?:Guest|Filesystem)?(.+)"` + "\n)))")
	return Panel{
		Title: "Firing alerts", Width: 17, Draw: Stat{Across: true, Fill: true, Size: wallValue},
		Description: "Alerts that fire, pages first, four at most; the Fleet dashboard has all. The runbook says what to do about each. NO DATA: nobody evaluates alerts of all hosts, or no exporter is heard of.",
		Queries:     []Query{{Expr: expr, Instant: true, Legend: "{{guest}}  {{alert}}  {{instance}}"}},
		Decimals:    Auto, NoValue: "none", Steps: severitySteps(), Words: append(severityWords(), notKnown()),
		Links:      []Link{{"Runbook", runbookURL}},
		MayBeEmpty: "nothing fires where all is well",
	}
}

// wallNeighbours names who keeps whom waiting, the victim first: those whom the alert
// would accuse.
func wallNeighbours() Panel {
	expr := elseNotKnown("topk(4, max by (instance, guest, culprit, resource) (virt:guest_culprit:by_threshold >= 0.5))", "culprit", "resource")
	return Panel{
		Title: "Noisy neighbours: victim ← culprit", Width: 15, Draw: Stat{Across: true, Size: wallValue},
		Description: "Who makes whom wait, and for what, in parts of what the alert bears: ×1 is where VirtNoisyNeighbour begins. Ask the Noisy neighbours dashboard for the evidence.",
		Queries:     []Query{{Expr: expr, Instant: true, Legend: "{{guest}} ← {{culprit}} ({{resource}})  {{instance}}"}},
		Unit:        "prefix:×", Decimals: 1, Min: of(0), NoValue: "none", Steps: timesSteps("VirtNoisyNeighbour/cpu"), Words: []Word{notKnown()},
		Links:      []Link{{"Noisy neighbours", "/d/virt-neighbours?${datasource:queryparam}&${__url_time_range}"}},
		MayBeEmpty: "nobody is in another's way where all is well",
	}
}

func wallHosts() Panel {
	return Panel{
		Title: "Hosts", Width: 9, Draw: Stat{Fill: true},
		Description: "A tile for each host, in the colour and with the word of its worst alert. silent: its exporter gives nothing. NO DATA: nobody evaluates alerts of it.",
		Queries:     []Query{{Expr: hostSeverity(""), Instant: true, Legend: "{{instance}}"}},
		Decimals:    Auto, NoValue: "NO DATA", Steps: stateSteps(), Words: hostWords(),
		Fields: []Field{{Pattern: "/.*/", Links: []Link{hostLink(false)}}},
	}
}

// wallHurt is a panel of the guests that wait most for something.
func wallHurt(title, resource, alert, description string) Panel {
	return Panel{
		Title: title, Description: description, Width: 6, Draw: Stat{Across: true, Size: wallValue},
		Queries: []Query{{
			Expr:    elseNotKnown(fmt.Sprintf(`topk(4, max by (instance, kind, runtime, guest) (virt:guest_hurt:ratio{resource="%s"}))`, resource)),
			Instant: true, Legend: "{{guest}}  {{instance}}",
		}},
		Unit: "prefix:×", Decimals: 1, Min: of(0), NoValue: "none", Steps: timesSteps(alert), Words: []Word{notKnown()},
		Fields:     []Field{{Pattern: "/.*/", Links: []Link{guestLink(false)}}},
		MayBeEmpty: "no guest waits where all is well",
	}
}

// wallFilesystems shows what passing a directory through costs.
func wallFilesystems() Panel {
	return Panel{
		Title: "File systems", Width: 6, Draw: Stat{Across: true, Size: wallValue},
		Description: "Directories that are passed through and slow, each by its worst operation, in parts of what the alert bears: ×1 is where VirtFilesystemPassthroughOverheadHigh begins, of the ratio and of the added time.",
		Queries: []Query{{
			Expr:    elseNotKnown("topk(4, max by (instance, guest, mountpoint) (virt_fs:overhead_by_threshold:median10m >= 0.1))"),
			Instant: true, Legend: "{{guest}} {{mountpoint}} {{instance}}",
		}},
		Unit: "prefix:×", Decimals: 1, Min: of(0), NoValue: "none", Steps: timesSteps("VirtFilesystemPassthroughOverheadHigh"), Words: []Word{notKnown()},
		Links:      []Link{{"File systems", "/d/virt-filesystems?${datasource:queryparam}&${__url_time_range}"}},
		MayBeEmpty: "nothing may be passed through",
	}
}
