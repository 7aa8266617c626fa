package collector

import "github.com/virt-exporter/virt_exporter/collector/model"

func memoryRows() []row[model.Guest] {
	return []row[model.Guest]{
		{
			name: "virt_guest_memory_usage_bytes", typ: gauge, core: true,
			help:   "Container: memory charged to it, page cache included. VM: resident on the host, hugetlb included, swapped out excluded.",
			from:   "memory.current, memory.usage_in_bytes; /proc/PID/status (VmRSS and HugetlbPages) of a virtual machine",
			values: func(g *model.Guest, s *series) { s.add(g.Memory.Usage) },
		},
		{
			name: "virt_guest_memory_working_set_bytes", typ: gauge, core: true,
			help:   "Usage less inactive file cache.",
			from:   "memory.stat",
			values: func(g *model.Guest, s *series) { s.add(g.Memory.WorkingSet) },
		},
		{
			name: "virt_guest_memory_anon_bytes", typ: gauge, core: true,
			help:   "Anonymous memory, which can only be swapped out.",
			from:   "memory.stat; /proc/PID/status (RssAnon) of a virtual machine without a cgroup of its own",
			values: func(g *model.Guest, s *series) { s.add(g.Memory.Anon) },
		},
		{
			name: "virt_guest_memory_limit_bytes", typ: gauge, core: true,
			help:   "Smallest memory limit over the guest's levels. Absent when unlimited.",
			from:   "memory.max, memory.limit_in_bytes",
			values: func(g *model.Guest, s *series) { s.add(g.Memory.Limit) },
		},
		{
			name: "virt_guest_memory_swap_bytes", typ: gauge, core: true,
			help:   "Memory of the guest that the host has swapped out.",
			from:   "memory.swap.current, memory.stat of v1; /proc/PID/status (VmSwap) of a virtual machine without a cgroup of its own, absent if its memory is shared",
			values: func(g *model.Guest, s *series) { s.add(g.Memory.Swap) },
		},
		{
			name: "virt_guest_memory_major_faults_total", typ: counter, core: true,
			help:   "Page faults that had to read from disk, on the host.",
			from:   "memory.stat; /proc/PID/stat of a virtual machine without a cgroup of its own",
			values: func(g *model.Guest, s *series) { s.add(g.Memory.MajorFaults) },
		},
		{
			name: "virt_guest_memory_refaults_total", typ: counter, core: true, labels: []string{"type"},
			help: "Pages that were evicted and needed again.",
			from: "memory.stat",
			values: func(g *model.Guest, s *series) {
				s.add(g.Memory.RefaultsAnon, "anon")
				s.add(g.Memory.RefaultsFile, "file")
			},
		},
		{
			name: "virt_guest_memory_events_total", typ: counter, core: true, labels: []string{"event"},
			help: "Events of the memory controller. oom and oom_kill count from the exporter's start, and stay for 15 minutes when the guest has ended.",
			from: "memory.events; memory.failcnt, memory.oom_control; /dev/kmsg for guests that are gone",
			values: func(g *model.Guest, s *series) {
				s.add(g.Memory.Events.Low, "low")
				s.add(g.Memory.Events.High, "high")
				s.add(g.Memory.Events.Max, "max")
				s.add(g.Memory.Events.OOM, "oom")
				s.add(g.Memory.Events.OOMKill, "oom_kill")
			},
		},
		{
			name: "virt_guest_memory_reclaim_seconds_total", typ: counter, labels: []string{"scope"},
			help: "Time in which the guest's own tasks had to free memory before they got any: for its own limit or one above it, or because the host was short.",
			from: "source bpf: direct reclaim, by cgroup and of the machine",
			values: func(g *model.Guest, s *series) {
				s.add(g.Memory.ReclaimOwnLimit, "own_limit")
				s.add(g.Memory.ReclaimHost, "host")
			},
		},
		{
			name: "virt_guest_memory_stall_by_seconds_total", typ: counter, core: true,
			labels: []string{"cause", "culprit", "method"},
			help:   "The guest's waiting for memory by cause. Increases sum to the increase of virt_guest_pressure_waiting_seconds_total of memory.",
			from:   "an estimate from limits that were reached and from whose memory grew",
			values: func(g *model.Guest, s *series) { s.stolen(g.Blame.MemoryStall) },
		},
	}
}
