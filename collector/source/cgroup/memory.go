package cgroup

import (
	"fmt"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/kernel"
	"github.com/virt-exporter/virt_exporter/collector/model"
)

// memoryState is what must be remembered of a guest's memory. Its counters pass
// through counters of ours because old kernels forget what removed sub-cgroups
// had.
type memoryState struct {
	idle                                    bool          // nothing ran before its last reading
	charged                                 model.Opt     // bytes, page cache included
	nodesNext                               time.Duration // when to read the NUMA nodes again
	majorFaults, refaultsAnon, refaultsFile counter
}

// readMemory reads the memory charged to g, its sub-cgroups included. Of a
// guest in which nothing ran and whose usage is the same to the byte only that
// is read: memory.stat is the dearest of all files.
func (s *Source) readMemory(g *guest, m *model.Memory) {
	charged, limit := s.readBytes(g, fileMemoryUsage), s.limitMemory(g)
	told := g.oom.logged + g.oom.carriedKilled
	settled := g.idle && g.memory.idle // read once since it fell asleep: memory.stat lags behind by two seconds
	g.memory.idle = g.idle
	if settled && charged == g.memory.charged && m.Anon != (model.Opt{}) && told == g.oom.loggedThen {
		m.Limit = limit
		return
	}
	g.oom.loggedThen = told
	g.memory.charged = charged
	*m = model.Memory{Limit: limit, Swap: s.readBytes(g, fileMemorySwap), NUMA: m.NUMA}
	if !g.isVM() {
		m.Usage = charged // that of a virtual machine is what is resident, huge pages included
	}
	s.readMemoryStat(g, m)
	if s.layout.memory.v2 {
		s.readMemoryEvents(g, &m.Events)
	} else {
		s.readMemoryEventsV1(g, &m.Events)
	}
}

func (s *Source) readBytes(g *guest, id fileID) model.Opt {
	b := s.read(g, id)
	if b == nil {
		return model.Opt{}
	}
	v, unlimited, err := kernel.ParseValue(b)
	if !s.parsed(g, id, err) || unlimited {
		return model.Opt{}
	}
	return model.Some(float64(v))
}

func (s *Source) readMemoryStat(g *guest, m *model.Memory) {
	b := s.read(g, fileMemoryStat)
	if b == nil {
		return
	}
	var st kernel.MemoryStat
	var err error
	if s.layout.memory.v2 { // no function value: st would have to live on the heap
		err = kernel.ParseMemoryStat(b, &st)
	} else {
		err = kernel.ParseMemoryStatV1(b, &st)
	}
	if !s.parsed(g, fileMemoryStat, err) {
		return
	}
	m.Anon = model.Some(float64(st.Anon))
	m.MajorFaults = g.memory.majorFaults.pass(st.MajorFaults)
	if charged, ok := g.memory.charged.Get(); ok {
		m.WorkingSet = model.Some(max(charged-float64(st.InactiveFile), 0))
	}
	if st.HasRefaultsAnon {
		m.RefaultsAnon = g.memory.refaultsAnon.pass(st.RefaultsAnon)
	}
	if st.HasRefaultsFile {
		m.RefaultsFile = g.memory.refaultsFile.pass(st.RefaultsFile)
	}
	if st.HasSwap {
		m.Swap = model.Some(float64(st.Swap))
	}
}

func (s *Source) readMemoryEvents(g *guest, m *model.MemoryEvents) {
	b := s.read(g, fileMemoryEvents)
	if b == nil {
		return
	}
	var ev kernel.MemoryEvents
	if err := kernel.ParseMemoryEvents(b, &ev); !s.parsed(g, fileMemoryEvents, err) {
		return
	}
	m.Low, m.High, m.Max = model.Some(float64(ev.Low)), model.Some(float64(ev.High)), model.Some(float64(ev.Max))
	g.oom.oom.update(ev.OOM, g.atStart)
	g.oom.kills.update(ev.OOMKill, g.atStart)
	g.oom.readGen = s.gen
	m.OOM, m.OOMKill = model.Some(float64(g.ooms())), model.Some(float64(g.oomKills()))
}

// readMemoryEventsV1 reads what v1 has of them: failcnt counts how often the
// limit was met, which is v2's max, and oom_control counts kills, but only in
// the very cgroup of the victim: those of the directories below are added.
func (s *Source) readMemoryEventsV1(g *guest, m *model.MemoryEvents) {
	if b := s.read(g, fileMemoryFailcnt); b != nil {
		if v, _, err := kernel.ParseValue(b); s.parsed(g, fileMemoryFailcnt, err) {
			m.Max = model.Some(float64(v))
		}
	}
	if s.layout.memory.root == "" || !g.files[fileMemoryFailcnt].read {
		return
	}
	known, kills := false, g.oom.removed
	each := g.node.each
	if g.isVM() { // its parts are in other hierarchies
		each = func(f func(*node)) { f(g.node) }
	}
	each(func(n *node) {
		known = s.nodeKills(n) || known
		kills += n.kills.value
	})
	if known {
		g.oom.kills.value = max(g.oom.kills.value, kills)
		m.OOMKill = model.Some(float64(g.oomKills()))
	}
}

// nodeKills reads the kills in one directory, which the guests inside each
// other share. It is false if the kernel does not count them.
func (s *Source) nodeKills(n *node) bool {
	if n.killsGen == s.gen {
		return n.kills.known
	}
	n.killsGen = s.gen
	b, err := s.files.Read(&n.oomControl, s.layout.memory.root, n.path, "memory.oom_control")
	if err != nil {
		return false
	}
	kills, ok, err := kernel.ParseOOMControl(b)
	if err != nil {
		s.problems.Add(fmt.Errorf("parsing %s%s/memory.oom_control: %w", s.layout.memory.root, n.path, err))
		return false
	}
	if ok {
		n.kills.update(kills, n.born == 0)
	}
	return ok
}
