package dashboards

const toNeighbours = "/d/virt-neighbours?${datasource:queryparam}&${__url_time_range}"

func fleetHurtOverTime() Panel {
	return Panel{
		Title: "Guests that are hurt", Width: 8, Draw: Lines{Stacked: true},
		Description: "How many guests wait for longer than their alerts bear, by what they wait for. One that waits for two things counts twice.",
		Queries:     []Query{{Expr: "count by (resource) (" + once("virt:guest_hurt:ratio{"+ofFleet+"}") + " >= 1)", Legend: "{{resource}}"}},
		Unit:        "none", Min: of(0), NoValue: "nobody", Fields: resourceColors(),
		MayBeEmpty: "nobody waits for anything where all is well",
	}
}

func fleetAlertsOverTime() Panel {
	return Panel{
		Title: "Alerts that fire", Width: 8, Draw: Lines{Stacked: true},
		Description: "Warnings and pages on the chosen hosts. The runbook says what each means and what to do.",
		Queries: []Query{{
			Expr:   "count by (alertname) (ALERTS{" + alerting + `,severity=~"warning|critical",` + ofHost + "})",
			Legend: "{{alertname}}",
		}},
		Unit: "none", Min: of(0), NoValue: "none", Links: []Link{{"Runbook", runbookURL}},
		MayBeEmpty: "nothing fires where all is well",
	}
}

func fleetCulprits() Panel {
	return Panel{
		Title: "Who makes others wait", Width: 8, Draw: Stat{Graph: true, Across: true},
		Description: "Guests and services that others wait for now: for cpu in CPUs, for io and memory in guests that wait all the time. Noisy neighbours has the evidence.",
		Queries: []Query{{
			Expr:   worstStill(6, "instance, culprit, resource", "virt:culprit_waits:rate5m{"+ofHost+"}"),
			Legend: "{{culprit}} ({{resource}})  {{instance}}",
		}},
		Unit: "none", Decimals: 2, Min: of(0), NoValue: "nobody",
		Steps:      []Step{{0, calm}, {0.1, warning}},
		Links:      []Link{{"Noisy neighbours", toNeighbours}},
		MayBeEmpty: "nobody is in another's way where all is well",
	}
}

// fleetBars is a bar for each of the hosts or tenants that have most of something.
func fleetBars(title, description, expr, legend, unit string, steps []Step) Panel {
	return Panel{
		Title: title, Description: description, Width: 12, Draw: Bars{},
		Queries: []Query{{Expr: expr, Legend: legend, Instant: true}},
		Unit:    unit, Decimals: Auto, Min: of(0), NoValue: "none", Steps: steps,
	}
}

func fleetOvercommitCPU() Panel {
	p := fleetBars("vCPUs per CPU",
		"vCPUs of the virtual machines for each CPU of the host. It hurts nobody before they want them all at once: compare it with the column Kept from CPU.",
		"topk(20, max by (instance) (virt_node_vcpus_allocated{"+ofHost+"} / virt_node_cpus{"+ofHost+"}))", "{{instance}}", "suffix: ×",
		stepsOf("VirtNodeOvercommitted/cpu"))
	p.Fields = []Field{{Pattern: "/.*/", Links: []Link{hostLink(false)}}}
	p.MayBeEmpty = "hosts without virtual machines have promised nothing"
	return p
}

func fleetOvercommitMemory() Panel {
	p := fleetBars("Memory that was promised",
		"Memory with which the virtual machines were configured, as a part of the host's. Above all of it, the host swaps when they use it: look at the memory of that host.",
		"topk(20, max by (instance) (virt_node_memory_allocated_bytes{"+ofHost+"} / virt_node_memory_bytes{"+ofHost+"}))", "{{instance}}", "percentunit",
		stepsOf("VirtNodeOvercommitted/memory"))
	p.Fields = []Field{{Pattern: "/.*/", Links: []Link{hostLink(false)}}}
	p.MayBeEmpty = "hosts without virtual machines have promised nothing"
	return p
}

func fleetTenantGuests() Panel {
	p := fleetBars("Guests of each tenant",
		"Tenants are projects, or namespaces in Kubernetes. Choose one above to see its guests alone.",
		"topk(20, count by (tenant) ("+once("virt:guest:tenant{"+ofFleet+`,tenant!=""}`)+"))", "{{tenant}}", "none", nil)
	p.MayBeEmpty = "guests may belong to no tenant"
	return p
}

func fleetTenantHurt() Panel {
	p := fleetBars("Guests of each tenant that are hurt",
		"Guests that wait for longer than an alert bears, by tenant and by what they wait for. Choose the tenant above, and see the table of guests.",
		"topk(20, count by (tenant, resource) ("+once("virt:guest_hurt:ratio{"+ofFleet+`,tenant!=""}`)+" >= 1))", "{{tenant}} ({{resource}})", "none",
		[]Step{{0, calm}, {1, warning}})
	p.MayBeEmpty = "nobody waits for anything where all is well"
	return p
}
