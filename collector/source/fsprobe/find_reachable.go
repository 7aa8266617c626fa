package fsprobe

import "github.com/virt-exporter/virt_exporter/collector/kernel"

// reachable returns the mounts whose root a path leads to. Others lie hidden below
// one that was mounted later, on the same directory or on one above.
func reachable(mounts []kernel.Mount) []kernel.Mount {
	t := mountTree{
		mounts: mounts, state: make([]reach, len(mounts)),
		byID: make(map[uint64]int, len(mounts)), at: make(map[spot]int, len(mounts)),
	}
	for i := range mounts {
		t.byID[mounts[i].ID] = i
		t.at[t.spotOf(i, mounts[i].Mountpoint)] = i
	}
	kept := make([]kernel.Mount, 0, len(mounts))
	for i := range mounts {
		if t.onWay(i) && !t.covered(i) {
			kept = append(kept, mounts[i])
		}
	}
	return kept
}

// mountTree is the tree of mounts: each is mounted on a directory of its parent.
type mountTree struct {
	mounts []kernel.Mount
	state  []reach
	byID   map[uint64]int
	at     map[spot]int // the mount on a directory of another
}

type spot struct {
	parent uint64
	path   string
}

// spotOf returns the place below the parent of mount i. The first mount of a
// namespace may be its own parent: then it is on nothing.
func (t *mountTree) spotOf(i int, path string) spot {
	m := &t.mounts[i]
	if m.Parent == m.ID {
		return spot{path: path}
	}
	return spot{m.Parent, path}
}

type reach int8

const (
	reachUnknown reach = iota
	reachAsked
	reachNo
	reachYes
)

// onWay reports whether paths lead to where mount i is mounted: to its parent, and
// there past no other mount.
func (t *mountTree) onWay(i int) bool {
	var chain []int // from i up to one that is known, without recursion: chains may be long
	for t.state[i] == reachUnknown {
		t.state[i] = reachAsked // as long as it is, a cycle that no kernel writes ends here
		chain = append(chain, i)
		parent, ok := t.byID[t.mounts[i].Parent]
		if !ok || parent == i {
			break
		}
		i = parent
	}
	ok := t.state[i] == reachYes || len(chain) > 0 && chain[len(chain)-1] == i // known, or nothing above it
	for j := len(chain) - 1; j >= 0; j-- {
		if ok = ok && !t.passed(chain[j]); ok {
			t.state[chain[j]] = reachYes
		} else {
			t.state[chain[j]] = reachNo
		}
	}
	return ok
}

// passed reports whether another mount of the same parent lies on the way to
// mount i, or took its place.
func (t *mountTree) passed(i int) bool {
	path := t.mounts[i].Mountpoint
	for end := 1; end <= len(path); end++ {
		if end > 1 && end < len(path) && path[end] != '/' {
			continue
		}
		if other, ok := t.at[t.spotOf(i, path[:end])]; ok && other != i {
			return true
		}
	}
	return false
}

// covered reports whether another is mounted on the root of mount i.
func (t *mountTree) covered(i int) bool {
	over, ok := t.at[spot{t.mounts[i].ID, t.mounts[i].Mountpoint}]
	return ok && over != i
}
