package collector

import (
	"slices"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// vmmRows is the table of what it costs to run a virtual machine.
func vmmRows() []row[model.Guest] {
	return []row[model.Guest]{
		{
			name: "virt_guest_cpu_guest_seconds_total", typ: counter,
			help:   "Time of the virtual machine in guest mode, in steps of 10 ms. Absent where nobody accounts it (TCG, VirtualBox, VMware).",
			from:   "/proc/PID/stat (guest_time)",
			values: func(g *model.Guest, s *series) { s.add(g.CPU.Guest) },
		},
		{
			name: "virt_guest_vmm_cpu_seconds_total", typ: counter, core: true, labels: []string{"component"},
			help: "CPU that the host spends to run the virtual machine. vcpu_host is the vCPU threads outside guest mode, halt polling included, at a resolution of 10 ms; where guest time is not accounted, as after a minute of a KVM that shows none, vcpu is the whole of them. worker includes what short-lived threads ran.",
			from: "/proc/TID/schedstat, /proc/PID/stat of the hypervisor's process, its vhost workers, virtiofsd and other helpers",
			values: func(g *model.Guest, s *series) {
				for c := range model.NumComponents {
					s.add(g.VMM[c].CPU, c.String())
				}
			},
		},
		{
			name: "virt_guest_vmm_cpu_steal_seconds_total", typ: counter, core: true, labels: []string{"component"},
			help: "Thread-seconds in which helper threads of the virtual machine were runnable and did not run: where slow disks and slow networks hide.",
			from: "/proc/TID/schedstat",
			values: func(g *model.Guest, s *series) {
				for c := range model.NumComponents {
					s.add(g.VMM[c].Steal, c.String())
				}
			},
		},
		{
			name: "virt_guest_exits_total", typ: counter, labels: []string{"reason"},
			help: "Exits from guest mode by reason; other is what no reason of the list accounts for. The reasons are disjoint and differ by architecture.",
			from: "libvirt vcpu.N.*_exits, of KVM's statistics",
			values: func(g *model.Guest, s *series) {
				for i := range g.Exits {
					s.add(g.Exits[i].Count, g.Exits[i].Reason)
				}
			},
		},
		{
			name: "virt_guest_vmm_exits_total", typ: counter, labels: []string{"reason"},
			help: "Exits of the virtual machine's vCPUs that its hypervisor process had to handle, by KVM's reason: the dear ones.",
			from: "source bpf: kvm_userspace_exit",
			values: func(g *model.Guest, s *series) {
				for i := range g.VMMExits {
					s.add(g.VMMExits[i].Count, g.VMMExits[i].Reason)
				}
			},
		},
		{
			name: "virt_guest_kvm_exits_total", typ: counter, labels: []string{"reason"},
			help: "All exits of the virtual machine's vCPUs from guest mode, by the processor's own reason, as the kernel calls it on Intel, AMD or arm64 (ept_violation, npf, dabt_low). At most 24 of a machine: where there are more, the rarer ones are other.",
			from: "source bpf: kvm_exit",
			values: func(g *model.Guest, s *series) {
				for i := range g.KVMExits {
					s.add(g.KVMExits[i].Count, g.KVMExits[i].Reason)
				}
			},
		},
		{
			name: "virt_guest_kvm_events_total", typ: counter, labels: []string{"event"},
			help: "What else KVM counts of the vCPUs: directed yields are vCPUs that spun for a lock whose holder was not running, reported preemptions those that the guest can know of. They differ by architecture.",
			from: "libvirt vcpu.N.*, of KVM's statistics",
			values: func(g *model.Guest, s *series) {
				for i := range g.KVMEvents {
					s.add(g.KVMEvents[i].Count, g.KVMEvents[i].Event)
				}
			},
		},
		{
			name: "virt_guest_halt_poll_seconds_total", typ: counter, labels: []string{"result"},
			help: "CPU time that KVM spun for halted vCPUs: success if one was woken meanwhile, fail if it was for nothing.",
			from: "libvirt vcpu.N.halt_poll_*_ns, else cpu.haltpoll",
			values: func(g *model.Guest, s *series) {
				s.add(g.HaltPoll.Success, "success")
				s.add(g.HaltPoll.Fail, "fail")
			},
		},
	}
}

// diskRows is the table of what a virtual machine's disks lie on.
func diskRows() []row[model.Guest] {
	return []row[model.Guest]{
		{
			name: "virt_guest_disk_info", typ: gauge, core: true,
			labels: []string{"device", "host_device", "bus", "cache", "driver", "format"},
			help:   "What a virtual disk lies on, always 1. What is unknown is empty.",
			from:   "libvirt's domain XML",
			values: func(g *model.Guest, s *series) {
				for i := range g.Disks {
					d := &g.Disks[i]
					if slices.Contains(g.Disks[:i], *d) {
						continue // one series twice would spoil the exposition
					}
					s.add1(d.Device, d.HostDevice, d.Bus, d.Cache, d.Driver, d.Format)
				}
			},
		},
	}
}

// balloonRows is the table of a virtual machine's own memory.
func balloonRows() []row[model.Guest] {
	return []row[model.Guest]{
		{
			name: "virt_guest_memory_balloon_bytes", typ: gauge, core: true,
			help:   "Memory that the virtual machine has now: what it was configured with, less the balloon.",
			from:   "libvirt balloon.current",
			values: func(g *model.Guest, s *series) { s.add(g.Memory.Balloon) },
		},
		{
			name: "virt_guest_memory_balloon_maximum_bytes", typ: gauge,
			help:   "Memory with which the virtual machine was configured.",
			from:   "libvirt balloon.maximum; the hypervisor's command line",
			values: func(g *model.Guest, s *series) { s.add(g.Memory.BalloonMaximum) },
		},
		{
			name: "virt_guest_memory_available_bytes", typ: gauge, core: true,
			help:   "What the guest itself reports as usable without swapping. Absent where it does not report, see virt_guest_memory_balloon_updated_timestamp_seconds.",
			from:   "libvirt balloon.usable",
			values: func(g *model.Guest, s *series) { s.add(g.Memory.Available) },
		},
		{
			name: "virt_guest_memory_balloon_updated_timestamp_seconds", typ: gauge,
			help:   "When the guest last reported on its memory, in seconds since the epoch. Without a period (virsh dommemstat --period) it never does.",
			from:   "libvirt balloon.last-update",
			values: func(g *model.Guest, s *series) { s.add(g.Memory.BalloonUpdated) },
		},
		{
			name: "virt_guest_memory_guest_swap_bytes_total", typ: counter, labels: []string{"direction"},
			help: "Swapping inside the guest, as it reports it itself.",
			from: "libvirt balloon.swap_in, balloon.swap_out",
			values: func(g *model.Guest, s *series) {
				s.add(g.Memory.GuestSwapIn, "in")
				s.add(g.Memory.GuestSwapOut, "out")
			},
		},
		{
			name: "virt_guest_memory_numa_bytes", typ: gauge, labels: []string{"node"},
			help: "Memory of the virtual machine by NUMA node of the host. Absent on a host with one node.",
			from: "memory.numa_stat",
			values: func(g *model.Guest, s *series) {
				for i := range g.Memory.NUMA {
					s.add(g.Memory.NUMA[i].Bytes, g.Memory.NUMA[i].Node)
				}
			},
		},
	}
}
