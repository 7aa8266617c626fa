package dashboards

// ofFleet is what panels of the fleet's guests select, of series that have a tenant.
const ofFleet = ofGuests + ",tenant=~`${tenant:regex}`"

// fleetKnown are the exporters that are asked about, those too that do not answer.
const fleetKnown = exportersKnown + `{` + ofHost + `}`

// fleet leads from all hosts and guests to the one that is in trouble. It asks for
// recorded series only, and of guests in trouble rather than of all.
func fleet() Dashboard {
	return Dashboard{
		UID: "virt-fleet", File: "fleet", Title: "Virtualization: fleet",
		Description: "All hosts and guests: which are in trouble, in tables that can be sorted. Click on a name to go on to the host or the guest.",
		From:        "now-1h", Refresh: "30s",
		Variables: []Variable{hostVariable(false), tenantVariable(), kindVariable(), runtimeVariable()},
		Rows: []Row{
			{Height: 4, Panels: []Panel{fleetState(), fleetHosts(), fleetSilent(), fleetGuests(), fleetHurt(), fleetAlerts()}},
			{Title: "Hosts", Height: 10, Panels: []Panel{fleetHostTable(), fleetHostLines()}},
			{Title: "Guests", Height: 12, Panels: []Panel{fleetGuestTable(), fleetGuestLines()}},
			{Title: "Over the time that is shown", Height: 8, Panels: []Panel{fleetHurtOverTime(), fleetAlertsOverTime(), fleetCulprits()}},
			{Title: "What was promised", Folded: true, Height: 9, Panels: []Panel{fleetOvercommitCPU(), fleetOvercommitMemory()}},
			{Title: "Tenants", Folded: true, Height: 9, Panels: []Panel{fleetTenantGuests(), fleetTenantHurt()}},
		},
	}
}

func fleetState() Panel {
	return Panel{
		Title: "State", Width: 4, Draw: Stat{Fill: true},
		Description: "The worst alert that fires on the chosen hosts. NO DATA: none of their exporters is heard of, or of one of them nobody evaluates alerts. The tables below say where it is.",
		Queries: []Query{{
			Expr:   worstOfChosen(),
			Legend: "State", Instant: true,
		}},
		Decimals: Auto, NoValue: "NO DATA", Words: severityWords(), Steps: stateSteps(),
	}
}

// worstOfChosen is the severity of the worst alert of the hosts that are chosen, of all
// that is counted beside it.
func worstOfChosen() string {
	return "max(\n  " + severityOf("instance", "("+answering("{"+ofHost+"}")+" unless on () "+notJudged("{"+ofHost+"}")+")") +
		"\n  and on (instance) (" + fleetKnown + " or ALERTS{" + alerting + "," + ofHost + "})\n)"
}

func fleetHosts() Panel {
	return Panel{
		Title: "Machines", Width: 4, Draw: Stat{Wide: true},
		Description: "Machines that an exporter runs on, by what they are themselves. One that is a vm may be a guest of another host here.",
		Queries:     []Query{{Expr: "count by (role) (group by (instance, role) (virt_node_info{" + ofHost + "}))", Legend: "{{role}}", Instant: true}},
		Unit:        "none", NoValue: "NO DATA",
	}
}

// fleetSilent counts whose exporters do not answer: of their guests nothing is known,
// and no other alert fires for them.
func fleetSilent() Panel {
	return Panel{
		Title: "Hosts that are not seen", Width: 4, Draw: Stat{},
		Description: "Exporters that were there in the last 6 hours and give nothing now. Nothing is known of their guests: look at the column Exporter below, then at virt_exporter there.",
		Queries: []Query{{
			Expr:   "count(" + fleetKnown + " unless on (job, instance) " + exportersNow + ")\nor count(" + fleetKnown + ") * 0",
			Legend: "Not seen", Instant: true,
		}},
		Unit: "none", NoValue: "NO DATA", Steps: []Step{{0, calm}, {1, critical}},
		Links: []Link{{"Runbook", runbookURL + "#virtexporterdown"}},
	}
}

func fleetGuests() Panel {
	return Panel{
		Title: "Guests", Width: 4, Draw: Stat{Wide: true},
		Description: "Virtual machines and containers, those inside others included.",
		Queries: []Query{{
			Expr:   "sum by (kind) (" + once("virt:node_guests:count{"+ofFleet+"}") + ")",
			Legend: "{{kind}}", Instant: true,
		}},
		Unit: "none", NoValue: "none", MayBeEmpty: "a host may have no guests",
	}
}

func fleetHurt() Panel {
	return Panel{
		Title: "Guests that are hurt now", Width: 5, Draw: Stat{Wide: true},
		Description: "Guests that wait for longer than the threshold of the alert on that resource bears. The alert fires when it stays so. The table of guests has them on top.",
		Queries:     []Query{{Expr: "sum by (resource) (" + once("virt:guest_hurt:ratio{"+ofFleet+"}") + " >= bool 1)", Legend: "{{resource}}", Instant: true}},
		Unit:        "none", NoValue: "none", Steps: []Step{{0, calm}, {1, warning}},
		MayBeEmpty: "nobody waits for anything where all is well",
	}
}

func fleetAlerts() Panel {
	return Panel{
		Title: "Alerts", Width: 3, Draw: Stat{Wide: true},
		Description: "Alerts that fire on the chosen hosts, by severity. The runbook says what to do about each.",
		Queries:     []Query{{Expr: "count by (severity) (ALERTS{" + alerting + "," + ofHost + "})", Legend: "{{severity}}", Instant: true}},
		Unit:        "none", NoValue: "none",
		Fields:     []Field{{Name: "info", Color: sky}, {Name: "warning", Color: warning}, {Name: "critical", Color: critical}},
		Links:      []Link{{"Runbook", runbookURL}},
		MayBeEmpty: "nothing fires where all is well",
	}
}
