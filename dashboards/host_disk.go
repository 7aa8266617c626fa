package dashboards

const hostBlocks = `{` + ofHost + `,layer="host",op=~"read|write"}`

// hostDiskLatency has for each disk the whole time of a request and the part of it in
// which the disk had it. What lies between was spent in the host's queue.
func hostDiskLatency() Panel {
	each := func(seconds string) string {
		return "sum by (device) (" + once("rate("+seconds+hostBlocks+"[$__rate_interval])") + ")\n/ (sum by (device) (" +
			once("rate(virt_guest_io_requests_total"+hostBlocks+"[$__rate_interval]) and "+seconds+hostBlocks) + ") > 0.1)"
	}
	return Panel{
		Title: "Time that a request of a guest takes on each disk", Width: 12, Draw: Lines{},
		Description: "On the host's disks, reads and writes of all guests. Where the part in the disk itself is small, requests wait in the host's queue: for a scheduler, a cap, or each other. Where it is large, the disk is slow or has too much to do.",
		Queries: []Query{
			{Expr: each("virt_guest_io_seconds_total"), Legend: "{{device}}"},
			{Expr: each("virt_guest_io_device_seconds_total"), Legend: "{{device}}, in the disk itself"},
		},
		Unit: "s", Decimals: Auto, Min: of(0), NoValue: "not measured", Steps: stepsOf("VirtGuestIOLatencyHigh"),
		Fields:     []Field{{Pattern: "/.*itself/", Dashed: true}},
		Links:      []Link{{"Runbook", runbookURL + "#virtguestiolatencyhigh"}},
		MayBeEmpty: "only the source bpf takes the time of requests on the host's disks, and guests may be idle",
	}
}

func hostDiskRequests() Panel {
	return Panel{
		Title: "Requests of guests on each disk", Width: 12, Draw: Lines{},
		Description: "Reads above and writes below, a second, on the host's disks on behalf of guests. Compare it with what the disk is made for; who makes them is beside it.",
		Queries: []Query{{
			Expr:   "sum by (device, op) (" + once("rate(virt_guest_io_requests_total"+hostBlocks+"[$__rate_interval])"+outermost) + ")",
			Legend: "{{device}} {{op}}",
		}},
		Unit: "reqps", Decimals: Auto, NoValue: "none",
		Fields:     []Field{{Pattern: "/.*write/", Below: true}},
		MayBeEmpty: "guests may have no disks of the host",
	}
}

// hostDiskGuests chooses by what was done in all of the time that is shown, and not at
// each point, by guests too that have ended.
func hostDiskGuests() Panel {
	const moved = "virt:guest_io_bytes:rate5m{" + ofHost + "}"
	return Panel{
		Title: "Bytes on the host's disks, by guest", Width: 12, Draw: Lines{Stacked: true},
		Description: "The ten guests that read and write most, all disks together. If others wait for the disk meanwhile, cap the first of them.",
		Queries: []Query{{
			Expr: steadyTop(10, "sum by ("+guestLine+") ("+once(moved+outermost)+")",
				"sum by ("+guestLine+") ("+once("sum_over_time("+moved+"[$__range] @ end())"+everOutermost)+")"),
			Legend: "{{guest}}",
		}},
		Unit: "Bps", Decimals: Auto, Min: of(0), NoValue: "none",
		Fields:     []Field{{Pattern: "/.*/", Links: []Link{guestLink(false)}}},
		MayBeEmpty: "guests may have no disks of the host",
	}
}

func hostDiskCauses() Panel {
	return Panel{
		Title: "What guests wait for I/O because of", Width: 12, Draw: Lines{Stacked: true},
		Description: "Guests that wait for I/O at a moment, by cause. neighbour and system: others use the same disk. limit: their own caps. self: what they do themselves. device: a slow disk that nobody else uses.",
		Queries: []Query{{
			Expr:   "sum by (cause) (" + once("virt:guest_io_stall_by:rate5m{"+ofHost+"}"+outermost) + ")",
			Legend: "{{cause}}",
		}},
		Unit: "none", Decimals: 2, Min: of(0), NoValue: "not measured", Fields: causeColors(),
		MayBeEmpty: "pressure may not be seen, or a host may have no guests with cgroups",
	}
}
