package dashboards

// fleetHostTable has a row for each host, those too whose exporters are silent.
func fleetHostTable() Panel {
	of := func(agg, name string) string { return agg + " by (instance) (" + name + "{" + ofHost + "})" }
	pressure := func(resource string) string {
		return `max by (instance) (virt:node_pressure_waiting:ratio_rate5m{` + ofHost + `,resource="` + resource + `"})`
	}
	ratio := func(of, over string) string {
		return "max by (instance) (" + of + "{" + ofHost + "} / " + over + "{" + ofHost + "})"
	}
	return Panel{
		Title: "Hosts", Width: 18, Draw: Table{By: []string{"instance"}, Also: []string{"role"}, Sort: "Worst alert"},
		Description: "Click on a heading to sort, on a name for the host. Kept from CPU: part of the CPU time that the host's guests asked for and others had. " +
			"Own steal: what this machine's own hypervisor kept from it. PSI: part of the time in which something on the host waits.",
		Queries: asOfNow(
			Query{Expr: hostSeverity("{" + ofHost + "}"), Column: "Worst alert"},
			Query{Expr: "max by (instance) (virt_node_info{" + ofHost + "}) * on (instance) group_left (role) topk by (instance) (1, virt_node_info{" + ofHost + "})"},
			Query{Expr: "min by (instance) (up{" + ofHost + "} and on (job, instance) " + fleetKnown + ")", Column: "Exporter"},
			Query{Expr: "sum by (instance) (" + once("virt:node_guests_of_runtime:count{"+ofHost+"}") + ")", Column: "Guests"},
			Query{Expr: `count by (instance) (group by (` + guestRow + `) (virt:guest_hurt:ratio{` + ofHost + `} >= 1))`, Column: "Hurt"},
			Query{Expr: of("max", "virt:node_guest_cpu_contended:ratio_rate5m"), Column: "Kept from CPU"},
			Query{Expr: of("max", "virt:node_cpu_steal:ratio_rate5m"), Column: "Own steal"},
			Query{Expr: pressure("cpu"), Column: "PSI CPU"},
			Query{Expr: pressure("memory"), Column: "PSI memory"},
			Query{Expr: pressure("io"), Column: "PSI disk"},
			Query{Expr: ratio("virt_node_vcpus_allocated", "virt_node_cpus"), Column: "vCPUs per CPU"},
			Query{Expr: ratio("virt_node_memory_allocated_bytes", "virt_node_memory_bytes"), Column: "Memory promised"},
		),
		Unit: "percentunit", Decimals: 0, NoValue: "–", Fields: fleetHostColumns(),
	}
}

func fleetHostColumns() []Field {
	return []Field{
		{Name: "instance", Title: "Host", Links: []Link{hostLink(true)}},
		{Name: "role", Title: "It is a", Width: 90},
		severityColumn(hostWords()),
		{Name: "Exporter", Unit: "none", Words: []Word{{0, "SILENT", critical}, {1, "answers", calm}}, Cell: "color-text", Width: 90},
		{Name: "Guests", Unit: "none", Width: 75},
		{Name: "Hurt", Unit: "none", Steps: []Step{{0, calm}, {1, warning}}, Cell: "color-background", Width: 70},
		{Name: "Kept from CPU", Steps: stepsOf("VirtGuestCPUStealHigh"), Cell: "gauge", Max: of(1)},
		{Name: "Own steal", Steps: stepsOf("VirtNodeStealHigh"), Cell: "color-background"},
		{Name: "PSI memory", Steps: stepsOf("VirtGuestMemoryPressureHigh"), Cell: "color-background"},
		{Name: "vCPUs per CPU", Unit: "suffix: ×", Steps: stepsOf("VirtNodeOvercommitted/cpu"), Cell: "color-background"},
		{Name: "Memory promised", Unit: "percentunit", Steps: stepsOf("VirtNodeOvercommitted/memory"), Cell: "color-background", Width: 130},
	}
}

func fleetHostLines() Panel {
	return Panel{
		Title: "Hosts whose guests wait most for a CPU", Width: 6, Draw: Stat{Graph: true, Across: true},
		Description: "Part of the CPU time that all guests of a host asked for and others had: the worst hosts of the time that is shown. " +
			"Few busy guests beside idle ones: look at who steals from whom on the host. All of them: the host is too small.",
		Queries: []Query{{
			Expr:   worstStill(8, "instance", "virt:node_guest_cpu_contended:ratio_rate5m{"+ofHost+"}"),
			Legend: "{{instance}}",
		}},
		Unit: "percentunit", Decimals: 1, Min: of(0), NoValue: "none", Steps: stepsOf("VirtGuestCPUStealHigh"),
		Fields:     []Field{{Pattern: "/.*/", Links: []Link{hostLink(false)}}},
		MayBeEmpty: "no guest may want a CPU",
	}
}
