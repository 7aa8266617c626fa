package cgroup

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/identity"
	"github.com/virt-exporter/virt_exporter/collector/model"
)

// settleNames gives every guest its name, once. The oldest of a name keeps it.
func (s *Source) settleNames() {
	fresh := s.fresh[:0]
	for _, g := range s.guests {
		if !g.final {
			fresh = append(fresh, g)
		}
	}
	s.fresh = fresh
	slices.SortStableFunc(fresh, older)
	for _, g := range fresh {
		s.settleName(g)
	}
}

// older orders guests by their start. One without a thread has none: as
// unsigned numbers go, 0 less 1 is younger than all.
func older(a, b *guest) int {
	return cmp.Or(cmp.Compare(a.startedAt-1, b.startedAt-1), strings.Compare(a.node.path, b.node.path))
}

// settleName names g, or names it anew if a name was found late. After a while
// without one it keeps what it has.
func (s *Source) settleName(g *guest) {
	if g.name.Guest != "" {
		if s.now < g.asked+s.askAgain(g) {
			return
		}
		if s.ask(g); !g.who.Found {
			g.final = s.now > g.born+patience && !g.who.Denied
			return
		}
		s.releaseName(g)
	} else if g.parent != nil {
		s.ask(g)
	}
	if g.isNoGuest() {
		s.skipBelow(g.node)
		return
	}
	g.final = g.who.Found
	s.giveName(g)
	s.carryOOM(g)
	g.out.Info = s.info(g.node.path, &g.who)
}

// askAgain is how long to wait before the engines' files are asked again.
func (s *Source) askAgain(g *guest) time.Duration {
	return max((s.now-g.born)/2, time.Second)
}

func (s *Source) ask(g *guest) {
	g.asked = s.now
	if g.parent == nil {
		g.who = s.resolver.Resolve(g.node.path, g.match)
	} else {
		s.nested.ask(g)
	}
}

func (s *Source) giveName(g *guest) {
	name := model.Name{Kind: g.who.Kind, Runtime: g.who.Runtime, Guest: g.who.Name}
	if name.Guest == "" {
		name.Guest = g.shortID()
	}
	if s.taken(name, g) {
		s.collisions++
		plain := name.Guest
		for _, suffix := range []string{g.shortID(), g.who.ID, g.digest()} {
			if name.Guest = plain + "~" + suffix; !s.taken(name, g) {
				break
			}
		}
	}
	g.name = name
	s.names[name] = g
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
		ID: who.ID, UUID: who.UUID, Cgroup: valid(path), Image: valid(who.Image), Project: who.Project,
		KubeNamespace: who.KubeNamespace, KubePod: who.KubePod, KubeContainer: who.KubeContainer,
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
