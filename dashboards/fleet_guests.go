package dashboards

import "strings"

// fleetRows are the guests that the table shows: those that are hurt most, and others
// if there is room.
const fleetRows = `topk(100,
  max by (` + guestRow + `) (virt:guest_hurt:ratio{` + ofFleet + `})
  or max by (` + guestRow + `) (virt:guest:tenant{` + ofFleet + `}) * 0
)`

// withTenant gives each of them its tenant as a label.
const withTenant = "\n* on (" + guestRow + ") group_left (tenant) topk by (" + guestRow + ") (1, virt:guest:tenant{" + ofFleet + "})"

// amongRows leaves the guests that the table shows.
func amongRows(expr string) string {
	return expr + "\nand on (" + guestRow + ") " + fleetRows
}

func fleetGuestTable() Panel {
	column := func(selector string) string {
		return amongRows("max by (" + guestRow + ") (" + selector + ")")
	}
	return Panel{
		Title: "Guests: the 100 that are hurt most", Width: 18,
		Draw: Table{By: strings.Split(guestRow, ", "), Also: []string{"tenant"}, Sort: "× alert"},
		Description: "× alert: the greatest of what a guest waits for, as a multiple of what its alert bears; –: less than a tenth of it, or not measured. Click on a heading to sort, on a name for the guest. " +
			"Narrow the choice above to see guests that are not among the 100.",
		Queries: asOfNow(
			Query{Expr: fleetRows + withTenant, Column: "× alert"},
			Query{Expr: amongRows(severityOf(guestRow, "virt:guest:tenant{"+ofFleet+"}")), Column: "Worst alert"},
			Query{Expr: column("virt:guest_cpu_wanted:rate5m{" + ofGuests + "}"), Column: "CPUs wanted"},
			Query{Expr: column("virt:guest_cpu_contended:ratio_rate5m{" + ofGuests + "}"), Column: "Kept from CPU"},
			Query{Expr: column("virt:guest_cpu_throttle:ratio_rate5m{" + ofGuests + "}"), Column: "Own quota"},
			Query{Expr: column("virt:guest_io_felt:seconds_rate5m{" + ofGuests + `,op!~"flush|discard"}`), Column: "Disk request"},
			Query{Expr: column("virt:guest_memory_waiting:ratio_rate5m{" + ofGuests + "}"), Column: "Memory waited for"},
		),
		Unit: "percentunit", Decimals: Auto, NoValue: "–", Fields: fleetGuestColumns(),
		MayBeEmpty: "there may be no guests",
	}
}

func fleetGuestColumns() []Field {
	return append(guestColumns(),
		Field{Name: "tenant", Title: "Tenant"},
		severityColumn(severityWords()),
		Field{Name: "× alert", Unit: "suffix: ×", Steps: hurtSteps(), Words: []Word{{0, "–", calm}}, Cell: "color-background", Width: 90},
		Field{Name: "CPUs wanted", Unit: "none"},
		Field{Name: "Kept from CPU", Steps: stepsOf("VirtGuestCPUStealHigh"), Cell: "gauge", Max: of(1)},
		Field{Name: "Own quota", Steps: stepsOf("VirtGuestCPUThrottled"), Cell: "color-background"},
		Field{Name: "Disk request", Unit: "s", Steps: stepsOf("VirtGuestIOLatencyHigh"), Cell: "color-background"},
		Field{Name: "Memory waited for", Steps: stepsOf("VirtGuestMemoryPressureHigh"), Cell: "color-background", Width: 145},
	)
}

func fleetGuestLines() Panel {
	return Panel{
		Title: "Guests that are hurt most", Width: 6, Draw: Stat{Graph: true, Across: true},
		Description: "What a guest waits for as a multiple of what its alert bears: of those that wait now the worst of the time that is shown. Click on one for the reasons.",
		Queries: []Query{{
			Expr:   worstStill(10, guestLine+", resource", "virt:guest_hurt:ratio{"+ofFleet+"}"),
			Legend: "{{guest}} ({{resource}})  {{instance}}",
		}},
		Unit: "suffix: ×", Decimals: 1, Min: of(0), NoValue: "nobody", Steps: hurtSteps(),
		Fields:     []Field{{Pattern: "/.*/", Links: []Link{guestLink(false)}}},
		MayBeEmpty: "nobody waits for anything where all is well",
	}
}
