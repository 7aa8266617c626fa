package vmm

import (
	"github.com/virt-exporter/virt_exporter/collector/identity"
	"github.com/virt-exporter/virt_exporter/collector/model"
)

// show fills in what a reading of m gives.
func (s *Source) show(m *machine) {
	g := &m.out
	g.Name = m.name
	g.Within = m.within
	if s.bootTime != 0 {
		g.StartTime = model.Some(s.bootTime + float64(m.main.start)*tick.Seconds())
	}
	showCPU(m, &g.CPU)
	showParts(m, &g.VMM)
	s.showShares(m)
	s.showThreads(m, &g.Threads)
	g.IODelay = model.Opt{}
	if s.delayacct {
		g.IODelay = model.Some(float64(m.delay) * tick.Seconds())
	}
}

func showCPU(m *machine, c *model.CPU) {
	*c = model.CPU{Usage: m.usage(), Allowed: m.affinity.allowed}
	if m.everVCPU {
		vcpu := &m.parts[model.VCPU]
		c.Run, c.Steal = nanoseconds(vcpu.run), nanoseconds(vcpu.wait)
	}
	switch {
	case m.roundRobin && m.vm.VCPUs > 0:
		c.CPUs = model.Some(float64(m.vm.VCPUs))
	case m.byTime: // those that have not run yet are not known
		c.CPUs = model.Some(float64(max(m.vcpus, m.vm.VCPUs)))
	case m.vcpus > 0 && !m.roundRobin:
		c.CPUs = model.Some(float64(m.vcpus))
	case m.vm.VCPUs > 0:
		c.CPUs = model.Some(float64(m.vm.VCPUs))
	}
	if m.accounted == accountingGuest {
		c.Guest = model.Some(float64(m.guestTicks) * tick.Seconds())
	}
}

// usage returns the CPU time of all processes of m since the exporter knows
// them.
func (m *machine) usage() model.Opt {
	ticks := m.ticks
	for _, p := range m.processes {
		ticks += p.total
	}
	return model.Some(float64(ticks) * tick.Seconds())
}

// showParts gives the components. What one of them did not have yet is absent.
func showParts(m *machine, v *model.VMM) {
	*v = model.VMM{}
	for c := range model.NumComponents {
		p := &m.parts[c]
		if !p.seen {
			continue
		}
		switch {
		case c != model.VCPU:
			v[c].CPU = nanoseconds(p.run)
			if p.threads {
				v[c].Steal = nanoseconds(p.wait)
			}
		case m.accounted == accountingGuest:
			v[model.VCPUHost].CPU = nanoseconds(m.outside)
		case m.accounted == accountingNone:
			v[model.VCPU].CPU = nanoseconds(p.run)
		}
	}
}

func nanoseconds(n uint64) model.Opt { return model.Some(float64(n) / 1e9) }

// describe fills in what does not change between readings.
func (m *machine) describe() {
	g, vm := &m.out, &m.vm
	g.Info = model.Info{
		ID: vm.ID, UUID: vm.UUID, VMKey: identity.VMKey(vm.UUID), Cgroup: m.own, Image: vm.Image, Accelerator: vm.Accelerator,
		KubeNamespace: vm.KubeNamespace, KubePod: vm.KubePod, Project: vm.Project,
	}
	if m.who.KubePod != "" {
		g.Info.KubeNamespace, g.Info.KubePod = m.who.KubeNamespace, m.who.KubePod
	}
	g.Shares = m.shares()
}
