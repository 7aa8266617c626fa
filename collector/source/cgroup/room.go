package cgroup

import (
	"strings"
	"sync/atomic"
)

// room bounds what the owner of a part of the tree can make the exporter look
// at: whoever may make cgroups, the root of a container or a user with a
// session, can make as many as he likes.
type room struct {
	dirs, guests       int
	maxDirs, maxGuests int
	looking            atomic.Int32 // names looked for in the background
}

const (
	hostDirs   = 200_000 // directories that belong to nobody
	tenantDirs = 4096    // directories of one user's, or inside one guest
	userGuests = 1024    // rootless containers of one user
	innerGuest = 256     // guests inside one guest
)

// enter takes a place for a directory, if there is one.
func (r *room) enter() bool {
	if r.dirs >= r.maxDirs {
		return false
	}
	r.dirs++
	return true
}

// move gives the directories below n, found before n was known for a guest, to
// the room of that guest.
func (n *node) move(from, to *room) {
	if n.room != from {
		return
	}
	n.room = to
	from.dirs -= len(n.children)
	to.dirs += len(n.children)
	for _, c := range n.children {
		c.move(from, to)
	}
}

// admits reports whether there is a place for a guest.
func (r *room) admits() bool { return r.guests < r.maxGuests }

// isUserSlice reports whether a directory is what systemd gives a user.
func isUserSlice(path string) bool {
	parent := strings.TrimSuffix(path, base(path))
	return parent == "/user.slice/" && strings.HasPrefix(base(path), "user-")
}
