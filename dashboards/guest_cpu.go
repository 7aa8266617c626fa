package dashboards

import "fmt"

// guestDemand is what it asked for, what it got, and what it may have.
func guestDemand() Panel {
	return Panel{
		Title: "CPU: asked for and got", Width: 10, Draw: Lines{Stacked: true},
		Description: "In CPUs: what ran and what waited, one on the other, are what it asked for. Above the quota only the quota helps; above what it is entitled to it takes what others leave, and waits when they do not.",
		Queries: []Query{
			{Expr: guestRate("", "virt_guest_cpu_run_seconds_total", ""), Legend: "ran"},
			{Expr: guestRate("", "virt_guest_cpu_steal_seconds_total", ""), Legend: "waited"},
			{Expr: fmt.Sprintf("min(virt_guest_cpu_limit_cores{%s})", ofGuest), Legend: "quota"},
			{Expr: fmt.Sprintf("max(virt_guest_cpu_entitled_cores{%s})", ofGuest), Legend: "entitled to"},
			{Expr: fmt.Sprintf("max(virt_guest_cpus{%s})", ofGuest), Legend: "CPUs"},
		},
		Unit: "short", Decimals: Auto, Min: of(0),
		Fields: []Field{
			{Name: "ran", Color: sky},
			{Name: "waited", Color: vermillion},
			{Name: "quota", Color: orange, Dashed: true, Stack: "none"},
			{Name: "entitled to", Color: green, Dashed: true, Stack: "none"},
			{Name: "CPUs", Color: grey, Dashed: true, Stack: "none"},
		},
	}
}

// byCause is a recorded series of the guest by cause and culprit. Culprits come and go:
// the twelve that matter most in the time that is shown are enough for a picture.
func byCause(recorded string) string {
	selected := recorded + "{" + ofGuest + "}"
	return steadyTop(12, ofOneGuest("cause, culprit", selected), ofOneGuest("cause, culprit", "sum_over_time("+selected+"[$__range] @ end())"))
}

func guestStealBy() Panel {
	return Panel{
		Title: "CPU: why it waited", Width: 11, Draw: Lines{Stacked: true, Legend: "right"},
		Description: "Its waits by cause, as parts of the CPU time it asked for, and by whom: a neighbour is another guest, system a unit of the host. Go to Noisy neighbours for the evidence; throttle and self are its own affair.",
		Queries:     []Query{{Expr: byCause("virt:guest_cpu_steal_by:ratio_rate5m"), Legend: "{{cause}} {{culprit}}"}},
		Unit:        "percentunit", Decimals: Auto, Min: of(0),
		Fields: namelessColors(),
		Links:  []Link{{"Noisy neighbours", toNeighbours + ofTheGuest}},
	}
}

// guestCoverage says how far the split can be relied on. A machine's virtual CPUs are
// all seen, and it has no coverage.
func guestCoverage() Panel {
	expr := fmt.Sprintf("group by (method) (virt_guest_cpu_steal_by_seconds_total{%[1]s})\n* on () group_left () (max(virt_guest_cpu_steal_coverage_ratio{%[1]s})\n"+
		"or on () group(virt_guest_cpu_steal_by_seconds_total{kind=\"vm\", %[1]s}))", ofGuest)
	return Panel{
		Title: "CPU: how it is known", Width: 3, Draw: Stat{Fill: true, Across: true},
		Description: "Measured: who ran meanwhile was seen. Estimated: who used more than its share. The number is the part of its CPU time whose waits could be seen: below half, look at steal as at a lower bound.",
		Queries:     []Query{{Expr: expr, Instant: true, Legend: "{{method}}"}},
		Unit:        "percentunit", Decimals: 0, NoValue: "idle, or not split", Steps: []Step{{Color: calm}, {0, warning}, {0.5, calm}},
		MayBeEmpty: "there is no coverage of a guest that is idle",
	}
}

func guestWaits() Panel {
	return Panel{
		Title: "CPU: single waits", Width: 10, Draw: Heatmap{},
		Description: "How many waits for a CPU took how long. Many short ones are a busy machine; a band that climbs above 10 ms is felt: ask the split above at that moment.",
		Queries:     []Query{{Expr: ofOneGuest("le", "increase(virt_guest_cpu_steal_latency_seconds_bucket{"+ofGuest+"}[$__rate_interval])")}},
		Unit:        "s", Decimals: Auto,
		MayBeEmpty: "single waits are only seen by the programs in the kernel, and heatmaps need classic buckets",
	}
}

// quantile is a quantile of a histogram by labels, of classic buckets or of native ones.
func quantile(q float64, by, family, matchers string) string {
	classic, native := " by (le)", ""
	if by != "" {
		classic, native = " by (le, "+by+")", " by ("+by+")"
	}
	return fmt.Sprintf("histogram_quantile(%[1]g, sum%[2]s (rate(%[4]s_bucket{%[5]s}[$__rate_interval])))\n"+
		"or histogram_quantile(%[1]g, sum%[3]s (rate(%[4]s{%[5]s}[$__rate_interval])))", q, classic, native, family, matchers)
}

func guestWaitQuantiles() Panel {
	const family = "virt_guest_cpu_steal_latency_seconds"
	return Panel{
		Title: "CPU: how long waits are", Width: 7, Draw: Lines{},
		Description: "Of a hundred waits for a CPU, half are shorter than the lowest line and one is longer than the highest. A service that answers in milliseconds feels the highest.",
		Queries: []Query{
			{Expr: quantile(0.5, "", family, ofGuest), Legend: "half"},
			{Expr: quantile(0.9, "", family, ofGuest), Legend: "90 %"},
			{Expr: quantile(0.99, "", family, ofGuest), Legend: "99 %"},
		},
		Unit: "s", Decimals: Auto, Min: of(0),
		Fields:     []Field{{Name: "half", Color: sky}, {Name: "90 %", Color: orange}, {Name: "99 %", Color: vermillion}},
		MayBeEmpty: "single waits are only seen by the programs in the kernel",
	}
}

// guestQuota is two views of a quota at work: what the guest lost by it, and how often
// the kernel found it used up.
func guestQuota() Panel {
	return Panel{
		Title: "CPU: throttling", Width: 7, Draw: Lines{Limits: true},
		Description: "Held back: part of the CPU time it asked for. Periods: part of the enforcement periods in which its quota was used up; many with little held back are short bursts, for which a burst or a longer period helps.",
		Queries: []Query{
			{Expr: fmt.Sprintf("max(virt:guest_cpu_throttle:ratio_rate5m{%s})", ofGuest), Legend: "held back"},
			{Expr: guestRate("", "virt_guest_cpu_throttled_periods_total", "") + "\n/ (" + guestRate("", "virt_guest_cpu_periods_total", "") + " > 0)", Legend: "periods"},
		},
		Unit: "percentunit", Decimals: Auto, Min: of(0), Steps: stepsOf("VirtGuestCPUThrottled"),
		Fields:     []Field{{Name: "held back", Color: vermillion}, {Name: "periods", Color: sky, Dashed: true}},
		MayBeEmpty: "a guest without a quota is not throttled",
	}
}
