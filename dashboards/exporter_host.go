package dashboards

// Panels of one exporter, over time.

// ofExporter are series about the exporter itself, of which other programs have some
// by the same name.
func ofExporter(family string) string { return family + "{" + ofHost + "}" }

func sources() Panel {
	by := func(expr string) string { return "max by (source) (" + expr + ")" }
	return Panel{
		Title: "Sources", Width: 8, Draw: Table{By: []string{"source"}, Sort: "Takes"},
		Description: "Whole: whether its last reading was. Age: since the last that was; one that is read in the background shows its own. Not there: why stands above.",
		Queries: []Query{
			{Expr: by(ofExporter("virt_source_available")), Instant: true, Column: "There"},
			{Expr: by(ofExporter("virt_source_success")), Instant: true, Column: "Whole"},
			{Expr: by(ofExporter("virt_source_duration_seconds")), Instant: true, Column: "Takes"},
			{Expr: by("time() - " + ofExporter("virt_source_last_success_timestamp_seconds")), Instant: true, Column: "Age"},
		},
		Decimals: Auto, NoValue: "nothing is heard of this host",
		Fields: []Field{
			{Name: "There", Words: []Word{{1, "yes", calm}, {0, "no", grey}}, Width: 70},
			{Name: "Whole", Words: []Word{{1, "yes", calm}, {0, "NO", warning}}, Cell: "color-background", Width: 70},
			{Name: "Takes", Unit: "s"},
			{Name: "Age", Unit: "s", Steps: []Step{{0, calm}, {600, warning}}, Cell: "color-background"},
		},
		Links: []Link{{"Runbook", runbookURL + "#virtsourcefailing"}},
	}
}

// ownLines is a panel of one exporter's lines.
func ownLines(title, description string, width int, unit, expr, legend string) Panel {
	return Panel{
		Title: title, Description: description, Width: width, Draw: Lines{},
		Queries: []Query{{Expr: expr, Legend: legend}}, Unit: unit, Decimals: Auto, Min: of(0),
	}
}

func sourceTimes() Panel {
	return ownLines("How long sources take",
		"Of the last reading. A scrape waits for the slowest; what is read in the background (libvirt, file systems) it does not wait for.",
		8, "s", "max by (source) ("+ofExporter("virt_source_duration_seconds")+")", "{{source}}")
}

func sourceAges() Panel {
	p := ownLines("How old what sources say is",
		"Since the last reading that was whole. One that climbs has stopped: what it gives stands still. Look at the exporter's log.",
		8, "s", "max by (source) (time() - "+ofExporter("virt_source_last_success_timestamp_seconds")+")", "{{source}}")
	p.Draw, p.Steps = Lines{Limits: true}, []Step{{0, calm}, {600, warning}}
	p.Links = []Link{{"Runbook", runbookURL + "#virtmonitoringblind"}}
	return p
}

func exporterCPU() Panel {
	return ownLines("CPU of the exporter",
		"In CPUs. Most of it is spent at scrapes: a longer scrape interval makes it less. Programs in the kernel are not in it.",
		6, "short", "max by (instance) (rate("+ofExporter("process_cpu_seconds_total")+"[$__rate_interval]))", "{{instance}}")
}

func exporterMemory() Panel {
	return ownLines("Memory of the exporter",
		"Resident memory of the process. It grows with guests and their threads, and then stays: one that climbs for days is a mistake to report.",
		6, "bytes", "max by (instance) ("+ofExporter("process_resident_memory_bytes")+")", "{{instance}}")
}

func exporterScrape() Panel {
	p := ownLines("How long an answer takes",
		"A scrape from its beginning to its end, as Prometheus sees it. Near its timeout nothing arrives at all: see which source takes the time.",
		6, "s", "max by (instance) ("+ofExporter("scrape_duration_seconds")+")", "{{instance}}")
	p.MayBeEmpty = "what arrives by federation or remote write was not scraped here"
	return p
}

func exporterSamples() Panel {
	p := ownLines("Samples and new series",
		"What a scrape gives. Series that are new all the time are guests that come and go; where they are too many, relabelling can leave families out.",
		6, "short", "max by (instance) ("+ofExporter("scrape_samples_scraped")+")", "samples")
	p.Queries = append(p.Queries, Query{Expr: "max by (instance) (" + ofExporter("scrape_series_added") + ")", Legend: "new series"})
	p.MayBeEmpty = "what arrives by federation or remote write was not scraped here"
	return p
}

const noPrograms = "absent where the source bpf is off or cannot be used"

func bpfLoaded() Panel {
	return Panel{
		Title: "Programs that are loaded", Width: 6, Draw: Table{By: []string{"program"}, Sort: "program", Ascends: true},
		Description: "Which programs run in the kernel. Why one does not stands above, as a feature of the source bpf; without sched, steal is estimated.",
		Queries:     []Query{{Expr: "max by (program) (" + ofExporter("virt_bpf_program_loaded") + ")", Instant: true, Column: "Loaded"}},
		Decimals:    Auto, NoValue: "none",
		Fields:     []Field{{Name: "Loaded", Words: []Word{{1, "yes", calm}, {0, "no", warning}}, Cell: "color-background"}},
		MayBeEmpty: noPrograms,
	}
}

func bpfCoverage() Panel {
	p := ownLines("What they see of what there is",
		"By the kernel's own totals. Well below 1: readings are too small by as much, and some of steal is unexplained.",
		9, "percentunit", "max by (program) ("+ofExporter("virt_bpf_coverage_ratio")+")", "{{program}}")
	p.MayBeEmpty = noPrograms
	return p
}

func bpfLost() Panel {
	p := ownLines("What they could not keep",
		"Events a second that were lost, by program and reason. no_slot: more guests than are told apart, the others are estimated; no_memory and full: more at once than there is room for.",
		9, "short", "sum by (program, reason) ("+once("rate("+ofExporter("virt_bpf_lost_total")+"[$__rate_interval])")+") > 0", "{{program}} {{reason}}")
	p.MayBeEmpty = "nothing is lost where all is well"
	return p
}

func sourceGuests() Panel {
	return ownLines("Guests, by source",
		"Guests in the last reading of each source. One that falls to 0 while guests run cannot see them: compare with the table above.",
		8, "short", "max by (source) ("+ofExporter("virt_source_guests")+")", "{{source}}")
}

func sourceDropped() Panel {
	p := ownLines("Left out, by source",
		"By source and reason, a second: limit is guests over --limit.guests, duplicate those that another source gives too, units and directories what is no guest.",
		8, "short", "sum by (source, reason) ("+once("rate("+ofExporter("virt_source_dropped_total")+"[$__rate_interval])")+")", "{{source}} {{reason}}")
	p.Links = []Link{{"Runbook", runbookURL + "#virtmonitoringblind"}}
	return p
}

func nameCollisions() Panel {
	return ownLines("Names that were taken",
		"Guests whose name another one had, so that a part of their id was added to it, in an hour. Give guests names of their own where it is not 0.",
		8, "short", "sum by (source) ("+once("increase("+ofExporter("virt_source_name_collisions_total")+"[1h])")+")", "{{source}}")
}

const noAlerter = "only where virt_alerter runs and is scraped itself"

func alerterTroubles() Panel {
	p := ownLines("virt_alerter: troubles",
		"Why alerts may be missing, by kind, as its own page shows them: rules that fail, targets that do not answer, an Alertmanager that is not reached. 0 is well; open the page where it is not.",
		8, "short", "max by (instance, trouble) (virt_alerter_troubles) > 0", "{{trouble}} {{instance}}")
	p.MayBeEmpty = noAlerter + "; nothing is wrong where all is well"
	return p
}

func alerterRules() Panel {
	p := ownLines("virt_alerter: rules that take long",
		"How long each group of rules takes. One that takes longer than its interval is evaluated too rarely.",
		8, "s", "max by (rule_group) (prometheus_rule_group_last_duration_seconds * on (job, instance) group_left () max by (job, instance) (virt_alerter_build_info))", "{{rule_group}}")
	p.MayBeEmpty = noAlerter
	return p
}

func alerterSeries() Panel {
	p := ownLines("virt_alerter: memory and series",
		"Left: series in memory. Right: resident memory of the process, which goes with them. Fewer exporters or a shorter retention make it less.",
		8, "short", "max by (instance) (prometheus_tsdb_head_series * on (job, instance) group_left () max by (job, instance) (virt_alerter_build_info))", "series {{instance}}")
	p.Queries = append(p.Queries, Query{
		Expr:   "max by (instance) (process_resident_memory_bytes * on (job, instance) group_left () max by (job, instance) (virt_alerter_build_info))",
		Legend: "memory {{instance}}",
	})
	p.Fields = []Field{{Pattern: "/^memory/", Unit: "bytes", Right: true}}
	p.MayBeEmpty = noAlerter
	return p
}
