package cgroup

import (
	"time"

	"github.com/virt-exporter/virt_exporter/collector/identity"
	"github.com/virt-exporter/virt_exporter/collector/model"
)

// patience is how long a new directory of unknown kind is looked at again: an
// engine makes a container's cgroup before it writes the file that names it.
const patience = time.Minute

// classify decides what a directory that the walk found for the first time is.
func (s *Source) classify(n *node) {
	if n.skip {
		return
	}
	m, ok := identity.FromPath(n.path)
	if !ok && n.owner == nil && identity.Candidate(n.path) {
		if m, ok = s.resolver.Lookup(n.path); !ok {
			s.undecided[n] = s.now + patience
		}
	}
	if ok {
		s.admit(n, m)
	}
}

// retry looks again at the young directories whose kind is not known, and at
// those that found no room.
func (s *Source) retry() {
	for n, until := range s.undecided {
		m, ok := s.resolver.Lookup(n.path)
		if ok || s.now > until {
			delete(s.undecided, n)
		}
		if ok {
			s.admit(n, m)
		}
	}
	for n := range s.refused {
		if len(s.guests) >= s.opts.MaxGuests {
			return
		}
		delete(s.refused, n)
		n.skip = false
		s.classify(n)
	}
}

// admit makes the directory n a guest, unless it belongs to an engine, to a
// virtual machine, which other sources read, or to a pod as its pause container.
func (s *Source) admit(n *node, m identity.Match) {
	if m.Helper || m.Kind == model.VM {
		s.skipBelow(n)
		return
	}
	if len(s.guests) >= s.opts.MaxGuests {
		s.dropped["limit"]++
		s.refused[n] = struct{}{}
		s.skipBelow(n)
		return
	}
	outer := n.owner
	g := &guest{node: n, parent: outer, match: m, born: s.now, atStart: !s.walkedOnce}
	if outer == nil {
		g.who = s.resolver.Resolve(n.path, m)
		g.asked = s.now
		if g.isNoGuest() {
			s.skipBelow(n)
			return
		}
	}
	n.guest = g
	n.each(func(d *node) {
		if d.owner == outer {
			d.owner = g
		}
		if d.guest != nil && d.guest != g && d.guest.parent == outer {
			d.guest.parent = g
		}
	})
	s.guests = append(s.guests, g)
	s.guestsSorted = false
}

// isNoGuest reports whether the engines' files say that g is a pod's pause
// container, or a virtual machine, which its path did not tell.
func (g *guest) isNoGuest() bool { return g.who.Pause || g.who.Kind == model.VM }

// skipBelow leaves n and everything below it out of the walk.
func (s *Source) skipBelow(n *node) {
	n.each(func(d *node) {
		d.skip = true
		delete(s.undecided, d)
		if d.guest != nil {
			s.end(d.guest)
			d.guest = nil
		}
	})
}

// end lets go of a guest.
func (s *Source) end(g *guest) {
	s.closeFiles(g)
	s.releaseName(g)
	s.keepOOM(g)
	s.leavePod(g)
	for i, other := range s.guests {
		if other == g {
			s.guests = append(s.guests[:i], s.guests[i+1:]...)
			break
		}
	}
	for _, other := range s.guests {
		if other.parent == g {
			other.parent = g.parent
		}
	}
	g.node.guest = nil
	g.ended = true
}
