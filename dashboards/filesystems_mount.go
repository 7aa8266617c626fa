package dashboards

import "fmt"

// referenced is a figure against the reference that counts: a local file system, or
// one in memory where a machine has no local one.
func referenced(family string) string {
	return fmt.Sprintf("max(%[1]s{%[2]s,reference=\"local\"}) or max(%[1]s{%[2]s,reference=\"tmpfs\"})", family, ofMountOp)
}

// fsThreshold is where an alert begins. Overlays have thresholds of their own.
func fsThreshold(of, severity string) string {
	return fmt.Sprintf("max(virt_fs:overhead_%s:threshold{severity=%q,op=~\"$op\"}\n  and on (class) virt_fs:mount_info:unique{%s})", of, severity, ofMount)
}

// banded is a panel of a figure between its bounds, with its thresholds.
func banded(title, description, family, of, unit string) Panel {
	return Panel{
		Title: title, Description: description, Width: 12, Draw: Lines{},
		Queries: []Query{
			{Expr: referenced(family), Legend: "median"},
			{Expr: referenced(family + "_upper"), Legend: "at most"},
			{Expr: referenced(family + "_lower"), Legend: "at least"},
			{Expr: fsThreshold(of, "warning"), Legend: "warning"},
			{Expr: fsThreshold(of, "critical"), Legend: "critical"},
		},
		Unit: unit, Decimals: Auto, Min: of0(of),
		Fields: []Field{
			{Name: "median", Color: blue},
			{Name: "at most", Color: sky, FillTo: "at least"},
			{Name: "at least", Color: sky},
			{Name: "warning", Color: warning, Dashed: true},
			{Name: "critical", Color: critical, Dashed: true},
		},
		MayBeEmpty: nothingPassedThrough,
	}
}

// of0 is where an axis begins: added time may be negative, a ratio not.
func of0(what string) *float64 {
	if what == "ratio" {
		return of(0)
	}
	return nil
}

func fsRatio() Panel {
	p := banded("How many times as long as on a local file system",
		"The median of the last cycle's pairs, and the bounds within which it is with 95 %. An alert needs the lower bound above the threshold here and beside: a fast disk makes any ratio look dear.",
		"virt_fs_overhead_ratio", "ratio", "suffix:×")
	p.Links = []Link{{"Runbook", runbookURL + "#virtfilesystempassthroughoverheadhigh"}}
	return p
}

func fsAdded() Panel {
	p := banded("How much longer than on a local file system",
		"The time that going through adds to an operation, and its bounds. This is what a program feels: multiply it by how many operations it does.",
		"virt_fs_overhead_seconds", "seconds", "s")
	p.Links = []Link{{"Runbook", runbookURL + "#virtfilesystempassthroughoverheadhigh"}}
	return p
}

func fsSides() Panel {
	side := func(side string) string {
		return fmt.Sprintf("max(virt_fs_probe_median_seconds{%s,side=%q})", ofMountOp, side)
	}
	return Panel{
		Title: "The mount and the reference", Width: 8, Draw: Lines{},
		Description: "Median time of an operation on either side. If the reference is slow too, look at the machine's CPUs and disk first; if only it became faster, the mount is what it was.",
		Queries:     []Query{{Expr: side("mount"), Legend: "mount"}, {Expr: side("reference"), Legend: "reference"}},
		Unit:        "s", Decimals: Auto, Min: of(0),
		Fields:     []Field{{Name: "mount", Color: blue}, {Name: "reference", Color: grey}},
		Links:      []Link{{"Runbook", runbookURL + "#virtfilesystemreferenceslow"}},
		MayBeEmpty: nothingPassedThrough,
	}
}

// fsWhere needs an exporter in the machine and one on its host.
func fsWhere() Panel {
	part := func(part string) string {
		return fmt.Sprintf("max(virt_share:op_%s_seconds:median{%s,op=~\"$op\"}\n  and on (instance, vm_key, tag) virt_fs:mount_info:unique{%s})", part, ofHost, ofMount)
	}
	return Panel{
		Title: "Where the time goes: host and transport", Width: 8, Draw: Lines{Stacked: true},
		Description: "What an operation takes in the guest, what the same takes on the host, and what lies between: that is the transport, the daemon and its waits for a CPU. If the host is most of it, its disk is slow.",
		Queries: []Query{
			{Expr: part("host"), Legend: "host"}, {Expr: part("transport"), Legend: "transport"}, {Expr: part("guest"), Legend: "guest, in all"},
		},
		Unit: "s", Decimals: Auto,
		Fields:     []Field{{Name: "host", Color: green}, {Name: "transport", Color: orange}, {Name: "guest, in all", Color: blue, Dashed: true, Stack: "none"}},
		MayBeEmpty: "only where an exporter runs in the machine and one on its host",
	}
}

func fsOps() Panel {
	return Panel{
		Title: "All operations, by their thresholds", Width: 8, Draw: Lines{Limits: true},
		Description: "Each operation of the mount: 100 % is where the warning begins. Reads and writes are only probed where a file or a directory is named for them.",
		Queries:     []Query{{Expr: "max by (op) (virt_fs:overhead_by_threshold:median10m{" + ofMount + "})", Legend: "{{op}}"}},
		Unit:        "percentunit", Decimals: Auto, Steps: []Step{{0, calm}, {1, warning}},
		MayBeEmpty: nothingPassedThrough,
	}
}

func fsLatency() Panel {
	return Panel{
		Title: "Single operations on the mount", Width: 8, Draw: Heatmap{},
		Description: "How many probes took how long. Two bands are a cache and what lies behind it; single slow ones are stalls of the host.",
		Queries:     []Query{{Expr: "sum by (le) (" + once("increase(virt_fs_probe_seconds_bucket{"+ofMountOp+`,side="mount"}[$__rate_interval])`) + ")"}},
		Unit:        "s", Decimals: Auto, MayBeEmpty: nothingPassedThrough + "; heatmaps need classic buckets",
	}
}

const noRequests = "only FUSE and virtiofs have such requests, and only the programs in the kernel that has the mount see them"

func fsRequests() Panel {
	const rates = "(max without (job) (rate(virt_fs_request_seconds_count{%[1]s}[$__rate_interval])))\nor sum by (opcode) (max without (job) (histogram_count(rate(virt_fs_request_seconds{%[1]s}[$__rate_interval]))))"
	return Panel{
		Title: "Requests of real work", Width: 8, Draw: Lines{Legend: "right"},
		Description: "Requests a second that programs at work sent through the mount, by FUSE's operation code. Many lookups and getattrs are a cache that is too short: see the share's cache.",
		Queries:     []Query{{Expr: "sum by (opcode) " + fmt.Sprintf(rates, ofMount), Legend: "{{opcode}}"}},
		Unit:        "reqps", Decimals: Auto, Min: of(0), MayBeEmpty: noRequests,
	}
}

func fsRequestTime() Panel {
	return Panel{
		Title: "Requests of real work: 99 % are faster", Width: 8, Draw: Lines{Legend: "right"},
		Description: "What programs wait, not what probes do. If this is high and the probes are not, it is the work itself: large reads, many files.",
		Queries:     []Query{{Expr: quantile(0.99, "opcode", "virt_fs_request_seconds", ofMount), Legend: "{{opcode}}"}},
		Unit:        "s", Decimals: Auto, Min: of(0), MayBeEmpty: noRequests,
	}
}
