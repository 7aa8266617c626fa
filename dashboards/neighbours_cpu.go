package dashboards

// noVictim is said of evidence where there is none: a victim is chosen of those that
// there are.
const noVictim = "no victim in the time that is shown, or nothing of the kind is measured for it"

// evidence is a panel of the victim that is chosen.
func evidence(title, description string, width int, unit string, queries ...Query) Panel {
	return Panel{
		Title: title, Description: description, Width: width, Draw: Lines{}, Queries: queries,
		Unit: unit, Decimals: Auto, Min: of(0), NoValue: "not measured", MayBeEmpty: noVictim, Links: ofVictimLinks(),
	}
}

// ofCulprits leaves what is the doing of the chosen victim's culprits.
func ofCulprits(series, resource string) string {
	return series + "{instance=~`${at:regex}`}\nand on (job, instance, vm_host, culprit) virt:guest_culprit:ratio_rate5m{" + ofVictim + `,resource="` + resource + `"}`
}

func victimCPU() Panel {
	p := evidence("Who ran while it waited",
		"The CPU time that the victim asked for and did not get, as parts of what it asked for, by who had it. What is no neighbour is shown too: below 5 % altogether nobody needs to do anything.",
		9, "percentunit",
		Query{
			Expr:   ofOneGuest("cause, culprit", "virt:guest_cpu_steal_by:ratio_rate5m{"+ofVictim+"}") + " >= 0.005",
			Legend: "{{cause}} {{culprit}}",
		})
	p.Draw, p.Max, p.Fields = Lines{Stacked: true}, of(1), namelessColors()
	return p
}

func victimDemand() Panel {
	const matched = "{" + ofVictim + "}"
	p := evidence("What it wanted, and what it got",
		"In CPUs. Where it got as much as is its share by weights and limits, nobody took anything from it: it wants more than it was promised. Where it got less, others had its share.",
		6, "none",
		Query{Expr: "max by (instance) (virt:guest_cpu_wanted:rate5m" + matched + ")", Legend: "wanted"},
		Query{Expr: "max by (instance) (virt:guest_cpu_usage:rate5m" + matched + ")", Legend: "got, helpers included"},
		Query{Expr: "max by (instance) (virt_guest_cpu_entitled_cores" + matched + ")", Legend: "its share"},
		Query{Expr: "max by (instance) (virt_guest_cpu_limit_cores" + matched + ")", Legend: "its limit"})
	p.Decimals = 2
	p.Fields = []Field{
		{Name: "wanted", Color: vermillion},
		{Name: "got, helpers included", Color: green},
		{Name: "its share", Color: grey, Dashed: true},
		{Name: "its limit", Color: sky, Dashed: true},
	}
	return p
}

func culpritCPU() Panel {
	p := evidence("What the culprits use, and their share",
		"In CPUs; dashed: what a culprit may claim while others want theirs, by weights and limits. One that is far above takes what others wait for: give it a quota or a lower weight. One at its share does nothing wrong: the host is too small.",
		6, "none",
		Query{Expr: "max by (instance, culprit) (" + ofCulprits("virt:culprit_cpu_usage:rate5m", "cpu") + ")", Legend: "{{culprit}}"},
		Query{Expr: "max by (instance, culprit) (" + ofCulprits("virt:culprit_cpu_entitled:cores", "cpu") + ")", Legend: "{{culprit}}, its share"})
	p.Decimals, p.NoValue = 2, "no guest is named"
	p.Fields = []Field{{Pattern: "/.*its share/", Dashed: true}}
	return p
}

func victimMethod() Panel {
	return Panel{
		Title: "How it is known", Width: 3, Draw: Stat{Across: true, Size: 16, NameSize: 16},
		Description: "measured: the kernel saw who ran while the victim waited. estimated: culprits are those that used more than their share meanwhile. seen: the part of its CPU time whose waits could be seen.",
		Queries: []Query{
			{Expr: "group by (method) (virt:guest_cpu_steal_by:ratio_rate5m{" + ofVictim + "})", Legend: "{{method}}", Instant: true},
			{Expr: "min(virt_guest_cpu_steal_coverage_ratio{" + ofVictim + "})", Legend: "seen", Instant: true},
		},
		Unit: "none", Decimals: 0, NoValue: "–", MayBeEmpty: noVictim,
		Fields: []Field{
			{Pattern: "/measured|estimated/", Words: []Word{{1, "yes", calm}}},
			{Name: "seen", Unit: "percentunit"},
		},
	}
}
