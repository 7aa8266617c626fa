package collector

import "github.com/virt-exporter/virt_exporter/collector/model"

func cpuRows() []row[model.Guest] {
	return []row[model.Guest]{
		{
			name: "virt_guest_cpu_usage_seconds_total", typ: counter, core: true,
			help:   "CPU time charged to the guest, helpers included.",
			from:   "cpu.stat, cpuacct.usage; /proc/PID/stat of a virtual machine without a cgroup of its own",
			values: func(g *model.Guest, s *series) { s.add(g.CPU.Usage) },
		},
		{
			name: "virt_guest_cpu_run_seconds_total", typ: counter, core: true,
			help:   "Time on a CPU of exactly those threads of which steal is taken. steal / (run + steal) is the steal ratio.",
			from:   "/proc/TID/schedstat, summed over all threads, of a virtual machine over its vCPU threads; source bpf, with threads that lived for a moment only",
			values: func(g *model.Guest, s *series) { s.add(g.CPU.Run) },
		},
		{
			name: "virt_guest_cpu_steal_seconds_total", typ: counter, core: true,
			help:   "Thread-seconds in which CPU work of the guest was runnable and did not run, its own quota and its own other threads included. For a virtual machine it is what KVM reports to it as steal.",
			from:   "/proc/TID/schedstat, summed over all threads, of a virtual machine over its vCPU threads; libvirt vcpu.N.delay where /proc may not be read; source bpf, with threads that lived for a moment only",
			values: func(g *model.Guest, s *series) { s.add(g.CPU.Steal) },
		},
		{
			name: "virt_guest_cpu_steal_by_seconds_total", typ: counter, core: true,
			labels: []string{"cause", "culprit", "method"},
			help:   "The guest's steal by cause. Increases sum to the increase of virt_guest_cpu_steal_seconds_total; what was measured may follow a scrape later.",
			from:   "source bpf: who ran while the guest's threads waited; where that is not to be had, throttled time, and an estimate from who used more of the guest's CPUs than its share",
			values: func(g *model.Guest, s *series) {
				if parts := g.Blame.Steal; parts != nil {
					s.stolen(parts)
				} else {
					s.stolen(g.CPU.StealBy)
				}
			},
		},
		{
			name: "virt_guest_cpu_steal_coverage_ratio", typ: gauge,
			help:   "Part of the guest's CPU time of the last minutes whose waits could be seen. Short-lived threads are why it may be under 1; absent while the guest is idle.",
			from:   "run ÷ usage",
			values: func(g *model.Guest, s *series) { s.add(g.CPU.StealCoverage) },
		},
		{
			name: "virt_guest_cpu_throttled_seconds_total", typ: counter, core: true,
			help:   "Time that CPU quotas held the guest, its own and those above it, per CPU queue as the kernel counts it. Not thread-seconds: never subtract it from steal.",
			from:   "cpu.stat.local, or cpu.stat of every level before Linux 6.6; libvirt's vcpuN, emulator and iothreadN groups included",
			values: func(g *model.Guest, s *series) { s.add(g.CPU.Throttled) },
		},
		{
			name: "virt_guest_cpu_periods_total", typ: counter,
			help:   "Enforcement periods of the guest's own CPU quota. Absent where it never had one.",
			from:   "cpu.stat",
			values: func(g *model.Guest, s *series) { s.add(g.CPU.Periods) },
		},
		{
			name: "virt_guest_cpu_throttled_periods_total", typ: counter,
			help:   "Enforcement periods in which the guest's own CPU quota was used up.",
			from:   "cpu.stat",
			values: func(g *model.Guest, s *series) { s.add(g.CPU.ThrottledPeriods) },
		},
		{
			name: "virt_guest_cpu_burst_seconds_total", typ: counter,
			help:   "CPU time that the guest used beyond its quota out of saved burst.",
			from:   "cpu.stat",
			values: func(g *model.Guest, s *series) { s.add(g.CPU.Burst) },
		},
		{
			name: "virt_guest_cpu_limit_cores", typ: gauge,
			help:   "Smallest CPU quota over the guest's levels, in CPUs; the sum of its vCPUs' is one of them. Absent when unlimited.",
			from:   "cpu.max, cpu.cfs_quota_us; libvirt's <cputune>",
			values: func(g *model.Guest, s *series) { s.add(g.CPU.LimitCores) },
		},
		{
			name: "virt_guest_cpu_weight", typ: gauge,
			help:   "CPU weight of the guest's own cgroup, 100 by default; the shares of cgroup v1 are converted, 1024 being 100.",
			from:   "cpu.weight, cpu.shares",
			values: func(g *model.Guest, s *series) { s.add(g.CPU.Weight) },
		},
		{
			name: "virt_guest_cpu_entitled_cores", typ: gauge,
			help:   "CPUs that the guest may claim while others want theirs: its share by the weights of each level among those that are busy, with its part of what they leave, within its quota and its cpuset. Who uses more takes what nobody else wanted, or what others wait for.",
			from:   "an estimate, from cpu.weight, cpu.shares, cpu.max, cpusets and what was used in the last seconds",
			values: func(g *model.Guest, s *series) { s.add(g.Blame.EntitledCPUs) },
		},
		{
			name: "virt_guest_cpus", typ: gauge, core: true,
			help:   "vCPUs; for a container the CPUs of its effective cpuset.",
			from:   "cpuset.cpus.effective, or that of the next level above; vCPU threads, libvirt vcpu.current",
			values: func(g *model.Guest, s *series) { s.add(g.CPU.CPUs) },
		},
		{
			name: "virt_guest_cpu_steal_latency_seconds", typ: histo, core: true,
			help:   "Single waits for a CPU, of the threads of which steal is taken. A wait in which a thread moved to another CPU may count from there on only.",
			from:   "source bpf: /proc/TID/schedstat's waits, one by one",
			values: func(g *model.Guest, s *series) { s.histogram(g.CPU.StealLatency) },
		},
	}
}

func pressureRows() []row[model.Guest] {
	return []row[model.Guest]{
		{
			name: "virt_guest_pressure_waiting_seconds_total", typ: counter, core: true, labels: []string{"resource"},
			help: "Time in which some tasks of the guest waited for the resource (PSI some).",
			from: "cpu.pressure, memory.pressure, io.pressure of the guest's own cgroup",
			values: func(g *model.Guest, s *series) {
				s.add(g.Pressure.CPUWaiting, "cpu")
				s.add(g.Pressure.MemoryWaiting, "memory")
				s.add(g.Pressure.IOWaiting, "io")
			},
		},
		{
			name: "virt_guest_pressure_stalled_seconds_total", typ: counter, core: true, labels: []string{"resource"},
			help: "Time in which all non-idle tasks of the guest waited for the resource (PSI full).",
			from: "cpu.pressure, memory.pressure, io.pressure, irq.pressure of the guest's own cgroup",
			values: func(g *model.Guest, s *series) {
				s.add(g.Pressure.CPUStalled, "cpu")
				s.add(g.Pressure.MemoryStalled, "memory")
				s.add(g.Pressure.IOStalled, "io")
				s.add(g.Pressure.IRQStalled, "irq")
			},
		},
	}
}

// stolen gives the parts of a stall.
func (s *series) stolen(parts []model.Stolen) {
	for i := range parts {
		part := &parts[i]
		s.add(model.Some(part.Seconds), string(part.Cause), part.Culprit, string(part.Method))
	}
}
