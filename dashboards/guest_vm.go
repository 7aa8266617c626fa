package dashboards

import "fmt"

// onlyMachines is why panels of virtual machines may be empty.
const onlyMachines = "only virtual machines have it"

func guestVMM() Panel {
	return Panel{
		Title: "CPU of the hypervisor's process", Width: 10, Draw: Lines{Stacked: true},
		Description: "In CPUs: the machine itself (guest mode), and what the host spends around it. Much vcpu_host is exits and polling, see there; much iothread, vhost or virtiofsd is I/O.",
		Queries: []Query{
			{Expr: guestRate("", "virt_guest_cpu_guest_seconds_total", ""), Legend: "guest mode"},
			{Expr: guestRate("component", "virt_guest_vmm_cpu_seconds_total", ""), Legend: "{{component}}"},
		},
		Unit: "short", Decimals: Auto, Min: of(0), Fields: []Field{{Name: "guest mode", Color: sky}},
		MayBeEmpty: onlyMachines,
	}
}

func guestHelpers() Panel {
	return Panel{
		Title: "Helper threads: kept from the CPU", Width: 7, Draw: Lines{Limits: true},
		Description: "Part of the CPU time that its helper threads asked for and did not get. Inside the machine this is a slow disk (iothread, worker), a slow network (vhost) or a slow directory (virtiofsd).",
		Queries:     []Query{{Expr: fmt.Sprintf("max by (component) (virt:guest_vmm_cpu_steal:ratio_rate5m{%s})", ofGuest), Legend: "{{component}}"}},
		Unit:        "percentunit", Decimals: Auto, Min: of(0), Steps: stepsOf("VirtGuestHelperStarved"),
		Links:      []Link{{"Runbook", runbookURL + "#virtguesthelperstarved"}},
		MayBeEmpty: onlyMachines,
	}
}

func guestHaltPolling() Panel {
	return Panel{
		Title: "Halt polling", Width: 7, Draw: Lines{Stacked: true},
		Description: "CPUs with which KVM spins for vCPUs that have nothing to do, so that they wake sooner. What was for nothing others could have had: lower halt_poll_ns of kvm where there is much of it.",
		Queries:     []Query{{Expr: guestRate("result", "virt_guest_halt_poll_seconds_total", ""), Legend: "{{result}}"}},
		Unit:        "short", Decimals: Auto, Min: of(0),
		Fields:     []Field{{Name: "success", Color: green}, {Name: "fail", Color: orange}},
		MayBeEmpty: onlyMachines + ", and only libvirt tells of it",
	}
}

// exits is a panel of a machine's exits by reason.
func exits(title, description, family, empty string) Panel {
	expr := steadyTop(10, guestRate("reason", family, ""), fmt.Sprintf("sum by (reason) (increase(%s{%s}[$__range] @ end()))", family, ofGuest))
	return Panel{
		Title: title, Description: description, Width: 8, Draw: Lines{Legend: "right"},
		Queries: []Query{{Expr: expr, Legend: "{{reason}}"}},
		Unit:    "ops", Decimals: Auto, Min: of(0), MayBeEmpty: empty,
	}
}

func guestExits() Panel {
	return exits("Exits, as KVM counts them",
		"Times a second that the machine left guest mode. Many for io and mmio are emulated devices: use virtio. Many for halt are a machine that idles often.",
		"virt_guest_exits_total", onlyMachines+", and only libvirt tells of it")
}

func guestVMMExits() Panel {
	return exits("Exits that the hypervisor's process handles",
		"The dear ones: each goes through a process of the host. They cost 10 to 100 times what the others do.",
		"virt_guest_vmm_exits_total", onlyMachines+", and only the programs in the kernel see it")
}

func guestKVMExits() Panel {
	return exits("Exits, by the processor's reason",
		"All exits from guest mode, as Intel, AMD or Arm call them. The ten of which there were most; the processor's manual says what each is.",
		"virt_guest_kvm_exits_total", onlyMachines+", and only the programs in the kernel see it")
}

func guestNetwork() Panel {
	return Panel{
		Title: "Network", Width: 8, Draw: Lines{Area: true},
		Description: "Bytes a second through its interfaces, from its own point of view: received above, sent below.",
		Queries:     []Query{{Expr: guestRate("interface, direction", "virt_guest_network_bytes_total", ""), Legend: "{{direction}} {{interface}}"}},
		Unit:        "Bps", Decimals: Auto, Fields: []Field{{Pattern: "/^transmit/", Below: true}},
		MayBeEmpty: "a container without a network of its own has none",
	}
}

func guestDrops() Panel {
	return Panel{
		Title: "Network: dropped", Width: 6, Draw: Lines{},
		Description: "Packets a second that were dropped at its interfaces. Of a machine ask whether vhost gets its CPU (Helper threads).",
		Queries:     []Query{{Expr: guestRate("interface, direction", "virt_guest_network_drops_total", ""), Legend: "{{direction}} {{interface}}"}},
		Unit:        "pps", Decimals: Auto, Min: of(0),
		MayBeEmpty: "a container without a network of its own has none",
	}
}

func guestShares() Panel {
	by := func(expr string) string { return "max by (tag) (" + expr + ")" }
	return Panel{
		Title: "Directories of the host that it is given", Width: 10, Draw: Table{By: []string{"tag", "source", "fstype", "cache"}},
		Description: "What is passed through to it. What that costs is on the dashboard of file systems, from inside the machine where an exporter runs there.",
		Queries: []Query{
			{Expr: fmt.Sprintf("max by (tag, source, fstype, cache) (\n  virt_guest_share_info{%[1]s}\n  * on (tag) group_left () %[2]s\n)", ofGuest, by("virt_guest_share_probe_stuck_seconds{"+ofGuest+"}")), Instant: true, Column: "Unanswered"},
			{Expr: fmt.Sprintf("max by (tag, source, fstype, cache) (\n  virt_guest_share_info{%[1]s}\n  * on (tag) group_left () %[2]s\n)", ofGuest, by("virt_guest_share:fds:ratio{"+ofGuest+"}")), Instant: true, Column: "Files"},
			{Expr: fmt.Sprintf("max by (tag, source, fstype, cache) (virt_guest_share_info{%s})", ofGuest), Instant: true},
		},
		Decimals: Auto, NoValue: "none",
		Fields: []Field{
			{Name: "Unanswered", Unit: "s", Steps: stepsOf("VirtShareHung"), Cell: "color-background"},
			{Name: "Files", Unit: "percentunit", Steps: stepsOf("VirtVirtiofsdFilesHigh"), Cell: "color-background"},
		},
		Links:      []Link{{"File systems", "/d/virt-filesystems?${datasource:queryparam}&${__url_time_range}&var-host=${host:percentencode}"}},
		MayBeEmpty: "most guests are given none",
	}
}
