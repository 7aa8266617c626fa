package cgroup

import (
	"slices"
	"strings"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/identity"
	"github.com/virt-exporter/virt_exporter/collector/model"
)

// patience is how long a new directory of unknown kind is looked at again: an
// engine makes a container's cgroup before it writes the file that names it.
const patience = time.Minute

// maxUndecided bounds the directories that are looked at again.
const maxUndecided = 256

// classify decides what a directory that the walk found for the first time is.
func (s *Source) classify(n *node) {
	if n.skip {
		return
	}
	m, ok := identity.FromPath(n.path)
	if !ok && n.room == s.root.room && identity.Candidate(n.path) {
		if m, ok = s.resolver.Lookup(n.path); !ok && len(s.undecided) < maxUndecided {
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
		if s.live >= s.opts.MaxGuests {
			return
		}
		if !n.room.admits() {
			continue
		}
		delete(s.refused, n)
		for _, c := range n.children {
			s.drop(c)
		}
		n.skip, n.children = false, nil // the walk finds them anew
		s.classify(n)
	}
}

// admit makes the directory n a guest, unless it belongs to an engine. That of a
// virtual machine is one as soon as the machine is seen to run.
func (s *Source) admit(n *node, m identity.Match) {
	switch {
	case m.Helper:
		s.skipBelow(n)
	case m.Kind == model.VM:
		s.vacant[n] = &vacancy{match: m}
	default:
		s.enlist(n, m)
	}
}

// enlist makes the directory n a guest, unless there is no room or it belongs to
// a pod as its pause container.
func (s *Source) enlist(n *node, m identity.Match) {
	if s.live >= s.opts.MaxGuests || !n.room.admits() {
		s.dropped["limit"]++
		s.skipBelow(n)
		s.refused[n] = struct{}{}
		return
	}
	outer := n.owner
	g := &guest{node: n, parent: outer, match: m, born: s.now, atStart: !s.walkedOnce, room: n.room}
	if g.isVM() && n.born == 0 {
		g.atStart = true // it may have started later, in a directory with a past
	}
	g.who = identity.Who{Kind: m.Kind, Runtime: m.Runtime, ID: m.ID, Name: m.Name}
	if !s.foreign(g) {
		g.who, g.asked = s.resolver.Resolve(n.path, m), s.now
		if g.isNoGuest() {
			s.skipBelow(n)
			return
		}
	}
	s.live++
	n.room.guests++
	inside := n.room
	if outer == nil {
		inside = &room{maxDirs: tenantDirs, maxGuests: innerGuest}
		n.move(n.room, inside)
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
	n.room = inside // of what is below; its own place is its parent's
	s.guests = append(s.guests, g)
	s.changed = true
}

// isNoGuest reports whether the engines' files say that g is a pod's pause
// container, or a virtual machine, which its path did not tell.
func (g *guest) isNoGuest() bool { return g.who.Pause || g.who.Kind == model.VM && !g.isVM() }

// skipBelow leaves n and everything below it out of the walk.
func (s *Source) skipBelow(n *node) {
	n.each(func(d *node) {
		d.skip = true
		delete(s.undecided, d)
		delete(s.vacant, d)
		if d.guest != nil {
			owner := d.guest.parent
			s.end(d.guest)
			d.each(func(below *node) { below.owner = owner })
		}
	})
}

// end lets go of a guest. The list of guests is put in order later, once for
// all that end in one reading.
func (s *Source) end(g *guest) {
	s.closeFiles(g)
	s.releaseName(g)
	s.keepOOM(g)
	s.leavePod(g)
	g.node.guest = nil
	g.ended = true
	g.room.guests--
	s.live--
	s.changed = true
}

// arrange puts the guests in the order of their paths, so that every exposition
// has the same order, and lists the outermost ones.
func (s *Source) arrange() {
	if !s.changed {
		return
	}
	s.changed, s.unitsChanged = false, true
	s.guests = slices.DeleteFunc(s.guests, func(g *guest) bool { return g.ended })
	slices.SortFunc(s.guests, func(a, b *guest) int { return strings.Compare(a.node.path, b.node.path) })
	s.trees = s.trees[:0]
	for _, g := range s.guests {
		g.inner = g.inner[:0]
	}
	for _, g := range s.guests {
		if g.parent == nil {
			s.trees = append(s.trees, g)
		} else {
			g.parent.inner = append(g.parent.inner, g)
		}
	}
}
