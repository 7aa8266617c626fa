package libvirt

import (
	"slices"
	"time"
)

// A late request may occupy a worker of the daemon for as long as a monitor, a
// lock or a mount hangs, also when its connection is closed: only what is sent
// can be limited. These are all the limits there are. Together at most eight
// requests for each URI are left in a daemon that has twenty workers, and five
// for what takes no time (libvirtd.conf, max_workers and prio_workers).
const (
	// mostHeld is how many requests may wait for monitors, or for one domain in
	// another way. The daemon passes by NOWAIT over a domain for which one waits
	// already, so three that are stuck leave the others fresh. With more than
	// that something else is wrong.
	mostHeld = 4

	// mostJobFree is how many bulk calls may wait that need no monitor.
	mostJobFree = 1

	// mostBasic is how many times the daemon may be connected to, or asked which
	// domains there are, without an answer. Nothing else can be asked meanwhile,
	// and the answer may be lost on its way: see pause.
	mostBasic = 3

	patienceMost = 4 // times the timeout, for a daemon that is slow but answers
)

// pause is how long nothing is asked after one or two requests of the basic kind
// without an answer. After a third it is until one is answered or ends with its
// connection.
func pause(held int) time.Duration {
	if held == 1 {
		return 10 * time.Minute
	}
	return time.Hour
}

// limit is a group of procedures that are limited together.
type limit int

const (
	ofMonitors limit = iota
	ofJobFree
	ofBasic
)

func (p procedure) limit() limit {
	switch p {
	case connecting, listing:
		return ofBasic
	case bulkJobFree:
		return ofJobFree
	}
	return ofMonitors
}

func (l limit) most() int {
	switch l {
	case ofBasic:
		return mostBasic
	case ofJobFree:
		return mostJobFree
	}
	return mostHeld
}

// may reports whether a request may be made.
func (d *daemon) may(kind procedure) bool {
	group, n, last := kind.limit(), 0, time.Time{}
	for _, c := range d.held {
		if c.kind.limit() == group {
			n, last = n+1, c.heldAt
		}
	}
	if group == ofBasic && n > 0 && d.now().Sub(last) < pause(n) {
		return false
	}
	return n < group.most()
}

// hold keeps a connection whose request was late, until it is answered.
func (d *daemon) hold(c *conn) {
	c.heldAt = d.now()
	d.held = append(d.held, c)
	if d.conn == c {
		d.conn = nil
	}
}

// reap closes the held connections whose requests have come to an end.
func (d *daemon) reap() {
	d.held = slices.DeleteFunc(d.held, func(c *conn) bool {
		select {
		case <-c.answered:
		default:
			return false
		}
		switch {
		case c.broken():
			clear(d.lacks) // the daemon has ended, and the next may be a newer one
		case c.kind == bulk:
			d.adapt(c.answerAt.Sub(c.asked))
		}
		c.close()
		return true
	})
}

// giveUp closes the held connections of the given limits: a later request has
// shown that the daemon waits for nothing, so their answers were lost.
func (d *daemon) giveUp(limits ...limit) {
	d.held = slices.DeleteFunc(d.held, func(c *conn) bool {
		lost := slices.Contains(limits, c.kind.limit())
		if lost {
			c.close()
		}
		return lost
	})
}

// adapt sets how long a bulk call may take by how long the last one took: with
// very many domains it may take longer than the timeout with nothing stuck.
func (d *daemon) adapt(took time.Duration) {
	d.patience = min(max(2*took, d.timeout), patienceMost*d.timeout)
}
