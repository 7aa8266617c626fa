package collector

import (
	"slices"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
	"github.com/virt-exporter/virt_exporter/collector/source"
)

// overlay puts what programs in the kernel measured of guests in the place of what
// is read of them, and remembers what it takes for no counter to jump when the one
// begins or ends. Guests belong to their sources, which may give the same reading
// again: those that are changed are copies.
type overlay struct {
	gen     uint64
	ledgers map[model.Name]*ledger
	copies  []model.Guest
}

// ledger is what is remembered of one guest that is, or was, measured.
type ledger struct {
	gen    uint64 // the last merge with the guest
	seenAt time.Duration

	run, steal splice
	causes     stealCauses
	coverage   source.Coverage
	devices    map[string]*deviceLedger
	io         []model.DeviceIO // of the guest's copy
}

// mostAbsent is how many guests that are gone are remembered.
const mostAbsent = 4096

// putMeasured gives the guests what was measured of them.
func (h *host) putMeasured(views []view, now time.Duration) {
	o := &h.measured
	o.gen++
	if o.ledgers == nil {
		o.ledgers = make(map[model.Name]*ledger)
	}
	o.copies = slices.Grow(o.copies[:0], len(h.guests)) // they must not move while they are made
	for i := range views {
		for j := range views[i].reading.Measured {
			m := &views[i].reading.Measured[j]
			at, ok := h.seen[m.Name]
			if !ok || h.guests[at].Ended || m.Name.VMHost != "" {
				continue
			}
			l := o.ledgers[m.Name]
			if l == nil {
				l = new(ledger)
				o.ledgers[m.Name] = l
			}
			if l.gen != o.gen {
				h.guests[at] = o.apply(l, h.guests[at], m, now)
			}
		}
	}
	for name, l := range o.ledgers {
		if l.gen == o.gen {
			continue
		}
		if at, ok := h.seen[name]; ok && !h.guests[at].Ended {
			h.guests[at] = o.apply(l, h.guests[at], &model.MeasuredGuest{}, now)
		}
	}
	o.forget(now)
}

// apply returns a copy of the guest with what was measured of it, which is nothing
// for one that is not measured any more.
func (o *overlay) apply(l *ledger, from *model.Guest, m *model.MeasuredGuest, now time.Duration) *model.Guest {
	l.gen, l.seenAt = o.gen, now
	o.copies = append(o.copies, *from)
	g := &o.copies[len(o.copies)-1]
	if g.Kind == model.Container {
		l.putCPU(g, m, now)
	}
	g.CPU.StealLatency = m.Latency
	g.CPU.Waits = m.Waits
	l.putIO(g, m.IO)
	g.Memory.ReclaimOwnLimit, g.Memory.ReclaimHost = m.ReclaimOwnLimit, m.ReclaimHost
	g.VMMExits, g.KVMExits = m.VMMExits, m.KVMExits
	return g
}

// putCPU takes run and steal from where they are exact. The two change together: a
// ratio is made of them.
func (l *ledger) putCPU(g *model.Guest, m *model.MeasuredGuest, now time.Duration) {
	run, steal := m.Run, m.Steal
	if sum(run, steal) == (model.Opt{}) {
		run, steal = model.Opt{}, model.Opt{}
	}
	c := &g.CPU
	before := l.steal.total
	c.Run, c.Steal = l.run.next(run, c.Run), l.steal.next(steal, c.Steal)
	if total, ok := c.Steal.Get(); ok {
		c.StealBy = l.causes.split(c.StealBy, total-before, total)
	}
	if total, ok := c.Run.Get(); ok && c.Usage != (model.Opt{}) {
		c.StealCoverage = l.coverage.Update(now, total, c.Usage.Or(0))
	}
}

// forget drops the ledgers of guests that were not seen for a while, and all of those
// that are gone when they have become too many.
func (o *overlay) forget(now time.Duration) {
	gone := 0
	for _, l := range o.ledgers {
		if l.gen != o.gen {
			l.io = nil
			gone++
		}
	}
	if gone == 0 {
		return
	}
	for name, l := range o.ledgers {
		if l.gen != o.gen && (gone > mostAbsent || now-l.seenAt > forgetAfter) {
			delete(o.ledgers, name)
		}
	}
}

// stealCauses goes on with the causes that a guest's source tells, its quotas and an
// unexplained rest, for a steal that is not that source's any more.
type stealCauses struct {
	held  base    // what the source put on quotas
	total float64 // … and of it what was waited
	known bool    // quotas are known at all
	begun bool
	parts [2]model.Stolen
}

// split returns the parts of steal, which has grown by so many seconds. Quotas cannot
// have cost more than was waited.
func (c *stealCauses) split(said []model.Stolen, grown, steal float64) []model.Stolen {
	held, ok := 0.0, false
	for i := range said {
		if said[i].Cause == model.CauseThrottle {
			held, ok = held+said[i].Seconds, true
		}
	}
	switch {
	case !c.begun:
		c.total = min(held, steal)
	case ok && c.held.ok:
		c.total = min(c.total+min(increase(c.held.at, held), max(grown, 0)), steal)
	}
	c.begun, c.known = true, c.known || ok
	if ok {
		c.held = base{held, true}
	}
	parts := c.parts[:0]
	if c.known {
		parts = append(parts, model.Stolen{Cause: model.CauseThrottle, Method: model.Estimated, Seconds: c.total})
	}
	return append(parts, model.Stolen{Cause: model.CauseUnexplained, Method: model.Estimated, Seconds: steal - c.total})
}
