package dashboards

import "fmt"

func guestMemory() Panel {
	newest := func(family, legend string) Query {
		return Query{Expr: fmt.Sprintf("max(virt_guest_memory_%s{%s})", family, ofGuest), Legend: legend}
	}
	return Panel{
		Title: "Memory", Width: 9, Draw: Lines{},
		Description: "What it has and what it may have. Needed is its use without file cache that lies idle: near the limit it begins to wait. Swapped by the host hurts only when it is needed again, see refaults.",
		Queries: []Query{
			newest("usage_bytes", "used"), newest("working_set_bytes", "needed"), newest("swap_bytes", "swapped by the host"),
			{Expr: fmt.Sprintf("min(virt_guest_memory_limit_bytes{%s})", ofGuest), Legend: "limit"},
			newest("balloon_bytes", "given now"), newest("balloon_maximum_bytes", "configured"), newest("available_bytes", "free, as it says"),
		},
		Unit: "bytes", Decimals: Auto, Min: of(0),
		Fields: []Field{
			{Name: "used", Color: sky},
			{Name: "needed", Color: blue},
			{Name: "swapped by the host", Color: orange},
			{Name: "limit", Color: vermillion, Dashed: true},
			{Name: "given now", Color: purple},
			{Name: "configured", Color: purple, Dashed: true},
			{Name: "free, as it says", Color: green},
		},
		Links: []Link{{"Runbook", runbookURL + "#virtguestmemoryswappedbyhost"}},
	}
}

func guestMemoryBy() Panel {
	return Panel{
		Title: "Memory: why it waited", Width: 5, Draw: Lines{Stacked: true},
		Description: "Part of the time in which some of its tasks waited for memory, by cause: own_limit is its own limit, a neighbour one whose memory grew meanwhile.",
		Queries:     []Query{{Expr: byCause("virt:guest_memory_stall_by:rate5m"), Legend: "{{cause}} {{culprit}}"}},
		Unit:        "percentunit", Decimals: Auto, Min: of(0), Fields: namelessColors(),
		Links:      []Link{{"Runbook", runbookURL + "#virtguestmemorypressurehigh"}},
		MayBeEmpty: "absent where the kernel has no pressure of the guest's cgroup",
	}
}

func guestRefaults() Panel {
	return Panel{
		Title: "Memory: needed again", Width: 5, Draw: Lines{},
		Description: "Pages a second that were taken from it and that it needed again: of anonymous memory they come back from swap, of files from disk. Steady refaults mean that it has too little.",
		Queries: []Query{
			{Expr: guestRate("type", "virt_guest_memory_refaults_total", ""), Legend: "refaults, {{type}}"},
			{Expr: guestRate("", "virt_guest_memory_major_faults_total", ""), Legend: "faults that read"},
		},
		Unit: "short", Decimals: Auto, Min: of(0),
		Fields: []Field{{Name: "refaults, anon", Color: vermillion}, {Name: "refaults, file", Color: orange}, {Name: "faults that read", Color: sky}},
	}
}

// guestReclaim is what its tasks spend on freeing memory, and how often a limit made
// them.
func guestReclaim() Panel {
	return Panel{
		Title: "Memory: made to free it", Width: 5, Draw: Lines{},
		Description: "Left: part of the time in which its own tasks had to free memory before they got any, for its own limit or because the host was short. Right: how often in a second a limit was met.",
		Queries: []Query{
			{Expr: guestRate("scope", "virt_guest_memory_reclaim_seconds_total", ""), Legend: "for {{scope}}"},
			{Expr: guestRate("event", "virt_guest_memory_events_total", `event!="low"`), Legend: "event {{event}}"},
		},
		Unit: "percentunit", Decimals: Auto, Min: of(0),
		Fields: []Field{
			{Name: "for own_limit", Color: blue},
			{Name: "for host", Color: vermillion},
			{Pattern: "/^event/", Unit: "short", Right: true, Dashed: true},
		},
		MayBeEmpty: "absent where the guest has no cgroup with a memory controller",
	}
}
