package dashboards

// victimVariables choose one victim of those that somebody was in the way of, and no
// others. Its host, kind and runtime tell it from others of its name, whose waits would
// else be added to its own. Neither the time nor the resource that is shown narrows
// them: in place of a victim that is no longer among them Grafana would take another,
// and the evidence be a stranger's.
func victimVariables() []Variable {
	const named = "virt:guest_culprit:ratio_rate5m{" + ofHost + ",guest=~`${guest:regex}`"
	const there = named + ",instance=~`${at:regex}`"
	return []Variable{
		{Name: "guest", Label: "Victim", Query: "label_values(virt:guest_culprit:ratio_rate5m{" + ofHost + "}, guest)"},
		{Name: "at", Label: "On host", Query: "label_values(" + named + "}, instance)"},
		{Name: "victim_kind", Label: "Kind", Query: "label_values(" + there + "}, kind)"},
		{Name: "victim_runtime", Label: "Runtime", Query: "label_values(" + there + `,kind=~"$victim_kind"}, runtime)`},
	}
}

// Links from the evidence to the victim that is chosen, and to its host.
func ofVictimLinks() []Link {
	return []Link{
		{"Guest", toGuest + "${at:percentencode}&var-kind=${victim_kind:percentencode}&var-runtime=${victim_runtime:percentencode}&${guest:queryparam}"},
		{"Host", toHost + "${at:percentencode}"},
	}
}

// victimLink chooses the victim of a series, or of a row of a table, for the evidence.
func victimLink(table bool) Link {
	const to = toNeighbours + "&${resource:queryparam}&var-host="
	if table {
		return Link{Title: "Evidence", URL: to + "${__data.fields.instance:percentencode}&var-at=${__data.fields.instance:percentencode}" +
			"&var-victim_kind=${__data.fields.kind:percentencode}&var-victim_runtime=${__data.fields.runtime:percentencode}&var-guest=${__data.fields.guest:percentencode}"}
	}
	return Link{
		Title: "Evidence for ${__field.labels.guest}",
		URL: to + "${__field.labels.instance:percentencode}&var-at=${__field.labels.instance:percentencode}" +
			"&var-victim_kind=${__field.labels.kind:percentencode}&var-victim_runtime=${__field.labels.runtime:percentencode}&var-guest=${__field.labels.guest:percentencode}",
	}
}
