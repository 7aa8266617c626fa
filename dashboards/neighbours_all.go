package dashboards

// neighboursTimeline shows two states: pairs that can be told, and those at which the
// alert is raised. Below that a pair has no series, and no band.
func neighboursTimeline() Panel {
	return Panel{
		Title: "Victim ← culprit", Width: 15, Draw: Timeline{},
		Description: "When somebody was in another's way: the twelve pairs that came nearest to the threshold, or farthest above it. felt: from a fifth of the threshold of VirtNoisyNeighbour on; NOISY: from all of it on. Victims of whom it is muted are left out. Bands that begin together often have one culprit.",
		Queries: []Query{{
			Expr:   "(max by (" + pairLine + ") (" + peaks("virt:guest_culprit:by_threshold{"+ofPairs+"}") + ") >= bool 1) + 1\nand topk(12, max by (" + pairLine + ") (max_over_time(virt:guest_culprit:by_threshold{" + ofPairs + "}[$__range] @ end())))",
			Legend: "{{guest}} ← {{culprit}} ({{resource}})",
		}},
		Decimals: 0, NoValue: "nobody is in another's way",
		Words:      []Word{{1, "felt", sky}, {2, "NOISY", warning}},
		Steps:      []Step{{0, calm}, {1, sky}, {2, warning}},
		Fields:     []Field{{Pattern: "/.*/", Links: []Link{victimLink(false)}}},
		MayBeEmpty: "nobody is in another's way where all is well",
	}
}

func neighboursAlertsTimeline() Panel {
	const alert = `ALERTS{alertname="VirtNoisyNeighbour",` + ofPairs
	return Panel{
		Title: "VirtNoisyNeighbour", Width: 9, Draw: Timeline{},
		Description: "When the alert was pending and when it fired, by its victim. Where the left has NOISY and there is no band, it did not last for long enough.",
		Queries: []Query{{
			Expr:   "max by (instance, kind, runtime, guest, resource) (\n  " + alert + `,alertstate="firing"} * 2` + "\n  or " + alert + `,alertstate="pending"}` + "\n)",
			Legend: "{{guest}} ({{resource}})",
		}},
		Decimals: 0, NoValue: "no alert",
		Words:      []Word{{1, "pending", yellow}, {2, "FIRING", warning}},
		Steps:      []Step{{0, calm}, {1, yellow}, {2, warning}},
		Fields:     []Field{{Pattern: "/.*/", Links: []Link{victimLink(false)}}},
		Links:      []Link{{"Runbook", runbookURL + "#virtnoisyneighbour"}},
		MayBeEmpty: "nothing fires where all is well",
	}
}

// neighboursTable has the pairs of all the time that is shown, those too that are over.
func neighboursTable() Panel {
	const by = "guest, culprit, resource, cause, method, instance, kind, runtime"
	const pair = guestLabels + ", cause, culprit, resource"
	column := func(expr string) string { return "topk(100, max by (" + by + ") (" + expr + "))" }
	return Panel{
		Title: "Victims and culprits in the time that is shown", Width: 15,
		Draw: Table{
			By:   []string{"guest", "culprit", "resource", "cause", "method", "instance", "kind", "runtime"},
			Sort: "For",
		},
		Description: "For how long the victim waited noticeably for the culprit, and for which part of its time. × alert: the most as a multiple of what VirtNoisyNeighbour bears. Click on a victim for the evidence. " +
			"A culprit that is a guest needs a limit or another host; of a service of the host ask what it does there.",
		Queries: asOfNow(
			Query{Expr: column("count_over_time(" + noisyPairs + "[$__range:1m]) * 60"), Column: "For"},
			Query{Expr: column("max_over_time(" + noisyPairs + "[$__range])"), Column: "At most"},
			Query{Expr: column("avg_over_time(" + noisyPairs + "[$__range])"), Column: "On average"},
			Query{Expr: column(noisyPairs), Column: "Now"},
			Query{Expr: column("present_over_time(" + noisyPairs + "[$__range])\n  * on (" + pair + ") group_left ()\n  max by (" + pair + ") (max_over_time(virt:guest_culprit:by_threshold{" + ofPairs + "}[$__range]))"), Column: "× alert"},
		),
		Unit: "percentunit", Decimals: 0, NoValue: "–", Fields: neighboursColumns(),
		MayBeEmpty: "nobody is in another's way where all is well",
	}
}

func neighboursColumns() []Field {
	return []Field{
		{Name: "guest", Title: "Victim", Links: []Link{victimLink(true), guestLink(true)}},
		{Name: "culprit", Title: "Culprit", Width: 190},
		{Name: "resource", Title: "Of", Width: 70},
		{Name: "cause", Title: "Cause", Width: 95},
		{Name: "method", Title: "Known by", Width: 105},
		{Name: "instance", Title: "Host", Width: 130, Links: []Link{hostLink(true)}},
		{Name: "kind", Hidden: true},
		{Name: "runtime", Hidden: true},
		{Name: "For", Unit: "dthms", Width: 90},
		{Name: "At most", Width: 70},
		{Name: "On average", Width: 85},
		{Name: "Now", Width: 60},
		{Name: "× alert", Unit: "suffix: ×", Digits: of(1), Steps: []Step{{0, calm}, {1, warning}}, Cell: "color-background", Width: 80},
	}
}

func neighboursCauses() Panel {
	const waits = "virt:culprit_waits:rate5m{" + ofPairs + "}"
	return Panel{
		Title: "Who makes others wait most", Width: 9, Draw: Bars{},
		Description: "Time that all its victims together lost to a culprit while it was shown: of cpu CPU time, of io and memory time in which a guest waited. Begin with the first.",
		Queries: []Query{{
			Expr:   "topk(12, max by (instance, culprit, resource) (" + secondsInRange(waits) + "))",
			Legend: "{{culprit}} ({{resource}})  {{instance}}", Instant: true,
		}},
		Unit: "s", Decimals: Auto, Min: of(0), NoValue: "nobody",
		Fields:     []Field{{Pattern: "/.*/", Links: []Link{hostLink(false)}}},
		MayBeEmpty: "nobody is in another's way where all is well",
	}
}
