package dashboards

import "fmt"

// guest is one virtual machine or one container. What hurts it stands first, then who
// it is, then what it waits for: the CPU, I/O, memory. What only virtual machines have
// is folded.
func guest() Dashboard {
	return Dashboard{
		UID: "virt-guest", File: "guest", Title: "Virtualization: guest",
		Description: "One virtual machine or container: is it being hurt, by what, and by whom. Marks are alerts of this guest.",
		From:        "now-1h", Refresh: "30s", Alone: true,
		Variables: []Variable{hostVariable(true), guestVariable(), guestKindVariable(), guestRuntimeVariable()},
		Alerts:    []string{ofGuest},
		Rows: []Row{
			{Height: 4, Panels: []Panel{guestSteal(), guestWhy(), guestThrottled(), guestRequest(), guestMemoryWaits(), guestKills(), firing(ofGuest, allAnswer("{"+ofHost+"}"), 4)}},
			{Height: 4, Panels: []Panel{guestIdentity()}},
			{Title: "CPU", Height: 8, Panels: []Panel{guestDemand(), guestStealBy(), guestCoverage()}},
			{Height: 8, Panels: []Panel{guestWaits(), guestWaitQuantiles(), guestQuota()}},
			{Title: "I/O", Height: 8, Panels: []Panel{guestLayers(), guestLayerCost(), guestIOBy()}},
			{Height: 8, Panels: []Panel{guestRequests(), guestBytes(), guestCaps(), guestIOLatency()}},
			{Title: "Memory", Height: 8, Panels: []Panel{guestMemory(), guestMemoryBy(), guestRefaults(), guestReclaim()}},
			{Title: "Virtual machine: what running it costs the host", Folded: true, Height: 8, Panels: []Panel{guestVMM(), guestHelpers(), guestHaltPolling()}},
			{Title: "Virtual machine: exits", Folded: true, Height: 8, Panels: []Panel{guestExits(), guestVMMExits(), guestKVMExits()}},
			{Title: "Network and directories of the host", Folded: true, Height: 8, Panels: []Panel{guestNetwork(), guestDrops(), guestShares()}},
		},
	}
}

// ofGuestAnd selects series of the guest that match more.
func ofGuestAnd(matchers string) string { return ofGuest + "," + matchers }

// guestRate is by how much counters of the guest grow in a second, by labels.
func guestRate(by, family, matchers string) string {
	selected := ofGuest
	if matchers != "" {
		selected = ofGuestAnd(matchers)
	}
	return ofOneGuest(by, fmt.Sprintf("rate(%s{%s}[$__rate_interval])", family, selected))
}

// ofOneGuest adds what one guest has by labels. Where several are selected, for one
// exporter asks two hosts that have machines of one name or two jobs scrape it, they
// are not added: the greatest counts. Replicas that a label of another name tells apart
// are, and must be one before: who stores them has to leave them out.
func ofOneGuest(by, expr string) string {
	if by == "" {
		return fmt.Sprintf("max(sum by (%s) (%s))", guestLabels, expr)
	}
	return fmt.Sprintf("max by (%[1]s) (sum by (%[2]s, %[1]s) (%[3]s))", by, guestLabels, expr)
}

// answer is a large number with its past below.
func answer(title, description string, width int, queries ...Query) Panel {
	return Panel{
		Title: title, Description: description, Width: width, Draw: Stat{Fill: true, Graph: true},
		Queries: queries, Decimals: Auto, Min: of(0),
	}
}

func guestSteal() Panel {
	p := answer("CPU: kept from it",
		"Part of the CPU time it asked for that others had; in all: its own quota and its own threads too. Coloured by VirtGuestCPUStealHigh. Ask beside it who it was.", 4,
		Query{Expr: still("max", "virt:guest_cpu_contended:ratio_rate5m{"+ofGuest+"}"), Legend: "by others"},
		Query{Expr: still("max", "virt:guest_cpu_steal:ratio_rate5m{"+ofGuest+"}"), Legend: "in all"})
	p.Unit, p.Decimals, p.NoValue, p.Steps = "percentunit", 1, "idle, or not measured", stepsOf("VirtGuestCPUStealHigh")
	p.Fields = []Field{{Name: "in all", Steps: []Step{{0, calm}}}}
	p.Links = []Link{{"Runbook", runbookURL + "#virtguestcpustealhigh"}}
	return p
}

func guestWhy() Panel {
	expr := "topk(1, " + ofOneGuest("cause, culprit", "virt:guest_cpu_steal_by:ratio_rate5m{"+ofGuest+"}") + " > 0.01)"
	return Panel{
		Title: "CPU: mostly because of", Width: 5, Draw: Stat{Fill: true, Across: true},
		Description: "The largest cause of its waits for a CPU, as a part of the time it asked for, and who it was: a neighbour is another guest, system a unit of the host, throttle its own quota and self its own threads, which no alert on others counts.",
		Queries:     []Query{{Expr: expr, Instant: true, Legend: "{{cause}} {{culprit}}"}},
		Unit:        "percentunit", Decimals: 0, NoValue: "nothing to speak of", Steps: stepsOf("VirtGuestCPUStealHigh"),
		Fields: []Field{ // nobody else's doing
			{Pattern: "/^throttle/", Steps: stepsOf("VirtGuestCPUThrottled")},
			{Pattern: "/^(self|wakeup)/", Steps: []Step{{0, calm}}},
		},
		Links:      []Link{{"Runbook", runbookURL + "#virtnoisyneighbour"}},
		MayBeEmpty: "a guest that gets its CPU has no cause of waiting",
	}
}

func guestThrottled() Panel {
	p := answer("CPU: throttled",
		"Part of the CPU time it asked for that a quota on it, or above it, held back. No neighbour is to blame: raise the quota or want less.", 3,
		Query{Expr: still("max", "virt:guest_cpu_throttle:ratio_rate5m{"+ofGuest+"}"), Legend: "throttled"})
	p.Unit, p.Decimals, p.NoValue, p.Steps = "percentunit", 1, "idle, or not measured", stepsOf("VirtGuestCPUThrottled")
	p.Links = []Link{{"Runbook", runbookURL + "#virtguestcputhrottled"}}
	p.MayBeEmpty = "absent where steal is not split by cause, and while the guest is idle"
	return p
}

func guestRequest() Panel {
	p := answer("Disk",
		"The slowest of its disks: the time that a request takes as the guest sees it, or as the host's disk does where the guest's view is not known; and where nobody times requests the part of the time in which it waits for others' I/O.", 3,
		Query{Expr: still("max", "virt:guest_io_felt:seconds_rate5m{"+ofGuestAnd(`op!~"flush|discard"`)+"}"), Legend: "a request"},
		Query{Expr: still("max", "virt:guest_io_felt:ratio_rate5m{"+ofGuest+"}"), Legend: "waiting"})
	p.Unit, p.NoValue, p.Steps = "s", "no I/O, or not measured", stepsOf("VirtGuestIOLatencyHigh")
	p.Fields = []Field{{Name: "waiting", Unit: "percentunit", Steps: []Step{{0, calm}, {0.4, warning}}}}
	p.Links = []Link{{"Runbook", runbookURL + "#virtguestiolatencyhigh"}}
	p.MayBeEmpty = "a guest that neither reads nor writes has no requests"
	return p
}

func guestMemoryWaits() Panel {
	p := answer("Memory: waited for",
		"Part of the time in which some of its tasks waited for memory. Below it stands whether that is its own limit or others.", 3,
		Query{Expr: still("max", "virt:guest_memory_waiting:ratio_rate5m{"+ofGuest+"}"), Legend: "waiting"})
	p.Unit, p.Decimals, p.NoValue, p.Steps = "percentunit", 1, "not measured", stepsOf("VirtGuestMemoryPressureHigh")
	p.Links = []Link{{"Runbook", runbookURL + "#virtguestmemorypressurehigh"}}
	p.MayBeEmpty = "absent where the kernel has no pressure of the guest's cgroup, as of machines without one"
	return p
}

// guestKills counts kills in the time that is shown. Those of a guest that was born
// with them only the rule sees, which looks at 15 minutes at a time.
func guestKills() Panel {
	expr := fmt.Sprintf("max(\n"+
		`  label_replace(max(increase(virt_guest_memory_events_total{%[1]s,event="oom_kill"}[$__range])), "of", "counter", "", "")`+"\n"+
		`  or label_replace(max(max_over_time(virt:guest_oom_kills:increase15m{%[1]s}[$__range])), "of", "rule", "", "")`+"\n)", ofGuest)
	return Panel{
		Title: "OOM kills", Width: 2, Draw: Stat{Fill: true},
		Description: "Processes of it that the kernel killed for want of memory in the time that is shown. See its limit and its memory below.",
		Queries:     []Query{{Expr: expr, Instant: true, Legend: "kills"}},
		Unit:        "short", Decimals: 0, NoValue: "not measured", Steps: []Step{{0, calm}, {0.5, critical}},
		Links:      []Link{{"Runbook", runbookURL + "#virtguestoomkilled"}},
		MayBeEmpty: "absent where the guest has no cgroup with a memory controller",
	}
}

// firing is the panel of the alerts that fire for what is selected, pages first: as many
// as there is room for, below each other. Only names are shown, so that none fires is a
// name too, and so is that nothing is known: nobody evaluates alerts, or who must be
// heard for it is silent.
func firing(matchers, heard string, width int) Panel {
	known, unknown := watchdog, "nobody evaluates alerts"
	if heard != "" {
		known += "\n  and on () " + heard
		unknown += ", or no exporter that is shown here answers"
	}
	expr := fmt.Sprintf("topk(4, max by (alert) (label_replace(\n"+
		"  ALERTS{%[1]s,%[2]s,severity=\"critical\"} * 3\n"+
		"  or ALERTS{%[1]s,%[2]s,severity=\"warning\"} * 2\n"+
		"  or ALERTS{%[1]s,%[2]s,severity=\"info\"} * 1,\n"+
		"  \"alert\", \"$1\", \"alertname\", \"Virt(?:Guest|Filesystem)?(.+)\"\n)))\n"+
		"or on () (\n  label_replace(vector(0), \"alert\", \"none\", \"\", \"\")\n  and on () %[3]s\n)\n"+
		"or on () label_replace(vector(-1), \"alert\", \"NO DATA\", \"\", \"\")", alerting, matchers, known)
	return Panel{
		Title: "Firing alerts", Width: width, Draw: Stat{Names: true, Fill: true, Across: true, Size: 14},
		Description: "Alerts that fire now, in the colour of their severity, pages first, four at most. NO DATA: " + unknown + ", so nothing is known. The runbook says what to do about each.",
		Queries:     []Query{{Expr: expr, Instant: true, Legend: "{{alert}}"}},
		Decimals:    Auto, Steps: stateSteps(),
		Links: []Link{{"Runbook", runbookURL}},
	}
}

// guestIdentity says who it is. All of it is labels; since when it runs is the value.
func guestIdentity() Panel {
	by := []string{"guest", "kind", "runtime", "tenant", "image", "parent", "accelerator", "id", "uuid", "cgroup"}
	known := fmt.Sprintf(`label_replace(label_replace(virt_guest_info{%s}, "tenant", "$1", "kube_namespace", "(.+)"), "tenant", "$1", "project", "(.+)")`, ofGuest)
	const labels = "guest, kind, runtime, tenant, image, parent, accelerator, id, uuid, cgroup"
	return Panel{
		Title: "Who it is", Width: 24, Draw: Table{By: by},
		Description: "What is known of it. The parent is the guest around it: what hurts that one hurts this one too. The tenant is its project, or its namespace in Kubernetes.",
		Queries: []Query{
			{Expr: fmt.Sprintf("group by (%s) (\n  %s\n)", labels, known), Instant: true},
			{Expr: fmt.Sprintf("max by (%s) (\n  %s\n  * on (job, instance, vm_host, kind, runtime, guest) group_left ()\n  max by ("+guestLabels+") (virt_guest_start_time_seconds{%s} * 1000)\n)", labels, known, ofGuest), Instant: true, Column: "Started"},
		},
		Decimals: Auto, NoValue: "no such guest now",
		Fields: []Field{
			{Name: "Started", Unit: "dateTimeFromNow", Width: 130},
			{Name: "kind", Width: 90},
			{Name: "runtime", Width: 90},
			{Name: "guest", Width: 220},
			{Name: "accelerator", Width: 125},
		},
	}
}
