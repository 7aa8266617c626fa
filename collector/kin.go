package collector

import (
	"slices"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/blame"
	"github.com/virt-exporter/virt_exporter/collector/model"
)

// The sources that others of this package speak of.
const (
	sourceNode    = "node"
	sourceCgroup  = "cgroup"
	sourceVMM     = "vmm"
	sourceLibvirt = "libvirt"
	sourceFSProbe = "fsprobe"
	sourceBPF     = "bpf"
)

// kin finds out which guests of several sources are one virtual machine, and
// remembers of each what makes it one from scrape to scrape: its name, and the
// source of each of its counters.
type kin struct {
	views    []view
	now      time.Duration
	gen      uint64
	machines []*machine // that were seen lately
	current  []*machine // of this scrape

	byName   map[model.Name]*machine
	byUUID   map[string]*machine
	byCgroup map[string]*machine
}

// machine is one virtual machine.
type machine struct {
	name   model.Name
	uuid   string
	cgroup string
	start  model.Opt     // of its process: a new one is a new life of its counters
	metAt  time.Duration // when that life was first seen

	seen   uint64        // the last scrape with it
	seenAt time.Duration // and when
	owners [numCounters]string
	split  blame.Split
	guest  model.Guest
	health *health

	cgroups, vmm, libvirt *model.Guest // what the sources say in this scrape
}

// forgetAfter is how long a machine that is not seen keeps its name and the
// sources of its counters.
const forgetAfter = 10 * time.Minute

// begin starts a scrape.
func (k *kin) begin(views []view, now time.Duration) {
	k.views, k.now, k.gen = views, now, k.gen+1
	k.current = k.current[:0]
	k.machines = slices.DeleteFunc(k.machines, func(m *machine) bool {
		return m.seen+1 < k.gen && now-m.seenAt > forgetAfter // not those of the last scrape, however long ago
	})
	if k.byName == nil {
		k.byName, k.byUUID, k.byCgroup = make(map[model.Name]*machine), make(map[string]*machine), make(map[string]*machine)
	}
	clear(k.byName)
	clear(k.byUUID)
	clear(k.byCgroup)
	for _, m := range k.machines {
		m.cgroups, m.vmm, m.libvirt = nil, nil, nil
		k.know(m)
	}
}

// know makes a machine known by all that tells it from others. Of two with one
// UUID, clones that somebody forgot to give their own, it tells neither.
func (k *kin) know(m *machine) {
	k.byName[m.name] = m
	if m.cgroup != "" {
		k.byCgroup[m.cgroup] = m
	}
	if m.uuid == "" {
		return
	}
	if other, ok := k.byUUID[m.uuid]; ok && other != m {
		k.byUUID[m.uuid] = nil
		return
	}
	k.byUUID[m.uuid] = m
}

// meet notes what the i-th source says of a machine.
func (k *kin) meet(i int, g *model.Guest) {
	m := k.find(k.views[i].source, g)
	if m == nil {
		m = &machine{name: g.Name, metAt: k.now}
		k.machines = append(k.machines, m)
	}
	slot := m.slot(k.views[i].source)
	if *slot != nil {
		k.views[i].health.duplicates++
		return
	}
	*slot = g
	k.adopt(m, k.views[i].source, g)
	k.know(m)
	if m.seen != k.gen {
		m.seen, m.seenAt, m.health = k.gen, k.now, k.views[i].health
		k.current = append(k.current, m)
	}
}

// slot is where what a source says of m stands.
func (m *machine) slot(source string) **model.Guest {
	switch source {
	case sourceCgroup:
		return &m.cgroups
	case sourceVMM:
		return &m.vmm
	default:
		return &m.libvirt
	}
}

// find returns the machine that g is, or nil for one that is not known. A cgroup
// belongs to one machine alone; a name does unless the UUIDs differ; and a UUID
// does where it is not that of two. On another host all is another's.
func (k *kin) find(source string, g *model.Guest) *machine {
	free := func(m *machine) bool { return m != nil && m.name.VMHost == g.VMHost && *m.slot(source) == nil }
	if m := k.byCgroup[g.Info.Cgroup]; g.Info.Cgroup != "" && free(m) {
		return m
	}
	if m := k.byName[g.Name]; free(m) && m.mayBe(source, g) {
		return m
	}
	if m := k.byName[g.Name]; m != nil { // two are called so
		for _, m := range k.machines {
			if m.name == g.Name && free(m) && m.mayBe(source, g) {
				return m
			}
		}
	}
	if m := k.byUUID[g.Info.UUID]; g.Info.UUID != "" && free(m) && m.name.Runtime == g.Runtime {
		return m
	}
	return nil
}

// mayBe reports whether nothing says that g, which is called like m, is another:
// not its UUID, and not that it runs elsewhere.
func (m *machine) mayBe(source string, g *model.Guest) bool {
	if source == sourceVMM && g.Info.UUID == "" && m.uuid != "" && m.start == (model.Opt{}) && !within(g.Within, m.cgroup) {
		return false // libvirt gives every process its domain's UUID
	}
	if m.vmm != nil && g.State == model.ShutOff && m.uuid != g.Info.UUID {
		return false // what does not run has no process
	}
	if m.uuid != "" && g.Info.UUID != "" && m.uuid != g.Info.UUID {
		return false
	}
	return m.cgroup == "" || g.Within == "" || within(g.Within, m.cgroup)
}

// adopt takes over what identifies the machine. Its name is what its process
// says, for that is there as long as the machine is; libvirt names those that
// have none, and a cgroup those of which nobody else knows.
func (k *kin) adopt(m *machine, source string, g *model.Guest) {
	hadNone := m.start == (model.Opt{}) || g.State == model.ShutOff // a process; it may only have been missed this once
	if source == sourceVMM || source == sourceLibvirt && m.vmm == nil && hadNone && k.answered(sourceVMM) {
		m.name = g.Name
	}
	if source == sourceLibvirt && g.State == model.ShutOff && m.vmm == nil {
		m.owners, m.metAt = [numCounters]string{}, k.now // when it is started it has another life
	}
	if g.Info.UUID != "" {
		m.uuid = g.Info.UUID
	}
	if g.Info.Cgroup != "" {
		m.cgroup = g.Info.Cgroup
	}
	if source == sourceVMM && g.StartTime != (model.Opt{}) {
		if m.start != (model.Opt{}) && m.start != g.StartTime {
			m.owners, m.metAt = [numCounters]string{}, k.now // it was started again
		}
		m.start = g.StartTime
	}
}

// merge returns the machines of this scrape.
func (k *kin) merge() []*machine {
	k.current = slices.DeleteFunc(k.current, k.phantom)
	for _, m := range k.current {
		m.put(k)
	}
	return k.current
}

// phantom reports whether a machine is nothing but a directory: engines make
// them before the machine is there, and some leave them behind. Where processes
// are listed, one that is there has one; what it was killed for stays.
func (k *kin) phantom(m *machine) bool {
	return m.vmm == nil && m.libvirt == nil && !m.cgroups.Ended && k.lists(sourceVMM)
}

// lists reports whether a source has told all that it knows.
func (k *kin) lists(source string) bool {
	return slices.ContainsFunc(k.views, func(v view) bool { return v.source == source && v.lists() })
}

// answered reports whether nothing more is to be heard of a source in this
// scrape.
func (k *kin) answered(source string) bool {
	for i := range k.views {
		if k.views[i].source == source {
			return k.views[i].answered
		}
	}
	return true // it is switched off
}
