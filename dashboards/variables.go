package dashboards

// The variables that several dashboards have. Each is narrowed by those before it, so
// that a list of thousands of guests is not asked for at once. Kinds, runtimes and
// tenants are those of the counts: Grafana may ask for all series of a name to learn one
// label, and of counts there are few.

func hostVariable(one bool) Variable {
	return Variable{
		Name: "host", Label: "Host", Query: "label_values(" + exportersNow + ", instance)", All: !one, Multi: !one,
	}
}

// tenantVariable is the project of a guest, or its namespace in Kubernetes.
func tenantVariable() Variable {
	return Variable{Name: "tenant", Label: "Tenant", Query: `label_values(virt:node_guests:count{` + ofHost + `}, tenant)`, All: true, Multi: true}
}

func kindVariable() Variable {
	return Variable{Name: "kind", Label: "Kind", Query: `label_values(virt:node_guests_of_runtime:count{` + ofHost + `}, kind)`, All: true, Multi: true}
}

func runtimeVariable() Variable {
	return Variable{Name: "runtime", Label: "Runtime", Query: `label_values(virt:node_guests_of_runtime:count{` + ofHost + `,kind=~"$kind"}, runtime)`, All: true, Multi: true}
}

// Paths to the other dashboards, with what was chosen and clicked on. The time that is
// shown goes with them.
const (
	toFleet = "/d/virt-fleet?${datasource:queryparam}&${__url_time_range}"
	toHost  = "/d/virt-host?${datasource:queryparam}&${__url_time_range}&var-host="
	toGuest = "/d/virt-guest?${datasource:queryparam}&${__url_time_range}&var-host="
)

// hostLink leads from a series, or a row of a table, to its host.
func hostLink(table bool) Link {
	if table {
		return Link{Title: "Host", URL: toHost + "${__data.fields.instance:percentencode}"}
	}
	return Link{Title: "Host ${__field.labels.instance}", URL: toHost + "${__field.labels.instance:percentencode}"}
}

// guestLink leads from a series, or a row of a table, to its guest.
func guestLink(table bool) Link {
	if table {
		return Link{Title: "Guest", URL: toGuest + "${__data.fields.instance:percentencode}&var-kind=${__data.fields.kind:percentencode}&var-runtime=${__data.fields.runtime:percentencode}&var-guest=${__data.fields.guest:percentencode}"}
	}
	return Link{
		Title: "Guest ${__field.labels.guest}",
		URL:   toGuest + "${__field.labels.instance:percentencode}&var-kind=${__field.labels.kind:percentencode}&var-runtime=${__field.labels.runtime:percentencode}&var-guest=${__field.labels.guest:percentencode}",
	}
}
