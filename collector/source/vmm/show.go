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
	g.IODelay = model.Opt{}
	if s.delayacct {
		g.IODelay = model.Some(float64(m.delay) * tick.Seconds())
	}
}

func showCPU(m *machine, c *model.CPU) {
	*c = model.CPU{Usage: m.usage()}
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

// shares returns the directories that the machine is given. What a daemon
// shares, only the daemon knows. One that was handed its socket open does not
// name it: where a single share and a single directory are left, they are one.
func (m *machine) shares() []model.Share {
	shares := append([]model.Share(nil), m.vm.Shares...)
	var unknown []*model.Share
	for i := range shares {
		share := &shares[i]
		if h := m.daemonAt(m.socketOf(share.Tag)); h != nil {
			share.Source, share.Cache = h.Source, h.Cache
		} else if share.Source == "" {
			unknown = append(unknown, share)
		}
	}
	if h := m.onlyDaemon(); h != nil && len(unknown) == 1 {
		unknown[0].Source, unknown[0].Cache = h.Source, h.Cache
	}
	return shares
}

// daemonAt returns the daemon that listens at a socket.
func (m *machine) daemonAt(socket string) *identity.Helper {
	for _, p := range m.processes {
		if socket != "" && p.help.Socket == socket {
			return &p.help
		}
	}
	return nil
}

// onlyDaemon returns what the daemons without a socket say if they all share one
// directory: each has a child of the same arguments.
func (m *machine) onlyDaemon() *identity.Helper {
	var only *identity.Helper
	for _, p := range m.processes {
		switch h := &p.help; {
		case h.Component != model.Virtiofsd || h.Socket != "" || h.Source == "":
		case only == nil:
			only = h
		case only.Source != h.Source:
			return nil
		}
	}
	return only
}

func (m *machine) socketOf(tag string) string {
	for _, s := range m.vm.Sockets {
		if s.Tag == tag {
			return s.Path
		}
	}
	return ""
}
