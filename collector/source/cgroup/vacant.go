package cgroup

import (
	"bytes"

	"github.com/virt-exporter/virt_exporter/collector/identity"
	"github.com/virt-exporter/virt_exporter/collector/kernel"
)

// vacancy is the directory of a virtual machine in which nothing runs: what a
// machine has left behind, or one that is about to start. It is no guest, and
// its name is free for another.
type vacancy struct {
	match     identity.Match
	known     bool    // oom and kills are
	oom, kill counter // what was counted in it so far is not the next one's
}

// vacantMost is how many old leftovers are looked at in one reading.
const vacantMost = 256

// settleVacant lets go of the virtual machines that have ended and left their
// directory behind, and makes guests of those that have started.
func (s *Source) settleVacant() {
	for _, g := range s.guests {
		if !g.isVM() || g.ended {
			continue
		}
		is, elsewhere := s.inhabited(g.node)
		if g.cpu.elsewhere = g.cpu.elsewhere || elsewhere; !is {
			s.vacate(g)
		}
	}
	old := 0
	for n, v := range s.vacant {
		if n.born == 0 || s.now > n.born+patience {
			if old++; old > vacantMost {
				continue // maps have no order: another reading comes to it
			}
		}
		if is, elsewhere := s.inhabited(n); is {
			s.occupy(n, v, elsewhere)
		} else if !v.known {
			s.countVacant(n, v)
		}
	}
}

// occupy makes a guest of a virtual machine that has started.
func (s *Source) occupy(n *node, v *vacancy, elsewhere bool) {
	delete(s.vacant, n)
	s.enlist(n, v.match)
	g := n.guest
	if g == nil {
		return // no room
	}
	g.cpu.elsewhere = elsewhere
	if v.known {
		g.oom.oom, g.oom.kills = v.oom, v.kill
	}
}

// vacate ends a virtual machine whose directory stays.
func (s *Source) vacate(g *guest) {
	n := g.node
	s.readKernelLog() // while the path is still the machine's
	s.readKills(g)
	s.vacant[n] = &vacancy{
		match: g.match, known: true,
		oom: counter{last: g.oom.oom.last, known: true}, kill: counter{last: g.oom.kills.last, known: true},
	}
	n.each(func(d *node) {
		d.kills.value = 0
		if d.owner == g {
			d.owner = g.parent
		}
	})
	if g.parent == nil {
		n.move(n.room, g.room)
	}
	s.end(g)
}

// readKills reads for the last time what befell a virtual machine.
func (s *Source) readKills(g *guest) {
	events := &g.out.Memory.Events
	if s.layout.memory.v2 {
		s.readMemoryEvents(g, events)
	} else {
		s.readMemoryEventsV1(g, events)
	}
}

// countVacant notes what was counted in a directory before anything ran there.
func (s *Source) countVacant(n *node, v *vacancy) {
	if !s.layout.memory.v2 {
		if s.layout.memory.root != "" {
			s.nodeKills(n)
		}
		n.kills.value = 0
		return
	}
	b := s.nodeFile(s.layout.memory, n, "memory.events")
	var ev kernel.MemoryEvents
	if b == nil || !s.nodeParsed(s.layout.memory, n, "memory.events", kernel.ParseMemoryEvents(b, &ev)) {
		return
	}
	v.known = true
	v.oom, v.kill = counter{last: ev.OOM, known: true}, counter{last: ev.OOMKill, known: true}
}

// inhabited reports whether a process runs in n or below, and if so whether that
// is seen in v1 alone, the unified hierarchy having no more than the directory.
// Where it cannot be seen, one does.
func (s *Source) inhabited(n *node) (is, elsewhere bool) {
	for i, h := range s.layout.walked {
		if !n.in(i) {
			continue
		}
		if h.v2 {
			if s.populated(n) {
				return true, false
			}
			elsewhere = true
			continue
		}
		n.each(func(d *node) { is = is || d.in(i) && s.hasTasks(h, d) })
		if is {
			return true, elsewhere
		}
	}
	return false, false
}

// populated asks the unified hierarchy, which knows of the directories below.
func (s *Source) populated(n *node) bool {
	root := s.layout.unified.root
	var b []byte
	var err error
	if g := n.guest; g != nil && s.layout.freezer.v2 {
		b, err = s.files.Read(&g.files[fileState].File, root, n.path, "cgroup.events") // where its state stands too
	} else {
		b, err = s.files.ReadOnce(root, n.path, "cgroup.events")
	}
	if err != nil {
		return !s.gone(n)
	}
	return !bytes.Contains(b, []byte("populated 0\n"))
}

// hasTasks reports whether a thread is in a directory of a v1 hierarchy.
func (s *Source) hasTasks(h hierarchy, n *node) bool {
	b, err := s.files.ReadOnce(h.root, n.path, "tasks")
	return len(b) > 0 || err != nil && !kernel.Gone(err)
}
