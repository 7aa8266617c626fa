package cgroup

import (
	"cmp"
	"slices"
	"strings"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// maxUnits is the number of units that are read, the root left out.
const maxUnits = 256

// unit is a directory of the host's own, and what is kept of it between
// readings: open files and nothing else. Its numbers are the kernel's.
type unit struct {
	node   *node
	source usageSource
	files  [numFiles]guestFile
	out    model.Unit
}

// rank is who comes first where there are more directories than maxUnits.
type rank int

const (
	rankTop     rank = iota // directly below the root
	rankAbove               // holds guests, one below
	rankService             // services, the slices of users and nested slices
	rankDeep                // holds guests and is a pod, or further down: any number can be made
	rankHelper              // belongs to an engine, or to a guest for which there was no room
)

// candidate is a directory that may be a unit.
type candidate struct {
	node *node
	rank rank
}

// arrangeUnits chooses the units, when the tree has changed: what is directly
// below the root, what holds guests, and the services and slices of slices.
// Those that were units stay before new ones of their rank.
func (s *Source) arrangeUnits() {
	if !s.unitsChanged {
		return
	}
	s.unitsChanged = false
	found := s.aboveGuests(s.candidates[:0])
	for _, top := range s.root.children {
		found = s.addUnit(found, top, rankTop)
		for _, c := range top.children {
			if isUnitOf(base(top.path), base(c.path)) && !c.skip {
				found = s.addUnit(found, c, rankService)
			}
		}
	}
	s.candidates = found
	slices.SortFunc(found, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(old(a.node), old(b.node)), strings.Compare(a.node.path, b.node.path))
	})
	for _, c := range found[min(len(found), maxUnits):] {
		if !c.node.leftOut {
			s.dropped["units"]++ // once each
			c.node.leftOut = true
		}
	}
	s.takeUnits(found[:min(len(found), maxUnits)])
	clear(found) // it must not hold what has gone
}

// old is 0 for a directory that is a unit already.
func old(n *node) int {
	if n.unit != nil {
		return 0
	}
	return 1
}

// takeUnits makes the chosen directories the units, in the order of their paths.
func (s *Source) takeUnits(chosen []candidate) {
	was := slices.Clone(s.units)
	s.units = s.units[:0]
	for _, c := range chosen {
		u := c.node.unit
		if u == nil {
			u = &unit{node: c.node, out: model.Unit{Path: valid(c.node.path), Name: unitName(c.node.path)}}
		}
		c.node.unit = nil // so that those who keep theirs are told from the others
		s.units = append(s.units, u)
	}
	for _, u := range was {
		if u.node.unit == u {
			s.closeUnit(u)
		}
	}
	for _, u := range s.units {
		u.node.unit = u
	}
	slices.SortFunc(s.units, func(a, b *unit) int { return strings.Compare(a.node.path, b.node.path) })
}

// aboveGuests adds the directories that hold guests.
func (s *Source) aboveGuests(found []candidate) []candidate {
	for _, g := range s.trees {
		pod := g.match.PodUID != ""
		for n := g.node.parent; n.parent != nil && n.considered != s.gen; n = n.parent {
			r := rankDeep
			if !pod && n.parent.parent == s.root {
				r = rankAbove
			}
			if n.parent != s.root {
				found = s.addUnit(found, n, r)
			}
			pod = false // only the first is
		}
	}
	return found
}

// addUnit adds a directory of the host's own that was not considered yet. That
// of a virtual machine in which nothing runs is none.
func (s *Source) addUnit(found []candidate, n *node, r rank) []candidate {
	if n.considered == s.gen || n.owner != nil {
		return found
	}
	n.considered = s.gen
	if _, vacant := s.vacant[n]; vacant {
		return found
	}
	if n.skip {
		r = rankHelper
	}
	return append(found, candidate{n, r})
}

// isUnitOf reports whether a directory in one directly below the root is a unit
// whatever is in it. All else folds into the slice: scopes, sessions and what
// is named anew each time.
func isUnitOf(top, name string) bool {
	switch {
	case !strings.HasSuffix(top, ".slice"):
		return false
	case top == "user.slice":
		return strings.HasPrefix(name, "user-") && strings.HasSuffix(name, ".slice")
	case strings.HasSuffix(name, ".slice"):
		return top != "kubepods.slice" && top != "machine.slice" // there they are pods
	}
	return isService(name)
}

func isService(name string) bool {
	return strings.HasSuffix(name, ".service") && !strings.HasPrefix(name, "run-")
}

const (
	rootUnit    = "-.slice"
	maxUnitName = 3 << 10 // bytes: of a path, that is; the kernel bounds names
)

// unitName returns the name under which a directory of the host's own is known:
// the innermost slice or service, as long as no session, scope or transient
// service is between, or the path where systemd did not make it.
func unitName(path string) string {
	name, top, user := rootUnit, true, false
	for end := 0; end < len(path); top = false {
		start := end + 1
		if end = strings.IndexByte(path[start:], '/'); end < 0 {
			end = len(path)
		} else {
			end += start
		}
		part := path[start:end]
		switch {
		case strings.HasSuffix(part, ".slice") && (!user || isUnitOf("user.slice", part)), !user && isService(part):
			name = part
		case top && strings.HasSuffix(part, ".scope"):
			return cutName(part)
		case user, strings.HasSuffix(part, ".scope"), strings.HasSuffix(part, ".service"):
			return cutName(name)
		default:
			name = path[:end]
		}
		if user {
			break // whatever else a user has made is his
		}
		user = top && part == "user.slice"
	}
	return cutName(name)
}

func cutName(name string) string {
	return valid(name[:min(len(name), maxUnitName)])
}

// closeUnit lets go of the open files of a unit.
func (s *Source) closeUnit(u *unit) {
	for i := range u.files {
		s.files.Close(&u.files[i].File)
	}
	if u.node.unit == u {
		u.node.unit = nil
	}
}
