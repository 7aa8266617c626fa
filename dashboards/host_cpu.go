package dashboards

// hostCPUUse stacks what the guests use: those that used most in the time that is
// shown, and the others as one. Who was there for a part of it used that much less.
func hostCPUUse() Panel {
	const usage = "virt:guest_cpu_usage:rate5m{" + ofHost + "}"
	const one = "instance, vm_host, kind, runtime, guest" // of an exporter that two jobs scrape too
	const most = "topk(10, max by (" + one + ") (sum_over_time(" + usage + "[$__range] @ end())" + everOutermost + "))"
	return Panel{
		Title: "CPUs that are used, by guest", Width: 8, Draw: Lines{Stacked: true},
		Description: "The ten guests that used most, helpers included, and the rest. Where all together come near the CPUs that there are, guests wait for each other: move one away, or give it a quota.",
		Queries: []Query{
			{Expr: "max by (" + guestLine + ") (" + usage + outermost + " and on (" + one + ") " + most + ")", Legend: "{{guest}}"},
			{Expr: "sum(" + once(usage+outermost+" unless on ("+one+") "+most) + ")", Legend: "other guests"},
			{Expr: "max(rate(virt_node_cpu_usage_seconds_total{" + ofHost + "}[$__rate_interval]))", Legend: "the whole machine"},
			{Expr: "max(virt_node_cpus{" + ofHost + "})", Legend: "CPUs that there are"},
		},
		Unit: "none", Decimals: 2, Min: of(0),
		Fields: []Field{
			{Name: "other guests", Color: grey},
			{Name: "the whole machine", Color: blue, Stack: "none", Dashed: true},
			{Name: "CPUs that there are", Color: vermillion, Stack: "none", Dashed: true},
			{Pattern: "/^(?!other guests$|the whole machine$|CPUs that there are$)/", Links: []Link{guestLink(false)}},
		},
	}
}

func hostKept() Panel {
	return Panel{
		Title: "Guests that others keep from the CPU", Width: 8, Draw: Lines{Limits: true},
		Description: "Part of the CPU time that a guest asked for and others had: the ten that it hit hardest. Its own quota and its own threads are not counted. The tables below name the others.",
		Queries: []Query{{
			Expr:   worstInRange(10, guestLine, "virt:guest_cpu_contended:ratio_rate5m{"+ofHost+"}"),
			Legend: "{{guest}}",
		}},
		Unit: "percentunit", Decimals: Auto, Min: of(0), NoValue: "not measured", Steps: stepsOf("VirtGuestCPUStealHigh"),
		Fields:     []Field{{Pattern: "/.*/", Links: []Link{guestLink(false)}}},
		Links:      []Link{{"Runbook", runbookURL + "#virtguestcpustealhigh"}},
		MayBeEmpty: "no guest may want a CPU",
	}
}

func hostCauses() Panel {
	return Panel{
		Title: "What guests wait for a CPU because of", Width: 8, Draw: Lines{Stacked: true},
		Description: "Steal of all guests by cause, in CPUs. neighbour and system: see who, below. throttle: their own quotas. hypervisor: this machine's own CPUs were taken away. self: their own threads.",
		Queries: []Query{{
			Expr:   "sum by (cause) (" + once("rate(virt_guest_cpu_steal_by_seconds_total{"+ofHost+"}[$__rate_interval])"+outermost) + ")",
			Legend: "{{cause}}",
		}},
		Unit: "none", Decimals: 2, Min: of(0), NoValue: "not measured", Fields: causeColors(),
		MayBeEmpty: "steal may not be seen, or a host may have no guests",
	}
}

// blamed is of the chosen host what somebody has to answer for, of each pair. Who stays
// within its share does nothing wrong, and of two that do not neither is accused.
func blamed(above string) string {
	return "(virt:guest_cpu_culprit:ratio_rate5m{" + ofHost + "} " + above + "\n    unless ignoring (cause, culprit, method) virt:guest_cpu_over_share:rate5m)"
}

// hostMatrix has the victims below each other and the culprits beside each other. Of a
// culprit that is a guest only the name is shown: two of one name share a column, and
// of two victims of one name the row has the greater value.
func hostMatrix() Panel {
	return Panel{
		Title: "Who keeps whom from the CPU, now", Width: 12,
		Draw: Matrix{Row: "guest", Column: "who", Corner: "who waits ↓   for whom →"},
		Description: "Part of the CPU time that the guest of the row asked for and did not get while the column's guest or service ran and had more than its share: the 60 greatest. A column of colours is a guest that needs a quota, or a host of its own. " +
			"Who waits, and has more than its share itself, has no row.",
		Queries: []Query{{
			Expr: "topk(60, max by (guest, who) (sum by (" + guestLabels + `, who) (label_replace(
  ` + blamed(">= 0.005") + `,
  "who", "$2", "culprit", "([a-z]+/[^/]+/)?(.+)"
))))`,
			Instant: true,
		}},
		Unit: "percentunit", Decimals: 1, NoValue: "nobody keeps anybody from the CPU", Steps: stepsOf("VirtNoisyNeighbour/cpu"),
		Links:      []Link{{"Noisy neighbours", toNeighbours + "&${host:queryparam}"}},
		MayBeEmpty: "nobody waits for another where all is well",
	}
}

func hostPairs() Panel {
	const by = "guest, culprit, cause, method, instance, kind, runtime"
	const pairs = "virt:guest_cpu_steal_by:rate5m{" + ofHost + "}"
	return Panel{
		Title: "Who waited for whom, in the time that is shown", Width: 12,
		Draw: Table{
			By:   []string{"guest", "culprit", "cause", "method", "instance", "kind", "runtime"},
			Sort: "Waited",
		},
		Description: "CPU time for which the guest waited while the other ran, in all and now in CPUs. To blame: the part of what it asks for that it lost to the other, where that one had more than its share and the guest had not; – is none. " +
			"measured: the kernel saw who ran meanwhile; estimated: the culprit used more than its share. Click on a guest for more.",
		Queries: asOfNow(
			Query{Expr: "topk(50, max by (" + by + ") (" + secondsInRange(pairs) + ") > 1)", Column: "Waited"},
			Query{Expr: "topk(50, max by (" + by + ") (" + pairs + ") > 0.005)", Column: "CPUs"},
			Query{Expr: "topk(50, max by (" + by + ") (" + blamed("> 0.005") + "))", Column: "To blame"},
		),
		Unit: "none", Decimals: Auto, NoValue: "–", Fields: hostPairColumns(),
		MayBeEmpty: "nobody waits for another where all is well",
	}
}

func hostPairColumns() []Field {
	return []Field{
		{Name: "guest", Title: "Who waits", Links: []Link{guestLink(true)}},
		{Name: "culprit", Title: "For whom"},
		{Name: "cause", Title: "Cause", Width: 100},
		{Name: "method", Title: "How it is known", Width: 150},
		{Name: "instance", Hidden: true},
		{Name: "kind", Hidden: true},
		{Name: "runtime", Hidden: true},
		{Name: "Waited", Unit: "s", Cell: "gauge"},
		{Name: "CPUs", Width: 80},
		{Name: "To blame", Unit: "percentunit", Steps: stepsOf("VirtNoisyNeighbour/cpu"), Cell: "color-background", Width: 90},
	}
}
