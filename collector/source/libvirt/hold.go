package libvirt

import (
	"slices"
	"time"
)

// A late request occupies a worker of the daemon until its monitor answers, also
// when its connection is closed: only what is sent can be limited. The monitors
// of two domains may be stuck, with the domain of each known to the daemon, which
// passes over it by NOWAIT. With more than that something else is wrong.
const (
	mostHeld     = 2 // requests that wait for monitors
	patienceMost = 4 // times the timeout, for a daemon that is slow but answers
)

// hold keeps the connection whose request was late, until it is answered.
func (d *daemon) hold() {
	d.held = append(d.held, d.conn)
	d.conn = nil
}

// reap closes the held connections whose requests have come to an end.
func (d *daemon) reap() {
	d.held = slices.DeleteFunc(d.held, func(c *conn) bool {
		select {
		case <-c.answered:
		default:
			return false
		}
		if c.kind == bulk && !c.broken() {
			d.adapt(c.answerAt.Sub(c.asked))
		}
		c.close()
		return true
	})
}

// adapt sets how long a bulk call may take by how long the last one took: with
// very many domains it may take longer than the timeout with nothing stuck.
func (d *daemon) adapt(took time.Duration) {
	d.patience = min(max(2*took, d.timeout), patienceMost*d.timeout)
}

// may reports whether a request may be made: there is never more than one listing
// that waits, nor more than one bulk call that needs no monitor, nor more than
// mostHeld other requests.
func (d *daemon) may(kind procedure) bool {
	others := 0
	for _, c := range d.held {
		switch c.kind {
		case listing, stating:
			return false // not even priority workers answer
		case bulkJobFree:
			if kind != listing {
				return false
			}
		default:
			others++
		}
	}
	switch kind {
	case listing, stating, bulkJobFree:
		return true
	}
	return others < mostHeld
}
