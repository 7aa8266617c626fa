package dashboards

func hostOwnSteal() Panel {
	return Panel{
		Title: "Its own steal", Width: 8, Draw: Lines{Limits: true, Area: true},
		Description: "Part of the CPU time that this machine asked for and its own hypervisor gave to others. Nothing that runs here is to blame: ask who runs the host below. 0 on bare metal.",
		Queries:     []Query{{Expr: "max(virt:node_cpu_steal:ratio_rate5m{" + ofHost + "})", Legend: "own steal"}},
		Unit:        "percentunit", Decimals: Auto, Min: of(0), NoValue: "not measured", Steps: stepsOf("VirtNodeStealHigh"),
		Links: []Link{{"Runbook", runbookURL + "#virtnodestealhigh"}},
	}
}

func hostWaiting() Panel {
	return Panel{
		Title: "Something waits (PSI some)", Width: 8, Draw: Lines{},
		Description: "Part of the time in which some task of this machine, a guest or not, waits for a resource. It says for what to look, and the rows below because of whom.",
		Queries:     []Query{{Expr: "max by (resource) (virt:node_pressure_waiting:ratio_rate5m{" + ofHost + "})", Legend: "{{resource}}"}},
		Unit:        "percentunit", Decimals: Auto, Min: of(0), Max: of(1), NoValue: "PSI is off", Fields: resourceColors(),
		MayBeEmpty: "the kernel may have no PSI",
	}
}

func hostStalled() Panel {
	return Panel{
		Title: "Everything waits (PSI full)", Width: 8, Draw: Lines{},
		Description: "Part of the time in which all tasks of this machine that had work waited for a resource. More than a few percent of memory: the host is about to thrash, move guests away.",
		Queries: []Query{{
			Expr:   "max by (resource) (rate(virt_node_pressure_stalled_seconds_total{" + ofHost + "}[$__rate_interval]))",
			Legend: "{{resource}}",
		}},
		Unit: "percentunit", Decimals: Auto, Min: of(0), Max: of(1), NoValue: "PSI is off", Fields: resourceColors(),
		MayBeEmpty: "the kernel may have no PSI",
	}
}

func hostHelpers() Panel {
	return Panel{
		Title: "CPUs spent to run virtual machines", Width: 12, Draw: Lines{Stacked: true},
		Description: "What the hypervisor's threads use besides the machines' own work. Much vhost or iothread: network or disk at work. Much vcpu_host: machines that exit or poll a lot, see the guest.",
		Queries: []Query{{
			Expr:   "sum by (component) (" + once("rate(virt_guest_vmm_cpu_seconds_total{"+ofHost+`,component!="vcpu"}[$__rate_interval])`) + ")",
			Legend: "{{component}}",
		}},
		Unit: "none", Decimals: 2, Min: of(0), NoValue: "no machines",
		MayBeEmpty: "a host may have no virtual machines",
	}
}

func hostHelpersSteal() Panel {
	return Panel{
		Title: "Helper threads that wait for a CPU", Width: 12, Draw: Lines{Limits: true},
		Description: "Part of the CPU time that helper threads asked for and did not get, of the machines where it is worst. In the machine this looks like a slow disk or a slow network.",
		Queries: []Query{{
			Expr:   worstInRange(10, guestLine+", component", "virt:guest_vmm_cpu_steal:ratio_rate5m{"+ofHost+"}"),
			Legend: "{{guest}} {{component}}",
		}},
		Unit: "percentunit", Decimals: Auto, Min: of(0), NoValue: "no machines", Steps: stepsOf("VirtGuestHelperStarved"),
		Fields:     []Field{{Pattern: "/.*/", Links: []Link{guestLink(false)}}},
		Links:      []Link{{"Runbook", runbookURL + "#virtguesthelperstarved"}},
		MayBeEmpty: "a host may have no virtual machines",
	}
}

func hostSources() Panel {
	return Panel{
		Title: "Where it is read from", Width: 12, Draw: Table{By: []string{"source"}, Sort: "Source", Ascends: true},
		Description: "Sources that this host has. Of one that fails the figures are missing, and alerts on them do not fire: the exporter's log says why.",
		Queries: asOfNow(
			Query{Expr: "max by (source) (virt_source_success{" + ofHost + "})", Column: "Last reading"},
			Query{Expr: "max by (source) (virt_source_duration_seconds{" + ofHost + "})", Column: "It took"},
			Query{Expr: "time() - max by (source) (virt_source_last_success_timestamp_seconds{" + ofHost + "})", Column: "Age"},
			Query{Expr: "max by (source) (virt_source_guests{" + ofHost + "})", Column: "Guests"},
		),
		Unit: "s", Decimals: Auto, NoValue: "–",
		Fields: []Field{
			{Name: "source", Title: "Source"},
			{Name: "Last reading", Unit: "none", Words: []Word{{0, "FAILED", warning}, {1, "whole", calm}}, Cell: "color-text"},
			{Name: "Guests", Unit: "none"},
		},
		Links: []Link{{"Runbook", runbookURL + "#virtsourcefailing"}},
	}
}

func hostUnseen() Panel {
	return Panel{
		Title: "What cannot be seen here, and why", Width: 12, Draw: Table{By: []string{"feature", "source", "reason"}, Sort: "What", Ascends: true},
		Description: "What this host does not let the exporter see. Panels that need it are empty and alerts on it cannot fire: the runbook says what to grant.",
		Queries:     asOfNow(Query{Expr: "max by (feature, source, reason) (virt_feature_available{" + ofHost + "} == 0)"}),
		NoValue:     "everything is seen",
		Fields:      []Field{{Name: "feature", Title: "What"}, {Name: "source", Title: "Source"}, {Name: "reason", Title: "Reason"}},
		Links:       []Link{{"Runbook", runbookURL + "#virtmonitoringblind"}},
		MayBeEmpty:  "a host may let the exporter see everything",
	}
}
