package blame

import (
	"math"
	"strings"
)

// cpuTree is how groups lie in each other, as the scheduler sees it.
type cpuTree struct {
	stale  bool
	count  int               // of the groups of the reading that are in it
	byPath map[string]*group // they, and the cgroups in between
	order  []*group          // those around others before what is in them, the root first
	filler []*group          // cgroups of which nothing is known
	used   int               // of filler
}

// cpuLevels is the number of levels of which weights are looked at: a cgroup below
// that counts as one at the top. Guests may nest theirs as deep as they like.
const cpuLevels = 32

// plant builds the tree anew if other groups are there than before.
func (t *cpuTree) plant(r *cpuRing) {
	whole := !t.stale && t.count == len(r.here) && len(t.order) > 0
	for i := 0; whole && i < len(r.here); i++ {
		whole = r.here[i].planted
	}
	if whole {
		return
	}
	for _, g := range t.order {
		g.up, g.child, g.next, g.planted = nil, nil, nil, false
	}
	if t.byPath == nil {
		t.byPath = make(map[string]*group)
	}
	clear(t.byPath)
	t.byPath["/"], t.byPath[""] = r.root, r.root
	t.used, t.count, t.stale = 0, len(r.here), false
	for _, g := range r.here {
		g.planted = true
		if t.byPath[g.cgroup] == nil {
			t.byPath[g.cgroup] = g
		}
	}
	for _, g := range r.here {
		g.up = t.place(g)
	}
	for i := 0; i < t.used; i++ { // which finds more of them
		t.filler[i].up = t.above(t.filler[i].cgroup)
	}
	for _, g := range r.here {
		if p := r.labels[g.parent]; p != nil && p.gen == r.gen && !g.in(p) && !p.in(g) {
			g.up = p // no path says so, but somebody knows
		}
	}
	t.arrange(r)
}

// place finds what is around g by its path. A machine without a cgroup of its own
// lies in the one in which it runs with others, and so does the second guest of
// one path.
func (t *cpuTree) place(g *group) *group {
	switch own := t.byPath[g.cgroup]; {
	case g.cgroup == "":
		return t.at(g.within)
	case own != g:
		return own
	default:
		return t.above(g.cgroup)
	}
}

// in reports whether g is p or lies in it.
func (g *group) in(p *group) bool {
	for ; g != nil; g = g.up {
		if g == p {
			return true
		}
	}
	return false
}

// above returns the group around the cgroup at path.
func (t *cpuTree) above(path string) *group {
	return t.at(path[:max(strings.LastIndexByte(path, '/'), 0)])
}

// at returns the group of the cgroup at path. Every directory is a level at which
// weights count, so one that is not known is put in with the default weight.
func (t *cpuTree) at(path string) *group {
	if g := t.byPath[path]; g != nil {
		return g
	}
	if strings.Count(path, "/") > cpuLevels {
		return t.byPath["/"]
	}
	if t.used == len(t.filler) {
		t.filler = append(t.filler, new(group))
	}
	g := t.filler[t.used]
	t.used++
	*g = group{cgroup: path, weight: defaultWeight, limit: math.Inf(1), ran: absent()}
	t.byPath[path] = g
	return g
}

// arrange lists the tree, what is around others first.
func (t *cpuTree) arrange(r *cpuRing) {
	for _, g := range r.here {
		g.next, g.up.child = g.up.child, g
	}
	for _, g := range t.filler[:t.used] {
		g.next, g.up.child = g.up.child, g
	}
	r.root.depth = 0
	t.order = append(t.order[:0], r.root)
	for i := 0; i < len(t.order); i++ {
		for c := t.order[i].child; c != nil; c = c.next {
			c.depth = t.order[i].depth + 1
			t.order = append(t.order, c)
		}
	}
}
