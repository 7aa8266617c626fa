package dashboards

import "fmt"

// opColors has a colour for each kind of request; those of the host's disk are dashed.
func opColors() []Field {
	return []Field{
		{Pattern: "/read/", Color: sky},
		{Pattern: "/write/", Color: orange},
		{Pattern: "/flush/", Color: purple},
		{Pattern: "/discard/", Color: grey},
		{Pattern: "/^host/", Dashed: true},
	}
}

// requestSteps are where the alert on the time of requests begins: that of flushes, which
// wait for what was written before them, is a line of its own.
func requestSteps() []Step {
	return append(stepsOf("VirtGuestIOLatencyHigh"), Step{limits()["VirtGuestIOLatencyHigh/flush"].warning, purple})
}

const notTimed = "requests are timed by libvirt for virtual machines, and by the programs in the kernel for the others; a guest may do no I/O"

func guestLayers() Panel {
	expr := fmt.Sprintf("max by (layer, op) (virt:guest_io_latency:seconds_rate5m{%s})", ofGuestAnd(`op=~"read|write|flush"`))
	return Panel{
		Title: "I/O: time of a request, guest and host", Width: 10, Draw: Lines{Limits: true},
		Description: "Guest is what it waits for, host what the disk below takes for it. Both high: the disk, or who else uses it. Only the guest's high: its own caps or the virtual layer, see beside it. Dashed: where VirtGuestIOLatencyHigh begins, in the colour of flushes that of flushes.",
		Queries:     []Query{{Expr: expr, Legend: "{{layer}} {{op}}"}},
		Unit:        "s", Decimals: Auto, Min: of(0), Steps: requestSteps(), Fields: opColors(),
		Links:      []Link{{"Runbook", runbookURL + "#virtguestiolatencyhigh"}},
		MayBeEmpty: notTimed,
	}
}

func guestLayerCost() Panel {
	expr := fmt.Sprintf("virt:guest_io_overhead:seconds_rate5m{%s}", ofGuest)
	return Panel{
		Title: "I/O: added by the virtual disk", Width: 7, Draw: Lines{Limits: true},
		Description: "What a request takes longer for the guest than for the disk below. Where it is high look at its caps, and whether its helper threads get their CPU (What running it costs the host).",
		Queries:     []Query{{Expr: "max by (device, op) (" + expr + ")", Legend: "{{op}} {{device}}"}},
		Unit:        "s", Decimals: Auto, Steps: stepsOf("VirtGuestIOOverheadHigh"), Fields: opColors(),
		Links:      []Link{{"Runbook", runbookURL + "#virtguestiooverheadhigh"}},
		MayBeEmpty: "only virtual machines have a virtual disk, and both sides of it must be timed",
	}
}

func guestIOBy() Panel {
	return Panel{
		Title: "I/O: why it waited", Width: 7, Draw: Lines{Stacked: true},
		Description: "Part of the time in which some of its tasks waited for I/O, by cause, and by whom. Self is its own requests, limit its cap, device a slow disk that nobody else uses.",
		Queries:     []Query{{Expr: byCause("virt:guest_io_stall_by:rate5m"), Legend: "{{cause}} {{culprit}}"}},
		Unit:        "percentunit", Decimals: Auto, Min: of(0), Fields: namelessColors(),
		MayBeEmpty: "absent where the kernel has no pressure of the guest's cgroup",
	}
}

func guestRequests() Panel {
	return Panel{
		Title: "I/O: requests", Width: 6, Draw: Lines{},
		Description: "Requests a second. Many small ones cost more than few large ones: compare with bytes.",
		Queries:     []Query{{Expr: guestRate("layer, op", "virt_guest_io_requests_total", ""), Legend: "{{layer}} {{op}}"}},
		Unit:        "reqps", Decimals: Auto, Min: of(0), Fields: opColors(),
		MayBeEmpty: "a guest may have no disk",
	}
}

func guestBytes() Panel {
	return Panel{
		Title: "I/O: bytes", Width: 6, Draw: Lines{},
		Description: "Bytes a second. More on the host's side than on the guest's is the format of the image, or a cache that reads ahead.",
		Queries:     []Query{{Expr: guestRate("layer, op", "virt_guest_io_bytes_total", ""), Legend: "{{layer}} {{op}}"}},
		Unit:        "Bps", Decimals: Auto, Min: of(0), Fields: opColors(),
		MayBeEmpty: "a guest may have no disk",
	}
}

func guestCaps() Panel {
	expr := fmt.Sprintf("max by (device, op, unit) (virt:guest_io_limit:ratio_rate5m{%s})", ofGuest)
	return Panel{
		Title: "I/O: how much of its caps it uses", Width: 4, Draw: Lines{Limits: true},
		Description: "At 90 % and above it waits for its own cap, and no neighbour is to blame: raise the cap or want less.",
		Queries:     []Query{{Expr: expr, Legend: "{{op}} {{unit}} {{device}}"}},
		Unit:        "percentunit", Decimals: Auto, Min: of(0), Steps: []Step{{0, calm}, {0.9, warning}},
		MayBeEmpty: "most guests have no caps on their I/O",
	}
}

// guestIOLatency is of the layer that the guest feels.
func guestIOLatency() Panel {
	buckets := func(layer string) string {
		return ofOneGuest("le", "increase(virt_guest_io_latency_seconds_bucket{"+ofGuestAnd(`layer="`+layer+`"`)+"}[$__rate_interval])")
	}
	return Panel{
		Title: "I/O: single requests", Width: 8, Draw: Heatmap{},
		Description: "How many requests took how long, as the guest sees them, or as the host's disk does where the guest's view is not known. Two bands are a cache and a disk; a band that climbs is a disk that is too busy.",
		Queries:     []Query{{Expr: buckets("guest") + "\nor " + buckets("host")}},
		Unit:        "s", Decimals: Auto, MayBeEmpty: notTimed + "; heatmaps need classic buckets",
	}
}
