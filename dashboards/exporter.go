package dashboards

import "fmt"

// exporter says whether what the others show can be relied on. Above is the whole
// fleet, of which it asks for what is now; below one exporter, over time.
func exporter() Dashboard {
	const ofExporters = `alertname=~"VirtExporterDown|VirtSourceFailing|VirtMonitoringBlind|VirtVMKeyConflict"`
	const ofAlerters = `alertname="VirtAlerterDown"` // which no host is
	const monitoring = `alertname=~"VirtAlerterDown|VirtExporterDown|VirtSourceFailing|VirtMonitoringBlind|VirtVMKeyConflict"`
	return Dashboard{
		UID: "virt-exporter", File: "exporter", Title: "Virtualization: exporters and sources",
		Description: "Can the other dashboards be believed: which exporters answer, what they cannot see and why, and what they cost. The upper half is of all exporters, the lower one of the host that is chosen.",
		From:        "now-1h", Refresh: "1m",
		Variables: []Variable{hostVariable(true)},
		Alerts:    []string{ofExporters + "," + ofHost, ofAlerters},
		Rows: []Row{
			{Height: 4, Panels: []Panel{exportersDown(), exportersSeen(), sourcesFailing(), featuresMissing(), guestsLeftOut(), firing(monitoring, "", 8)}},
			{Height: 9, Panels: []Panel{exporters(), cannotSee()}},
			{Height: 7, Panels: []Panel{cannotSeeWhere(), versions()}},
			{Title: "$host: sources", Height: 8, Panels: []Panel{sources(), sourceTimes(), sourceAges()}},
			{Title: "$host: what the exporter costs", Height: 8, Panels: []Panel{exporterCPU(), exporterMemory(), exporterScrape(), exporterSamples()}},
			{Title: "$host: programs in the kernel", Height: 7, Panels: []Panel{bpfLoaded(), bpfCoverage(), bpfLost()}},
			{Title: "$host: guests that are seen, left out, or have their name from others", Folded: true, Height: 7, Panels: []Panel{sourceGuests(), sourceDropped(), nameCollisions()}},
			{Title: "virt_alerter", Folded: true, Height: 7, Panels: []Panel{alerterTroubles(), alerterRules(), alerterSeries()}},
		},
	}
}

// ours are exporters of ours that are targets, by whether they answer.
const ours = "(up and virt:exporter:known)"

// count0 is a number of things that is bad from 1 on.
func count0(title, description, expr, empty string, width int) Panel {
	return Panel{
		Title: title, Description: description, Width: width, Draw: Stat{Fill: true},
		Queries: []Query{{Expr: expr, Instant: true, Legend: title}},
		Unit:    "short", Decimals: 0, NoValue: empty, Steps: []Step{{0, calm}, {1, warning}},
	}
}

func exportersDown() Panel {
	p := count0("Not answering",
		"Exporters that are targets and do not answer: nothing is known of the guests there. Look at systemctl status virt_exporter on the host.",
		"sum(1 - "+ours+")", "NO DATA", 3)
	p.Steps = []Step{{0, calm}, {1, critical}}
	p.Links = []Link{{"Runbook", runbookURL + "#virtexporterdown"}}
	p.MayBeEmpty = "what arrives by federation or remote write has no up"
	return p
}

func exportersSeen() Panel {
	return Panel{
		Title: "Seen", Width: 4, Draw: Stat{Fill: true},
		Description: "Exporters of the last 6 hours, and guests that they show now. If exporters are missing here that should be there, they are no targets.",
		Queries: []Query{
			{Expr: "count(virt:exporter:known)", Instant: true, Legend: "exporters"},
			{Expr: "count(" + once("virt:guest:tenant") + ")", Instant: true, Legend: "guests"},
		},
		Unit: "short", Decimals: 0, NoValue: "NO DATA",
	}
}

func sourcesFailing() Panel {
	p := count0("Sources failing",
		"Sources whose last reading was not whole: what they alone give is missing. See the table of sources, and the exporter's log.",
		"sum("+once("virt_source_success == bool 0")+")", "NO DATA", 3)
	p.Links = []Link{{"Runbook", runbookURL + "#virtsourcefailing"}}
	return p
}

func featuresMissing() Panel {
	p := count0("Not to be seen",
		"Features that a host does not let its exporter see, over all hosts. Which, where and why stands below; some are rightly so.",
		"sum("+once("virt_feature_available == bool 0")+")", "NO DATA", 3)
	p.Steps = []Step{{0, calm}}
	p.Links = []Link{{"Runbook", runbookURL + "#virtmonitoringblind"}}
	return p
}

func guestsLeftOut() Panel {
	p := count0("Left out",
		"Guests that were left out for want of room in the time that is shown, each counted at every reading. Raise --limit.guests where it is not 0.",
		"sum("+once(`increase(virt_source_dropped_total{reason="limit"}[$__range])`)+")", "NO DATA", 3)
	p.Links = []Link{{"Runbook", runbookURL + "#virtmonitoringblind"}}
	return p
}

// exporters has a row for each exporter of ours, one that does not answer too.
func exporters() Panel {
	by := func(expr string) string { return "max by (instance) (" + expr + ")" }
	known := " and on (job, instance) virt:exporter:known"
	return Panel{
		Title: "Exporters", Width: 14, Draw: Table{By: []string{"instance"}, Sort: "Scrape"},
		Description: "Each exporter and what it costs. Scrape is how long an answer takes, CPU what the process uses in CPUs. Choose one above for its past.",
		Queries: []Query{
			{Expr: by("up" + known), Instant: true, Column: "Answers"},
			{Expr: by("scrape_duration_seconds" + known), Instant: true, Column: "Scrape"},
			{Expr: by("scrape_samples_scraped" + known), Instant: true, Column: "Samples"},
			{Expr: by("rate(process_cpu_seconds_total[5m])" + known), Instant: true, Column: "CPU"},
			{Expr: by("process_resident_memory_bytes" + known), Instant: true, Column: "Memory"},
			{Expr: "count by (instance) (" + once("virt:guest:tenant") + ")", Instant: true, Column: "Guests"},
		},
		Decimals: Auto, NoValue: "no exporter has been heard of",
		Fields: []Field{
			{Name: "instance", Title: "host", Links: []Link{hostLink(true)}},
			{Name: "Answers", Words: []Word{{1, "yes", calm}, {0, "NO", critical}}, Cell: "color-background", Width: 80},
			{Name: "Scrape", Unit: "s", Steps: []Step{{0, calm}, {5, warning}}, Cell: "color-background"},
			{Name: "CPU", Unit: "short"},
			{Name: "Memory", Unit: "bytes"},
			{Name: "Samples", Unit: "short"},
		},
	}
}

// missing are features, and whole sources, that hosts do not have.
const missing = `(virt_feature_available == 0
  or label_replace(virt_source_available == 0, "feature", "(all of it)", "", ""))`

func cannotSee() Panel {
	return Panel{
		Title: "What cannot be seen, on how many hosts", Width: 10, Draw: Table{By: []string{"source", "feature", "reason"}, Sort: "Hosts"},
		Description: "No daemon and not supported may be right: a host without libvirt has none. No permission, pid_namespace and refused are mostly mistakes in how the exporter is run. The runbook says what each needs.",
		Queries:     []Query{{Expr: "count by (source, feature, reason) (" + once("\n  "+missing+"\n") + ")", Instant: true, Column: "Hosts"}},
		Decimals:    0, NoValue: "all is seen",
		Fields:     []Field{{Name: "reason", Width: 140}, {Name: "Hosts", Width: 70}},
		Links:      []Link{{"Runbook", runbookURL + "#virtmonitoringblind"}},
		MayBeEmpty: "a host may let everything be seen",
	}
}

func cannotSeeWhere() Panel {
	return Panel{
		Title: "What cannot be seen on which host, and why", Width: 16, Draw: Table{By: []string{"instance", "source", "feature", "reason"}},
		Description: "One row for each. Filter it by host or by feature in the headings; alerts that need what is missing cannot fire there.",
		Queries:     []Query{{Expr: "group by (instance, source, feature, reason) (\n  " + missing + "\n)", Instant: true}},
		Decimals:    Auto, NoValue: "all is seen",
		Fields:     []Field{{Name: "instance", Title: "host", Links: []Link{hostLink(true)}}},
		Links:      []Link{{"Runbook", runbookURL + "#virtmonitoringblind"}},
		MayBeEmpty: "a host may let everything be seen",
	}
}

func versions() Panel {
	expr := func(name string) string {
		return fmt.Sprintf("label_replace(%s_build_info, \"program\", %q, \"\", \"\")", name, name)
	}
	return Panel{
		Title: "Versions", Width: 8, Draw: Table{By: []string{"program", "version", "revision", "goversion"}, Sort: "Number"},
		Description: "How many of each version run. Old ones may lack families that panels ask for: bring them up to date.",
		Queries:     []Query{{Expr: "count by (program, version, revision, goversion) (\n  " + expr("virt_exporter") + "\n  or " + expr("virt_alerter") + "\n)", Instant: true, Column: "Number"}},
		Decimals:    0, NoValue: "NO DATA",
	}
}
