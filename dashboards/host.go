package dashboards

// outermost leaves guests that are not inside others, so that nothing is added twice;
// everOutermost those that were so last in the time that is shown.
const (
	outermost     = " and on (" + guestLabels + ") virt:guest:outer{" + ofHost + "}"
	everOutermost = " and on (" + guestLabels + ") last_over_time(virt:guest:outer{" + ofHost + "}[$__range] @ end())"
)

// host says why guests of one host wait: for each other, for what is promised and not
// there, or for what this machine itself waits for.
func host() Dashboard {
	return Dashboard{
		UID: "virt-host", File: "host", Title: "Virtualization: host",
		Description: "One host: what its guests use and wait for, who steals from whom, its disks, its memory, and what running virtual machines costs it.",
		From:        "now-1h", Refresh: "30s", Alone: true,
		Variables: []Variable{hostVariable(true)},
		Alerts:    []string{ofHost},
		Rows: []Row{
			{Height: 4, Panels: []Panel{hostIdentity(), hostState(), hostCPUs(), hostGuests(), hostHurt(), hostOvercommit()}},
			{Title: "CPU", Height: 9, Panels: []Panel{hostCPUUse(), hostKept(), hostCauses()}},
			{Title: "Who keeps whom from the CPU", Height: 10, Panels: []Panel{hostMatrix(), hostPairs()}},
			{Title: "This machine", Height: 7, Panels: []Panel{hostOwnSteal(), hostWaiting(), hostStalled()}},
			{Title: "Disks", Height: 8, Panels: []Panel{hostDiskLatency(), hostDiskRequests()}},
			{Height: 8, Panels: []Panel{hostDiskGuests(), hostDiskCauses()}},
			{Title: "Memory", Height: 8, Panels: []Panel{hostMemory(), hostMemoryWaiting(), hostSwapped(), hostKills()}},
			{Title: "What running virtual machines costs", Height: 8, Panels: []Panel{hostHelpers(), hostHelpersSteal()}},
			{Title: "What is seen of this host", Folded: true, Height: 8, Panels: []Panel{hostSources(), hostUnseen()}},
		},
	}
}

func hostIdentity() Panel {
	return Panel{
		Title: "What it is", Width: 5, Draw: Stat{Names: true},
		Description: "What the exporter runs on. A vm has a hypervisor below it, which may keep it from its CPUs: see its own steal.",
		Queries: []Query{{
			Expr:   "max by (role, hypervisor, product) (virt_node_info{" + ofHost + "})\nor on () label_replace(vector(0), \"role\", \"NOT SEEN\", \"\", \"\")",
			Legend: "{{role}} {{hypervisor}} {{product}}", Instant: true,
		}},
	}
}

func hostState() Panel {
	return Panel{
		Title: "Worst alert", Width: 4, Draw: Stat{Fill: true},
		Description: "The worst alert that fires on this host or for one of its guests. NO DATA: its exporter gives nothing, or nobody evaluates alerts of it, and nothing is known.",
		Queries: []Query{{
			Expr:   worstOfChosen(),
			Legend: "Worst alert", Instant: true,
		}},
		Decimals: Auto, NoValue: "NO DATA", Words: severityWords(), Steps: stateSteps(),
		Links: []Link{{"Runbook", runbookURL}},
	}
}

func hostCPUs() Panel {
	return Panel{
		Title: "CPUs", Width: 3, Draw: Stat{},
		Description: "CPUs of this machine that are online. What its guests want is compared with them below.",
		Queries:     []Query{{Expr: "max(virt_node_cpus{" + ofHost + "})", Legend: "CPUs", Instant: true}},
		Unit:        "none", NoValue: "NOT SEEN",
	}
}

func hostGuests() Panel {
	return Panel{
		Title: "Guests", Width: 4, Draw: Stat{Wide: true},
		Description: "Virtual machines and containers, those inside others included. The fleet's table lists them.",
		Queries:     []Query{{Expr: "sum by (kind) (" + once("virt:node_guests_of_runtime:count{"+ofHost+"}") + ")", Legend: "{{kind}}", Instant: true}},
		Unit:        "none", NoValue: "none", Links: []Link{{"Fleet", toFleet + "&${host:queryparam}"}},
		MayBeEmpty: "a host may have no guests",
	}
}

func hostHurt() Panel {
	return Panel{
		Title: "Guests that are hurt", Width: 4, Draw: Stat{Wide: true},
		Description: "Guests that wait for longer than the threshold of the alert on that resource bears. Noisy neighbours says because of whom.",
		Queries:     []Query{{Expr: "sum by (resource) (" + once("virt:guest_hurt:ratio{"+ofHost+"}") + " >= bool 1)", Legend: "{{resource}}", Instant: true}},
		Unit:        "none", NoValue: "none", Steps: []Step{{0, calm}, {1, warning}},
		Links:      []Link{{"Noisy neighbours", toNeighbours + "&${host:queryparam}"}},
		MayBeEmpty: "nobody waits for anything where all is well",
	}
}

func hostOvercommit() Panel {
	promised := func(of, over string) string {
		return "max(virt_node_" + of + "{" + ofHost + "} / virt_node_" + over + "{" + ofHost + "})"
	}
	return Panel{
		Title: "Promised", Width: 4, Draw: Stat{Wide: true},
		Description: "What the virtual machines were given as a multiple of what there is. It hurts nobody before they want it all at once.",
		Queries: []Query{
			{Expr: promised("vcpus_allocated", "cpus"), Legend: "vCPUs", Instant: true},
			{Expr: promised("memory_allocated_bytes", "memory_bytes"), Legend: "memory", Instant: true},
		},
		Unit: "suffix: ×", Decimals: 2, NoValue: "no machines", Steps: stepsOf("VirtNodeOvercommitted/cpu"),
		Fields:     []Field{{Name: "memory", Steps: stepsOf("VirtNodeOvercommitted/memory")}},
		Links:      []Link{{"Runbook", runbookURL + "#virtnodeovercommitted"}},
		MayBeEmpty: "a host without virtual machines has promised nothing",
	}
}
