package blame

import (
	"cmp"
	"slices"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// Growth is taken over growthTime, of samples that are at least sampleTime apart.
// Who has taken much holds it, and others wait, long after that.
const (
	growthTime = remembered
	sampleTime = 15 * time.Second
	samples    = int(growthTime/sampleTime) + 2
)

// A taker is a suspect when it has taken these: in bytes, as a part of what all
// have taken, and as a part of the memory that the victim may use. Less than that
// makes nobody wait.
const (
	leastGrowth     = 16 << 20
	leastGrowthPart = 0.1
	leastPoolPart   = 0.01
	mostSuspects    = 16 // where more grow than that, none is to blame
)

// memClock is when samples were taken, the same for all takers.
type memClock struct {
	at    [samples]time.Duration
	count uint64 // samples that were ever begun; the last is overwritten until it is old enough
}

// tick begins a sample or goes on with the last.
func (c *memClock) tick(now time.Duration) {
	if c.count > 1 && c.at[c.slot(c.count)]-c.at[c.slot(c.count-1)] < sampleTime {
		c.count-- // too near to the one before it
	}
	c.count++
	c.at[c.slot(c.count)] = now
}

func (c *memClock) slot(sample uint64) int { return int(sample % uint64(samples)) }

// base returns the sample from which growth is taken: the last that is old enough,
// else the oldest.
func (c *memClock) base() uint64 {
	now := c.at[c.slot(c.count)]
	oldest := uint64(1)
	if c.count >= uint64(samples) {
		oldest = c.count - uint64(samples) + 1
	}
	for s := c.count - 1; s >= oldest; s-- {
		if now-c.at[c.slot(s)] >= growthTime {
			return s
		}
	}
	return oldest
}

// memTaker is what a guest or a unit held lately, in bytes.
type memTaker struct {
	met
	demand, usage [samples]float64
	churned       [samples]float64 // what it took again after it had been taken from it, all its life
	from          uint64           // the first sample of those without a gap; 0 for none
	first         [3]float64       // demand, usage and churned when it began: that sample is overwritten for a while
	born          bool             // before that it held nothing

	// What it has taken, the same less what others inside it have, and the part of
	// that which it only took back.
	gross, own, churn float64
}

// read takes a sample. Usage is what a unit around it counts of it. born says that
// there was nothing before.
func (t *memTaker) read(c *memClock, demand, usage model.Opt, churned float64, born bool) {
	d, ok := demand.Get()
	if !ok {
		t.from, t.born = 0, false
		return
	}
	if t.from == 0 || !t.steady || t.from > c.count {
		t.from, t.born = c.count, born
		t.first = [3]float64{d, usage.Or(d), churned}
	}
	at := c.slot(c.count)
	t.demand[at], t.usage[at], t.churned[at] = d, usage.Or(d), churned
}

// churnedBy returns how much it has taken back since a sample.
func (t *memTaker) churnedBy(c *memClock, since uint64) float64 {
	if t.from == 0 {
		return 0
	}
	before := t.first[2]
	if t.from <= since {
		before = t.churned[c.slot(since)]
	}
	return max(t.churned[c.slot(c.count)]-before, 0)
}

// growth returns by how much its demand and its usage have changed since a sample.
func (t *memTaker) growth(c *memClock, since uint64) (demand, usage float64) {
	if t == nil || t.from == 0 {
		return 0, 0
	}
	last := c.slot(c.count)
	if t.from > since {
		if t.born {
			return t.demand[last], t.usage[last]
		}
		return t.demand[last] - t.first[0], t.usage[last] - t.first[1]
	}
	first := c.slot(since)
	return t.demand[last] - t.demand[first], t.usage[last] - t.usage[first]
}

// usageSince returns what it may have added since a sample to the usage of what is
// around it: all that it holds if it was not there, or could not be read, then.
func (t *memTaker) usageSince(c *memClock, since uint64) float64 {
	if t.from > since {
		return t.usage[c.slot(c.count)]
	}
	_, usage := t.growth(c, since)
	return max(usage, 0)
}

// memGrowth is who has grown lately.
type memGrowth struct {
	total    float64 // of all that have grown
	suspects []int32 // those that may be named, most first
}

// grow finds out who has grown. What a guest inside another has taken is its own,
// and what a guest has taken is not the unit's that it is in.
func (r *memoryRing) grow(units []model.Unit) {
	since := r.clock.base()
	for _, t := range r.takers {
		if t != nil {
			t.gross, _ = t.growth(&r.clock, since)
			t.churn = t.churnedBy(&r.clock, since)
			t.gross = max(t.gross, 0) + t.churn
			t.own = t.gross
		}
	}
	for i, t := range r.takers {
		if t != nil {
			r.carry(int32(i), t, since)
		}
	}
	r.growth.total, r.growth.suspects = 0, r.growth.suspects[:0]
	for _, t := range r.takers {
		if t != nil && t.own > 0 {
			r.growth.total += t.own
		}
	}
	for i, t := range r.takers {
		if t == nil {
			continue
		}
		if at := i - r.places.guests; t.own >= leastGrowth && (at < 0 || units[at].Name != "") {
			r.growth.suspects = append(r.growth.suspects, int32(i))
		}
	}
	slices.SortStableFunc(r.growth.suspects, func(a, b int32) int {
		return cmp.Compare(r.takers[b].own, r.takers[a].own)
	})
	r.growth.suspects = r.growth.suspects[:min(len(r.growth.suspects), mostSuspects)]
}

// carry takes what one has grown by from the next one around it whose growth is
// known, in the terms in which that counts: a unit counts page cache too. One that
// has shrunk adds nothing: the two need not count alike.
func (r *memoryRing) carry(i int32, t *memTaker, since uint64) {
	at := i
	for range deepest {
		if at = r.places.up[at]; at == nobody {
			return
		}
		outer := r.takers[at]
		if outer == nil || outer.from == 0 {
			continue
		}
		if int(at) < r.places.guests {
			outer.own -= max(t.gross, 0)
		} else {
			outer.own -= t.usageSince(&r.clock, since)
		}
		return
	}
}

// split puts what a guest has waited on those who took memory.
func (r *memoryRing) split(i int32, now time.Duration, pressed bool, units []model.Unit) {
	w := r.waiting[i]
	s := spending{stall: &w.stall, now: now, rest: w.increase}
	defer s.end()
	if r.limited(i) {
		s.add(model.CauseOwnLimit, "", s.rest)
		return
	}
	if !pressed || !(r.growth.total > 0) {
		return // it does not wait for what others hold
	}
	// That it takes back what was taken from it is what it waits for.
	total := r.growth.total - min(w.churn, max(w.own, 0))
	whole := s.rest
	full := r.full(i, units)
	if full != nobody {
		defer func() { s.add(model.CauseOwnLimit, "", s.rest) }()
	}
	for _, j := range r.growth.suspects {
		if r.places.kin(i, j) {
			continue // what it has taken itself is nobody else's fault
		}
		if full != nobody && !r.places.inside(j, full) {
			continue // that is beyond the limit which is met
		}
		if r.takers[j].own < max(leastPoolPart*w.pool, leastGrowthPart*total) {
			continue
		}
		part := whole * r.takers[j].own / total
		if int(j) < r.places.guests {
			s.add(model.CauseNeighbour, r.waiting[j].name, part)
		} else {
			s.add(model.CauseSystem, units[int(j)-r.places.guests].Name, part)
		}
	}
}

// full returns the innermost unit around a guest that is at its own limit, or nobody.
func (r *memoryRing) full(i int32, units []model.Unit) int32 {
	at := r.places.up[i]
	for depth := 0; at != nobody && depth < deepest; at, depth = r.places.up[at], depth+1 {
		if int(at) < r.places.guests {
			continue
		}
		if u := r.units[units[int(at)-r.places.guests].Path]; u != nil && u.full {
			return at
		}
	}
	return nobody
}

// limited reports whether a limit of the guest or of one around it holds it back.
func (r *memoryRing) limited(i int32) bool {
	for range deepest {
		if i == nobody {
			return false
		}
		if int(i) < r.places.guests && r.waiting[i] != nil && r.waiting[i].limited {
			return true
		}
		i = r.places.up[i]
	}
	return false
}
