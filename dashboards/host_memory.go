package dashboards

// hostLines is a panel of the ten guests of the host that have most of something.
func hostLines(title, description, selector, unit, alert, runbook string) Panel {
	return Panel{
		Title: title, Description: description, Width: 6, Draw: Lines{Limits: true},
		Queries: []Query{{Expr: worstInRange(10, guestLine, selector), Legend: "{{guest}}"}},
		Unit:    unit, Decimals: Auto, Min: of(0), NoValue: "none", Steps: stepsOf(alert),
		Fields: []Field{{Pattern: "/.*/", Links: []Link{guestLink(false)}}},
		Links:  []Link{{"Runbook", runbookURL + runbook}},
	}
}

func hostMemory() Panel {
	return Panel{
		Title: "Memory that is promised and used", Width: 6, Draw: Lines{},
		Description: "What virtual machines were configured with, and what all guests have now, page cache of containers included. Above what there is, the host swaps or kills: see beside it.",
		Queries: []Query{
			{Expr: "max(virt_node_memory_bytes{" + ofHost + "})", Legend: "there is"},
			{Expr: "max(virt_node_memory_allocated_bytes{" + ofHost + "})", Legend: "promised to machines"},
			{Expr: "sum by (kind) (" + once("virt_guest_memory_usage_bytes{"+ofHost+"}"+outermost) + ")", Legend: "used, {{kind}}"},
			{Expr: "sum(" + once("virt_guest_memory_swap_bytes{"+ofHost+"}"+outermost) + ")", Legend: "swapped out"},
		},
		Unit: "bytes", Decimals: Auto, Min: of(0),
		Fields: []Field{
			{Name: "there is", Color: vermillion, Dashed: true},
			{Name: "promised to machines", Color: orange, Dashed: true},
			{Name: "swapped out", Color: purple},
		},
	}
}

func hostMemoryWaiting() Panel {
	p := hostLines("Guests that wait for memory",
		"Part of the time in which some tasks of a guest wait for memory. Of a container it may be its own limit: the guest's dashboard says because of whom.",
		"virt:guest_memory_waiting:ratio_rate5m{"+ofHost+"}", "percentunit", "VirtGuestMemoryPressureHigh", "#virtguestmemorypressurehigh")
	p.NoValue, p.MayBeEmpty = "not measured", "pressure may not be seen, or a host may have no guests with cgroups"
	return p
}

func hostSwapped() Panel {
	p := hostLines("Guests that the host has swapped out",
		"Part of a guest's memory that the host has swapped out. It hurts when it is needed again: move a guest away, or promise less.",
		"virt:guest_memory_swapped:ratio{"+ofHost+"}", "percentunit", "VirtGuestMemorySwappedByHost", "#virtguestmemoryswappedbyhost")
	p.MayBeEmpty = "nothing is swapped out where all is well"
	return p
}

func hostKills() Panel {
	return Panel{
		Title: "Killed for want of memory", Width: 6, Draw: Lines{Points: true},
		Description: "Processes of guests that the kernel killed in 15 minutes, and all of this machine. Raise the guest's limit, or find out what grew.",
		Queries: []Query{
			{Expr: "max by (" + guestLine + ") (virt:guest_oom_kills:increase15m{" + ofHost + "})", Legend: "{{guest}}"},
			{Expr: "max(increase(virt_node_oom_kills_total{" + ofHost + "}[15m]))", Legend: "all of this machine"},
		},
		Unit: "none", Decimals: 0, Min: of(0), NoValue: "none",
		Fields: []Field{{Name: "all of this machine", Color: grey}},
		Links:  []Link{{"Runbook", runbookURL + "#virtguestoomkilled"}},

		MayBeEmpty: "nobody is killed where all is well",
	}
}
