package blame

import (
	"strings"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// places knows which guests and units lie inside which. Each has a number: the
// guests in their order, then the units.
type places struct {
	guests int
	up     []int32          // the next one around it, or nobody
	byPath map[string]int32 // by cgroup
	byName map[string]int32 // guests by Name.String, where one names its parent
}

// nobody stands for no guest and no unit.
const nobody = -1

// deepest bounds a way up. Nothing real is nested so deep, and parents that name
// each other would be a way without an end.
const deepest = 16

// build looks at all anew. What there is says for each guest whether it is on this
// host and there at all.
func (p *places) build(guests []*model.Guest, units []model.Unit, there func(i int) bool) {
	p.guests = len(guests)
	p.up = p.up[:0]
	if p.byPath == nil {
		p.byPath, p.byName = make(map[string]int32), make(map[string]int32)
	}
	clear(p.byPath)
	clear(p.byName)
	for i := range units {
		if path := units[i].Path; path != "/" && path != "" {
			p.byPath[path] = int32(len(guests) + i)
		}
	}
	named := false
	for i, g := range guests {
		if !there(i) {
			continue
		}
		if g.Info.Cgroup != "" {
			p.byPath[g.Info.Cgroup] = int32(i)
		}
		named = named || g.Info.Parent != ""
	}
	for i, g := range guests {
		if named && there(i) {
			p.byName[g.String()] = int32(i)
		}
	}
	for i, g := range guests {
		p.up = append(p.up, p.around(int32(i), g))
	}
	for i := range units {
		p.up = append(p.up, p.above(units[i].Path))
	}
}

// around finds what a guest is in. A machine without a cgroup of its own is in that
// of its process.
func (p *places) around(i int32, g *model.Guest) int32 {
	if g.Info.Parent != "" {
		if j, ok := p.byName[g.Info.Parent]; ok && j != i {
			return j
		}
	}
	if g.Info.Cgroup != "" {
		return p.above(g.Info.Cgroup)
	}
	if j, ok := p.byPath[g.Within]; ok && j != i {
		return j
	}
	return p.above(g.Within)
}

// above finds the next one above a cgroup.
func (p *places) above(path string) int32 {
	for {
		slash := strings.LastIndexByte(path, '/')
		if slash <= 0 {
			return nobody
		}
		path = path[:slash]
		if j, ok := p.byPath[path]; ok {
			return j
		}
	}
}

// inside reports whether i lies in j, or is it.
func (p *places) inside(i, j int32) bool {
	for range deepest {
		if i == j {
			return true
		}
		if i == nobody {
			return false
		}
		i = p.up[i]
	}
	return false
}

// kin reports whether j is a guest that is inside i or around it, or is i.
func (p *places) kin(i, j int32) bool {
	return j >= 0 && int(j) < p.guests && (p.inside(i, j) || p.inside(j, i))
}
