package cgroup

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/identity"
	"github.com/virt-exporter/virt_exporter/collector/model"
)

// settleNames gives every guest that was visited its name, once. Of a name, the
// outermost guest has the first claim to it and then the oldest.
func (s *Source) settleNames() {
	fresh := s.fresh[:0]
	for _, g := range s.guests {
		if !g.final && (g.visited == s.gen || g.name.Guest != "") {
			fresh = append(fresh, g)
		}
	}
	s.fresh = fresh
	slices.SortStableFunc(fresh, firstClaim)
	for _, g := range fresh {
		s.settleName(g)
	}
}

// firstClaim orders guests by their claim to a name. One without a thread has
// no start: as unsigned numbers go, 0 less 1 is younger than all.
func firstClaim(a, b *guest) int {
	return cmp.Or(
		cmp.Compare(a.depth(), b.depth()),
		cmp.Compare(a.startedAt-1, b.startedAt-1),
		strings.Compare(a.node.path, b.node.path),
	)
}

// depth is the number of guests around g.
func (g *guest) depth() (n int) {
	for ; g.parent != nil; g = g.parent {
		n++
	}
	return n
}

// settleName names g, or names it anew if a name was found late. After a while
// without one it keeps what it has.
func (s *Source) settleName(g *guest) {
	if g.ended {
		return
	}
	named := g.name.Guest != ""
	if named && s.now < g.asked+s.askAgain(g) {
		return
	}
	if named || s.foreign(g) {
		s.ask(g)
	}
	if g.isNoGuest() {
		s.skipBelow(g.node)
		return
	}
	if named && !g.who.Found {
		g.final = s.now > g.born+patience && !g.who.Denied && !g.who.Late && g.answer == nil
		return
	}
	if named {
		s.releaseName(g)
	}
	g.final = g.who.Found
	s.giveName(g)
	s.carryOOM(g)
	g.out.Info = s.info(g.node.path, &g.who)
	g.who.Labels = nil // those that were asked for are in the info now
}

// askAgain is how long to wait before the engines' files are asked again. Those on a
// file system that hangs may answer at any time, and to ask them costs next to nothing.
func (s *Source) askAgain(g *guest) time.Duration {
	const mostLate = 10 * time.Second
	again := max((s.now-g.born)/2, time.Second)
	if g.who.Late {
		return min(again, mostLate)
	}
	return again
}

func (s *Source) ask(g *guest) {
	g.asked = s.now
	if s.foreign(g) {
		if g.parent != nil {
			s.eye(g.parent)
		}
		s.background.ask(g)
		return
	}
	g.who = s.resolver.Resolve(g.node.path, g.match)
}

func (s *Source) giveName(g *guest) {
	name := model.Name{Kind: g.who.Kind, Runtime: valid(g.who.Runtime), Guest: valid(g.who.Name)}
	if name.Guest == "" {
		name.Guest = g.shortID()
	}
	holder := s.names[name]
	if holder != nil && holder != g && holder.parent != nil && g.parent == nil {
		// What a tenant calls a guest of his own must not cost the host's
		// guest its name.
		s.setName(g, name)
		s.collisions++
		s.setName(holder, s.distinct(holder, name))
		return
	}
	if s.taken(name, g) {
		s.collisions++
		name = s.distinct(g, name)
	}
	s.setName(g, name)
}

func (s *Source) setName(g *guest, name model.Name) {
	g.name = name
	s.names[name] = g
}

// distinct adds to a name what tells g apart.
func (s *Source) distinct(g *guest, name model.Name) model.Name {
	plain := name.Guest
	for _, suffix := range []string{g.shortID(), valid(g.who.ID), g.digest()} {
		if name.Guest = plain + "~" + suffix; !s.taken(name, g) {
			break
		}
	}
	for s.taken(name, g) {
		name.Guest += "~"
	}
	return name
}

func (s *Source) taken(name model.Name, g *guest) bool {
	holder, taken := s.names[name]
	return taken && holder != g
}

func (s *Source) releaseName(g *guest) {
	if s.names[g.name] == g {
		delete(s.names, g.name)
	}
}

// info fills what the info family says of a guest.
func (s *Source) info(path string, who *identity.Who) model.Info {
	info := model.Info{
		ID: valid(who.ID), UUID: valid(who.UUID), Cgroup: valid(path), Image: valid(who.Image), Project: valid(who.Project),
		KubeNamespace: valid(who.KubeNamespace), KubePod: valid(who.KubePod), KubeContainer: valid(who.KubeContainer),
	}
	if len(s.opts.Labels) > 0 {
		info.Labels = make([]string, len(s.opts.Labels))
		for i, key := range s.opts.Labels {
			info.Labels[i] = valid(who.Labels[key])
		}
	}
	return info
}

// valid makes a label value of any bytes: the exposition is UTF-8.
func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
