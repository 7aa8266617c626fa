package collector

import (
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// counted are the counters that more than one source can give. A counter keeps
// its source for the whole life of its guest.
type counted int

const (
	countedUsage  counted = iota // CPU time
	countedSteal                 // run and steal, which belong together
	countedFaults                // major faults
	numCounters
)

// precedence says which source is believed. libvirt comes last, and is taken at
// all only for a machine of which nobody else gives the counter: what the kernel
// says is there also while a daemon hangs, and does not change its meaning with
// the daemon's version.
func precedence(c counted) []string {
	switch c {
	case countedUsage:
		// The cgroup's has every process of the machine, those included that
		// have ended; libvirt reads the same, or the process's alone.
		return []string{sourceCgroup, sourceVMM, sourceLibvirt}
	case countedSteal:
		// libvirt gives the same number of the kernel's, vCPU by vCPU.
		return []string{sourceVMM, sourceLibvirt}
	default:
		return []string{sourceCgroup, sourceVMM}
	}
}

// settled is how long a machine must be known without a process, where processes
// are listed, until libvirt's figures are taken in place of the kernel's.
const settled = 2 * time.Minute

// owner returns the source of a counter, nil if that has not given it in this
// scrape. A source takes a counter over only when those before it have told all
// that they know and did not give it.
func (m *machine) owner(k *kin, c counted, given func(*model.Guest) bool) *model.Guest {
	if name := m.owners[c]; name != "" {
		if g := *m.slot(name); g != nil && given(g) {
			return g
		}
		return nil
	}
	for _, name := range precedence(c) {
		if name == sourceLibvirt && m.name.VMHost == "" && k.lists(sourceVMM) && k.now < m.metAt+settled {
			return nil // its process may only be new, or was missed this once
		}
		g := *m.slot(name)
		if g != nil && given(g) {
			m.owners[c] = name
			return g
		}
		if !k.answered(name) {
			return nil
		}
	}
	return nil
}

// put makes one guest of what the sources say of a machine.
func (m *machine) put(k *kin) {
	m.guest = model.Guest{Name: m.name, IO: m.guest.IO[:0], CPU: model.CPU{StealBy: m.guest.CPU.StealBy[:0]}}
	g := &m.guest
	// The last one speaks first, and is overruled by those before it.
	if l := m.libvirt; l != nil {
		putLibvirt(g, l)
	}
	if c := m.cgroups; c != nil {
		putCgroup(g, c)
	}
	if v := m.vmm; v != nil {
		putVMM(g, v)
	}
	m.putCounters(k, g)
	m.explain(k, g)
}

// putLibvirt takes what the daemon says.
func putLibvirt(g, l *model.Guest) {
	g.Info, g.State = l.Info, l.State
	g.CPU.LimitCores, g.CPU.CPUs = l.CPU.LimitCores, l.CPU.CPUs
	g.Memory = l.Memory
	g.Memory.MajorFaults = model.Opt{}
	g.IO = append(g.IO, l.IO...)
	g.Network, g.HaltPoll, g.Exits, g.KVMEvents = l.Network, l.HaltPoll, l.Exits, l.KVMEvents
	g.Disks, g.Shares, g.OpenStack = l.Disks, l.Shares, l.OpenStack
	g.Migrating, g.MonitorAnswers = l.Migrating, l.MonitorAnswers
}

// putCgroup takes what the machine's own cgroup says.
func putCgroup(g, c *model.Guest) {
	fillInfo(&g.Info, &c.Info)
	g.Ended = c.Ended
	g.Pressure = c.Pressure
	g.CPU.ThrottledVCPUs = c.CPU.ThrottledVCPUs
	g.CPU.Throttled, g.CPU.Periods, g.CPU.ThrottledPeriods, g.CPU.Burst = c.CPU.Throttled, c.CPU.Periods, c.CPU.ThrottledPeriods, c.CPU.Burst
	g.CPU.Allowed = c.CPU.Allowed
	g.CPU.LimitCores, g.CPU.Weight = c.CPU.LimitCores.Min(g.CPU.LimitCores), c.CPU.Weight
	m, usage := &g.Memory, g.Memory.Usage
	m.WorkingSet, m.Limit, m.NUMA = c.Memory.WorkingSet, c.Memory.Limit, c.Memory.NUMA
	m.Anon, m.Swap = or(c.Memory.Anon, m.Anon), or(c.Memory.Swap, m.Swap)
	m.RefaultsAnon, m.RefaultsFile, m.Events = c.Memory.RefaultsAnon, c.Memory.RefaultsFile, c.Memory.Events
	m.Usage = usage // the cgroup's has the page cache of its disks, and no huge pages
	g.IO = append(g.IO, c.IO...)
	g.StartTime = c.StartTime
	if c.State == model.Paused {
		g.State = model.Paused // frozen: whatever else it was told to do
	}
}

// putVMM takes what the processes say.
func putVMM(g, v *model.Guest) {
	info := v.Info
	fillInfo(&info, &g.Info)
	g.Info = info
	g.Within = v.Within
	g.Ended = false
	if g.State == model.ShutOff {
		g.State = "" // it has a process: the daemon has not noticed
	}
	g.StartTime = v.StartTime
	g.CPU.Guest = v.CPU.Guest
	g.CPU.CPUs = or(v.CPU.CPUs, g.CPU.CPUs)
	if v.CPU.Allowed != nil {
		g.CPU.Allowed = v.CPU.Allowed // the cpuset's as well, and what pins single threads
	}
	g.Memory.Usage = or(v.Memory.Usage, g.Memory.Usage)
	g.Memory.Anon, g.Memory.Swap = or(g.Memory.Anon, v.Memory.Anon), or(g.Memory.Swap, v.Memory.Swap)
	g.Memory.BalloonMaximum = or(g.Memory.BalloonMaximum, v.Memory.BalloonMaximum)
	g.VMM, g.IODelay, g.Threads = v.VMM, v.IODelay, v.Threads
	g.Shares = mergeShares(g.Shares, v.Shares)
}

// fillInfo adds what to does not say.
func fillInfo(to, from *model.Info) {
	for _, f := range [...]struct {
		to   *string
		from string
	}{
		{&to.ID, from.ID},
		{&to.UUID, from.UUID},
		{&to.VMKey, from.VMKey},
		{&to.Parent, from.Parent},
		{&to.Cgroup, from.Cgroup},
		{&to.Image, from.Image},
		{&to.Accelerator, from.Accelerator},
		{&to.KubeNamespace, from.KubeNamespace},
		{&to.KubePod, from.KubePod},
		{&to.KubeContainer, from.KubeContainer},
		{&to.Project, from.Project},
	} {
		if *f.to == "" {
			*f.to = f.from
		}
	}
	if len(to.Labels) == 0 {
		to.Labels = from.Labels
	}
}

// or returns the first reading that is there.
func or(a, b model.Opt) model.Opt {
	if a != (model.Opt{}) {
		return a
	}
	return b
}

// putCounters takes each counter from its one source.
func (m *machine) putCounters(k *kin, g *model.Guest) {
	if from := m.owner(k, countedUsage, func(g *model.Guest) bool { return g.CPU.Usage != (model.Opt{}) }); from != nil {
		g.CPU.Usage = from.CPU.Usage
	}
	if from := m.owner(k, countedSteal, func(g *model.Guest) bool { return g.CPU.Steal != (model.Opt{}) }); from != nil {
		g.CPU.Run, g.CPU.Steal = from.CPU.Run, from.CPU.Steal
	}
	if from := m.owner(k, countedFaults, func(g *model.Guest) bool { return g.Memory.MajorFaults != (model.Opt{}) }); from != nil {
		g.Memory.MajorFaults = from.Memory.MajorFaults
	}
}

// explain splits the machine's steal by cause.
func (m *machine) explain(k *kin, g *model.Guest) {
	run, ok1 := g.CPU.Run.Get()
	steal, ok2 := g.CPU.Steal.Get()
	if !ok1 || !ok2 {
		return
	}
	held := or(g.CPU.ThrottledVCPUs, g.CPU.Throttled)
	m.split.Update(k.now, uint64(run*1e9), uint64(steal*1e9), held, g.CPU.CPUs.Or(1), m.owners[countedSteal] == sourceLibvirt)
	g.CPU.StealBy = m.split.Append(g.CPU.StealBy, held != (model.Opt{}))
}
