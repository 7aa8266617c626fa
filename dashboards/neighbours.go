package dashboards

const (
	ofPairs  = ofHost + `,resource=~"$resource"`
	ofVictim = "instance=~`${at:regex}`" + `,kind=~"$victim_kind",runtime=~"$victim_runtime"` + ",guest=~`${guest:regex}`"

	pairLine = "instance, kind, runtime, guest, culprit, resource"
)

// noisyPairs are the victims and culprits of whom there is something to say: the
// others have no series.
const noisyPairs = "virt:guest_culprit:ratio_rate5m{" + ofPairs + "}"

// neighbours says who is in whose way, when, and how that is known. The panels above
// are of all victims; the evidence is of the one that is chosen.
func neighbours() Dashboard {
	return Dashboard{
		UID: "virt-neighbours", File: "neighbours", Title: "Virtualization: noisy neighbours",
		Description: "Who is in whose way, since when, and how that is known. Click on a victim for the evidence, which is below.",
		From:        "now-3h", Refresh: "30s",
		Variables: append([]Variable{hostVariable(false), resourceVariable()}, victimVariables()...),
		Alerts:    []string{`alertname="VirtNoisyNeighbour",` + ofHost},
		Rows: []Row{
			{Height: 4, Panels: []Panel{neighboursVictims(), neighboursCulprits(), neighboursWorst(), neighboursAlerts()}},
			{Height: 10, Panels: []Panel{neighboursTimeline(), neighboursAlertsTimeline()}},
			{Height: 10, Panels: []Panel{neighboursTable(), neighboursCauses()}},
			{Title: "Evidence for $guest on $at: CPU", Height: 9, Panels: []Panel{victimCPU(), victimDemand(), culpritCPU(), victimMethod()}},
			{Title: "Evidence for $guest on $at: disk", Height: 8, Panels: []Panel{victimDisk(), victimRequests(), culpritDisk()}},
			{Title: "Evidence for $guest on $at: memory", Height: 8, Panels: []Panel{victimMemory(), victimUse(), culpritMemory()}},
			{Title: "What $guest on $at waits for that is no neighbour", Height: 8, Panels: []Panel{ownCPU(), ownDisk(), ownMemory(), ownHost()}},
		},
	}
}

func resourceVariable() Variable {
	return Variable{Name: "resource", Label: "Resource", Kind: "custom", Query: "cpu,io,memory", All: true, Multi: true}
}

// judged has 1 where a pair is at the threshold of its alert or above, else 0.
const judged = "(virt:guest_culprit:by_threshold{" + ofPairs + "} >= bool 1)"

func neighboursVictims() Panel {
	return Panel{
		Title: "Victims now", Width: 5, Draw: Stat{Wide: true},
		Description: "Guests that wait for others for longer than the threshold of VirtNoisyNeighbour, by what they wait for. The alert fires when it stays so.",
		Queries: []Query{{
			Expr:   "count by (resource) (group by (" + guestLine + ", resource) (" + judged + " == 1))",
			Legend: "{{resource}}", Instant: true,
		}},
		Unit: "none", NoValue: "none", Steps: []Step{{0, calm}, {1, warning}},
		Links:      []Link{{"Runbook", runbookURL + "#virtnoisyneighbour"}},
		MayBeEmpty: "nobody is in another's way where all is well",
	}
}

func neighboursCulprits() Panel {
	return Panel{
		Title: "Culprits now", Width: 4, Draw: Stat{},
		Description: "Guests and services of hosts that others wait for, for longer than the threshold of VirtNoisyNeighbour. Who they are is in the table.",
		Queries: []Query{{
			Expr:   "count(group by (instance, culprit) (" + judged + " == 1))",
			Legend: "culprits", Instant: true,
		}},
		Unit: "none", NoValue: "none", Steps: []Step{{0, calm}, {1, warning}},
		MayBeEmpty: "nobody is in another's way where all is well",
	}
}

func neighboursWorst() Panel {
	return Panel{
		Title: "Worst now: victim ← culprit", Width: 11, Draw: Stat{Across: true, Size: 20, NameSize: 20},
		Description: "In parts of what the alert bears: ×1 is where VirtNoisyNeighbour begins. Click for the evidence.",
		Queries: []Query{{
			Expr:   "topk(3, max by (" + pairLine + ") (virt:guest_culprit:by_threshold{" + ofPairs + "}))",
			Legend: "{{guest}} ← {{culprit}} ({{resource}})", Instant: true,
		}},
		Unit: "prefix:×", Decimals: 1, NoValue: "nobody", Steps: timesSteps("VirtNoisyNeighbour/cpu"),
		Fields:     []Field{{Pattern: "/.*/", Links: []Link{victimLink(false)}}},
		MayBeEmpty: "nobody is in another's way where all is well",
	}
}

func neighboursAlerts() Panel {
	return Panel{
		Title: "Alerts", Width: 4, Draw: Stat{Wide: true},
		Description: "VirtNoisyNeighbour by state. One is pending for 5 minutes before it fires, and fires on for 10 after it is over.",
		Queries: []Query{{
			Expr:   `count by (alertstate) (ALERTS{alertname="VirtNoisyNeighbour",` + ofPairs + `})`,
			Legend: "{{alertstate}}", Instant: true,
		}},
		Unit: "none", NoValue: "none",
		Fields:     []Field{{Name: "pending", Color: yellow}, {Name: "firing", Color: warning}},
		Links:      []Link{{"Runbook", runbookURL + "#virtnoisyneighbour"}},
		MayBeEmpty: "nothing fires where all is well",
	}
}
