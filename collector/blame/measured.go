package blame

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// measured splits a guest's steal by what was measured of who ran while it waited. The
// two are counted apart and some milliseconds from each other: what was measured and
// is not in the steal yet waits for the next update, and what is in the steal and was
// not measured is unexplained at once. So the parts sum to the whole, but for an update
// in which nothing is known of what was measured, as it was late: the steal since then
// waits for it, since what is unexplained once stays so.
type measured struct {
	account account
	steal   float64 // as last split
	gen     uint64  // the last update with waits that were measured
	seenAt  time.Duration
	waits   map[runner]*wait
	order   []*wait // those of the last update, as they were listed
	due     []*wait // … that something is due to
}

// runner is who ran while the guest waited.
type runner struct {
	cause model.Cause
	name  string
}

// wait is what was measured of one culprit, in seconds.
type wait struct {
	runner
	gen   uint64  // the last update with it
	total float64 // as last measured
	late  float64 // of the update before, not in its steal
	fresh float64 // since then
	due   float64 // what it gets of the steal
}

const (
	// What is measured before the steal shows it: more than a little that readings are
	// apart is none of it.
	mostLate     = 0.1 // seconds
	mostLatePart = 0.05

	// unmeasured is how long nothing may be measured of a guest until its waits are
	// estimated again: a reading that was missed once changes no method, and between
	// two scrapes that are two minutes apart it may be missed each time.
	unmeasured = 150 * time.Second
)

// meetMeasured notes whether a guest's waits are measured. It says so for a while
// after they were.
func (r *cpuRing) meetMeasured(g *group, now time.Duration, c *model.CPU) bool {
	steal := number(c.Steal)
	switch {
	case math.IsNaN(steal):
		return g.measured != nil
	case c.Waits != nil && g.measured == nil:
		g.measured = &measured{waits: make(map[runner]*wait)}
		g.measured.begin(now, r, c)
	case c.Waits == nil && g.measured != nil && now-g.measured.seenAt > unmeasured:
		g.measured = nil
		g.accounted, g.returned = false, true
	}
	return g.measured != nil
}

// begin starts the account anew at 0. What was measured until then is of no increase.
// A quota that is known is there from the beginning, and never unexplained.
func (m *measured) begin(now time.Duration, r *cpuRing, c *model.CPU) {
	m.account = account{most: r.most, exposures: r.exposures, method: model.Measured}
	m.account.parts = append(m.account.parts, part{cause: model.CauseUnexplained, at: now})
	if c.Throttled != (model.Opt{}) {
		m.account.parts = append(m.account.parts, part{cause: model.CauseThrottle, at: now})
	}
	m.steal = number(c.Steal)
}

// update splits what the guest, which is called label, waited since the last one.
func (m *measured) update(r *cpuRing, now time.Duration, label string, c *model.CPU) {
	steal := number(c.Steal)
	if steal < m.steal {
		m.begin(now, r, c) // it was started again
	}
	if c.Waits == nil {
		return
	}
	first := m.gen == 0
	total := m.collect(r.gen, label, c.Waits)
	m.gen, m.seenAt = r.gen, now
	grown := steal - m.steal
	m.steal = steal
	switch {
	case first:
		m.drop() // it is of before
	case grown > 0 || total > 0:
		m.put(now, grown)
	}
}

// collect takes what was measured and returns how much is new in it.
func (m *measured) collect(gen uint64, label string, waits []model.Stolen) (total float64) {
	before := m.order
	m.order = m.order[:0]
	for i := range waits {
		who := runner{waits[i].Cause, waits[i].Culprit}
		if who.name == label {
			who = runner{cause: model.CauseSelf}
		}
		seconds := zeroed(number(model.Some(waits[i].Seconds)))
		// Lists hardly change: most stand where they stood.
		var w *wait
		if at := len(m.order); at < len(before) && before[at].runner == who {
			w = before[at]
		} else {
			w = m.find(who)
		}
		if w.gen != gen {
			w.gen = gen
			m.order = append(m.order, w)
			w.due = 0
		}
		w.due += seconds // two of one culprit count together
	}
	for _, w := range m.order {
		grown := w.due - w.total
		if grown < 0 {
			grown = w.due
		}
		w.total, w.due = w.due, 0
		w.fresh += grown
		total += grown
	}
	if len(m.waits) > len(m.order) {
		for who, w := range m.waits {
			if w.gen != gen {
				delete(m.waits, who) // it begins at 0 when it returns
			}
		}
	}
	return total
}

func (m *measured) find(who runner) *wait {
	w := m.waits[who]
	if w == nil {
		w = &wait{runner: who}
		m.waits[who] = w
	}
	return w
}

// drop forgets what was not put on anybody.
func (m *measured) drop() {
	for _, w := range m.order {
		w.late, w.fresh = 0, 0
	}
}

// put puts grown seconds of steal on those who were measured to have run: what was
// late first, then pro rata.
func (m *measured) put(now time.Duration, grown float64) {
	late, fresh := 0.0, 0.0
	for _, w := range m.order {
		late, fresh = late+w.late, fresh+w.fresh
	}
	fromLate := min(grown, late)
	fromFresh := min(grown-fromLate, fresh)
	carried := min(fresh-fromFresh, mostLate+mostLatePart*grown)
	m.due = m.due[:0]
	for _, w := range m.order {
		w.due = w.late*ratio(fromLate, late) + w.fresh*ratio(fromFresh, fresh)
		w.late, w.fresh = w.fresh*ratio(carried, fresh), 0
		if w.due > 0 {
			m.due = append(m.due, w)
		}
	}
	m.give(now, grown)
}

// give puts on the account what is due to each, the greatest first: there is room for
// some names only. The rest of grown is unexplained.
func (m *measured) give(now time.Duration, grown float64) {
	slices.SortFunc(m.due, func(a, b *wait) int {
		return cmp.Or(cmp.Compare(b.due, a.due), cmp.Compare(a.cause, b.cause), cmp.Compare(a.name, b.name))
	})
	left := grown
	for _, w := range m.due {
		seconds := min(w.due, left)
		w.due = 0
		if seconds > 0 {
			m.account.add(now, w.cause, w.name, seconds)
			left -= seconds
		}
	}
	m.account.add(now, model.CauseUnexplained, "", left)
}

// ratio returns part ÷ whole, 0 of nothing.
func ratio(part, whole float64) float64 {
	if whole <= 0 {
		return 0
	}
	return part / whole
}
