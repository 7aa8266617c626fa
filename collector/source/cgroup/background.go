package cgroup

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/identity"
)

const (
	// backgroundWait is how long one reading waits for names that are looked
	// for in the background.
	backgroundWait = 100 * time.Millisecond

	// backgroundMost is how many may be looked for at once, and ownerMost how
	// many of one guest's or one user's. One that hangs keeps its place for as
	// long as it does.
	backgroundMost = 32
	ownerMost      = 2
)

// background looks for names in file systems that are not the host's own, those
// of guests and of users: a mount there may hang, so that no reading may touch
// it, and a name may come late.
type background struct {
	procfs, rootfs string
	resolver       *identity.Resolver
	places         chan struct{}
	patience       time.Duration // left in this reading
}

func newBackground(opts Options, r *identity.Resolver) *background {
	return &background{
		procfs: opts.ProcFS, rootfs: opts.RootFS, resolver: r, places: make(chan struct{}, backgroundMost),
	}
}

// foreign reports whether the files that name g are not the host's own. A
// virtual machine inside another guest is named by its path alone.
func (s *Source) foreign(g *guest) bool {
	return !g.isVM() && (g.parent != nil || g.match.Foreign())
}

// ask looks for the identity of g, which keeps what it has until it is found.
func (b *background) ask(g *guest) {
	if g.answer == nil {
		look := b.search(g)
		if look == nil {
			return
		}
		owner := g.owner()
		if owner.looking.Load() >= ownerMost {
			return // another reading will ask again
		}
		select {
		case b.places <- struct{}{}:
		default:
			return
		}
		owner.looking.Add(1)
		answer := make(chan identity.Who, 1) // buffered: the guest may be gone
		g.answer = answer
		go func() {
			defer func() { owner.looking.Add(-1); <-b.places }()
			answer <- look()
		}()
	}
	began := time.Now()
	select {
	case g.who = <-g.answer:
		g.answer = nil
	case <-time.After(b.patience):
	}
	b.patience = max(b.patience-time.Since(began), 0)
}

// owner returns the room of whoever decides what g's files are: the guest
// around it, or the user.
func (g *guest) owner() *room {
	if g.parent == nil {
		return g.room
	}
	return g.outermost().node.room
}

// search returns what finds the identity of g, or nil where there is no way
// into the guest around it.
func (b *background) search(g *guest) func() identity.Who {
	path, match, who := g.node.path, g.match, g.who
	if g.parent == nil {
		return func() identity.Who { return b.resolver.Resolve(path, match) }
	}
	if g.parent.firstPID == 0 {
		return nil
	}
	root := fmt.Sprintf("%s/%d/root", b.procfs, g.parent.firstPID)
	inside := strings.TrimPrefix(path, g.parent.node.path)
	return func() identity.Who {
		if sameFile(root, b.rootfs) {
			return who // a process that sees the host's files, not the guest's
		}
		return b.resolver.In(root).Resolve(inside, match)
	}
}

func sameFile(a, b string) bool {
	one, err1 := os.Stat(a + "/")
	two, err2 := os.Stat(b + "/")
	return err1 == nil && err2 == nil && os.SameFile(one, two)
}
