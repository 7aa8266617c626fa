package cgroup

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/identity"
)

// nestedWait is how long one reading waits for the names of guests that lie in
// other guests.
const nestedWait = 100 * time.Millisecond

// nested names guests that lie in other guests, from the engine's files inside
// the outer guest. That file system is the tenant's: it may hang, so one
// goroutine of its own looks at it, and a name may come late.
type nested struct {
	procfs   string
	resolver *identity.Resolver
	jobs     chan *nestedJob
	done     sync.WaitGroup
	patience time.Duration // left in this reading
}

type nestedJob struct {
	root, path string
	match      identity.Match
	answer     chan identity.Who // buffered: the asker may have gone
}

func newNested(procfs string, r *identity.Resolver) *nested {
	const waiting = 256 // more are asked again at a later reading
	n := &nested{procfs: procfs, resolver: r, jobs: make(chan *nestedJob, waiting)}
	n.done.Go(func() {
		for j := range n.jobs {
			j.answer <- r.In(j.root).Resolve(j.path, j.match)
		}
	})
	return n
}

// ask looks for the identity of g, which keeps what it has until it is found.
func (n *nested) ask(g *guest) {
	if g.who.Kind == "" {
		g.who = identity.Who{Kind: g.match.Kind, Runtime: g.match.Runtime, ID: g.match.ID, Name: g.match.Name}
	}
	if g.job == nil {
		if g.parent.firstPID == 0 {
			return
		}
		job := &nestedJob{
			root:   fmt.Sprintf("%s/%d/root", n.procfs, g.parent.firstPID),
			path:   strings.TrimPrefix(g.node.path, g.parent.node.path),
			match:  g.match,
			answer: make(chan identity.Who, 1),
		}
		select {
		case n.jobs <- job:
			g.job = job
		default:
			return
		}
	}
	began := time.Now()
	select {
	case g.who = <-g.job.answer:
		g.job = nil
	case <-time.After(n.patience):
	}
	n.patience = max(n.patience-time.Since(began), 0)
}

// close ends the goroutine once it has done what it is at. It is not waited
// for: what it looks at may hang.
func (n *nested) close() { close(n.jobs) }
