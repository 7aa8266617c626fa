package collector

import "github.com/virt-exporter/virt_exporter/collector/model"

// nodeRows is the table of what is said of the machine itself.
func nodeRows() []row[model.Node] {
	return []row[model.Node]{
		{
			name: "virt_node_info", typ: gauge, core: true, labels: []string{"role", "hypervisor", "product", "vm_key"},
			help:   "What the exporter runs on, always 1: role is host, vm or container.",
			from:   "CPUID, DMI, /sys/hypervisor, device tree",
			values: func(n *model.Node, s *series) { s.add1(string(n.Role), n.Hypervisor, n.Product, n.VMKey) },
		},
		{
			name: "virt_node_cpu_steal_seconds_total", typ: counter, core: true,
			help:   "CPU time that the hypervisor below gave to others while this machine had work, over all CPUs.",
			from:   "/proc/stat",
			values: func(n *model.Node, s *series) { s.add(n.CPUSteal) },
		},
		{
			name: "virt_node_cpu_usage_seconds_total", typ: counter, core: true,
			help:   "CPU time that this machine used, over all CPUs; steal, idle and waiting for I/O excluded.",
			from:   "/proc/stat",
			values: func(n *model.Node, s *series) { s.add(n.CPUUsage) },
		},
		{
			name: "virt_node_cpus", typ: gauge, core: true,
			help:   "CPUs that are online.",
			from:   "/proc/stat",
			values: func(n *model.Node, s *series) { s.add(n.CPUs) },
		},
		{
			name: "virt_node_pressure_waiting_seconds_total", typ: counter, labels: []string{"resource"},
			help: "Time in which some tasks of this machine waited for the resource (PSI some).",
			from: "/proc/pressure",
			values: func(n *model.Node, s *series) {
				s.add(n.Pressure.CPUWaiting, "cpu")
				s.add(n.Pressure.MemoryWaiting, "memory")
				s.add(n.Pressure.IOWaiting, "io")
			},
		},
		{
			name: "virt_node_pressure_stalled_seconds_total", typ: counter, labels: []string{"resource"},
			help: "Time in which all non-idle tasks of this machine waited for the resource (PSI full).",
			from: "/proc/pressure",
			values: func(n *model.Node, s *series) {
				s.add(n.Pressure.MemoryStalled, "memory")
				s.add(n.Pressure.IOStalled, "io")
				s.add(n.Pressure.IRQStalled, "irq")
			},
		},
		{
			name: "virt_node_memory_bytes", typ: gauge, core: true,
			help:   "Memory that the kernel of this machine manages.",
			from:   "/proc/meminfo",
			values: func(n *model.Node, s *series) { s.add(n.Memory) },
		},
		{
			name: "virt_node_vcpus_allocated", typ: gauge, core: true,
			help:   "vCPUs of the virtual machines of this machine that are not shut off or crashed. Absent unless those of each are known.",
			from:   "virt_guest_cpus",
			values: func(n *model.Node, s *series) { s.add(n.VCPUsAllocated) },
		},
		{
			name: "virt_node_memory_allocated_bytes", typ: gauge, core: true,
			help:   "Memory with which the virtual machines of this machine that are not shut off or crashed were configured. Absent unless that of each is known.",
			from:   "virt_guest_memory_balloon_maximum_bytes",
			values: func(n *model.Node, s *series) { s.add(n.MemoryAllocated) },
		},
		{
			name: "virt_node_oom_kills_total", typ: counter,
			help:   "Processes killed for want of memory, of this machine or of a cgroup.",
			from:   "/proc/vmstat",
			values: func(n *model.Node, s *series) { s.add(n.OOMKills) },
		},
	}
}
