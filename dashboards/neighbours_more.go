package dashboards

func victimDisk() Panel {
	p := evidence("Who used the disk while it waited",
		"Part of the time in which tasks of the victim waited for I/O, by who used the same disk more. An estimate: see beside it whether the culprit moved much at that moment.",
		9, "percentunit",
		Query{
			Expr:   ofOneGuest("cause, culprit", "virt:guest_io_stall_by:rate5m{"+ofVictim+"}") + " >= 0.005",
			Legend: "{{cause}} {{culprit}}",
		})
	p.Draw, p.Max, p.Fields = Lines{Stacked: true}, of(1), namelessColors()
	return p
}

func victimRequests() Panel {
	p := evidence("Time that its requests take",
		"As the guest sees it where that is known, else on the host's disk. If it is as on quiet days, the waiting is of its own making. Dashed: where VirtGuestIOLatencyHigh begins, purple for flushes.",
		8, "s",
		Query{
			Expr:   `max by (instance, device, op, layer) (virt:guest_io_felt:seconds_rate5m{` + ofVictim + `,op!="discard"})`,
			Legend: "{{device}} {{op}} ({{layer}})",
		})
	p.Draw, p.Steps = Lines{Limits: true}, requestSteps()
	p.Links = append(p.Links, Link{"Runbook", runbookURL + "#virtguestiolatencyhigh"})
	return p
}

func culpritDisk() Panel {
	p := evidence("What the culprits read and write",
		"On the host's disks. Cap the first of them, give it a disk of its own, or let it work at another hour.",
		7, "Bps",
		Query{Expr: "max by (instance, culprit) (" + ofCulprits("virt:culprit_io_bytes:rate5m", "io") + ")", Legend: "{{culprit}}"})
	p.NoValue = "no guest is named"
	return p
}

func victimMemory() Panel {
	p := evidence("Who took the memory while it waited",
		"Part of the time in which tasks of the victim waited for memory, by whose memory grew. own_limit is its own: raise its limit.",
		9, "percentunit",
		Query{
			Expr:   ofOneGuest("cause, culprit", "virt:guest_memory_stall_by:rate5m{"+ofVictim+"}") + " >= 0.005",
			Legend: "{{cause}} {{culprit}}",
		})
	p.Draw, p.Max, p.Fields = Lines{Stacked: true}, of(1), namelessColors()
	return p
}

func victimUse() Panel {
	const matched = "{" + ofVictim + "})"
	p := evidence("Its memory",
		"If it is at its limit it waits for itself. If it falls while a culprit's grows, the host takes it away: a limit for the culprit, or memory that is guaranteed to the victim, keeps it.",
		8, "bytes",
		Query{Expr: "max by (instance) (virt_guest_memory_usage_bytes" + matched, Legend: "used"},
		Query{Expr: "max by (instance) (virt_guest_memory_working_set_bytes" + matched, Legend: "of it at work"},
		Query{Expr: "max by (instance) (virt_guest_memory_limit_bytes" + matched, Legend: "limit"},
		Query{Expr: "max by (instance) (virt_guest_memory_swap_bytes" + matched, Legend: "swapped out"})
	p.Fields = []Field{{Name: "limit", Color: vermillion, Dashed: true}, {Name: "swapped out", Color: purple}}
	return p
}

func culpritMemory() Panel {
	p := evidence("Memory of the culprits",
		"One that grows while the victim waits is the one: limit it.",
		7, "bytes",
		Query{Expr: "max by (instance, culprit) (" + ofCulprits("virt:culprit_memory_usage:bytes", "memory") + ")", Legend: "{{culprit}}"})
	p.NoValue = "no guest is named"
	return p
}

// own is a panel of what is nobody else's doing.
func own(title, description, expr string) Panel {
	p := evidence(title, description, 6, "percentunit", Query{Expr: expr, Legend: "{{cause}}"})
	p.Draw, p.Max, p.Fields = Lines{Stacked: true}, of(1), causeColors()
	return p
}

func ownCPU() Panel {
	return own("CPU: no neighbour",
		"throttle: its quota, raise it. self: more threads than CPUs. hypervisor: the host's own CPUs were taken away. wakeup: CPUs sleep deeply. unexplained: nobody who could be named.",
		ofOneGuest("cause", "virt:guest_cpu_steal_by:ratio_rate5m{"+ofVictim+`,cause!~"neighbour|system"}`))
}

func ownDisk() Panel {
	return own("Disk: no neighbour",
		"limit: a cap on its I/O. self: its own requests. device: a slow disk that nobody else uses. unexplained: nobody who could be named.",
		ofOneGuest("cause", "virt:guest_io_stall_by:rate5m{"+ofVictim+`,cause!~"neighbour|system"}`))
}

func ownMemory() Panel {
	return own("Memory: no neighbour",
		"own_limit: its own limit is reached, raise it. unexplained: nobody's memory grew that could be named.",
		ofOneGuest("cause", "virt:guest_memory_stall_by:rate5m{"+ofVictim+`,cause!~"neighbour|system"}`))
}

// ownHost is of the host of the victim alone, however many are chosen.
func ownHost() Panel {
	const there = "{instance=~`${at:regex}`}"
	p := evidence("The host below",
		"Steal: its hypervisor gives its CPUs to others, which all of its guests feel. The others: part of the time in which anything on the host waits.",
		6, "percentunit",
		Query{Expr: "max(virt:node_cpu_steal:ratio_rate5m" + there + ")", Legend: "steal"},
		Query{Expr: "max by (resource) (virt:node_pressure_waiting:ratio_rate5m" + there + ")", Legend: "waits for {{resource}}"})
	p.Max = of(1)
	return p
}
