package blame

import (
	"math"
	"time"
)

const (
	// slots is how many samples are kept: ten minutes at the shortest window.
	slots = int(remembered / window)

	leastSamples   = 12  // that two must share for their course to be compared
	leastVariation = 0.2 // standard deviation ÷ mean: what hardly varies shows nothing
)

// sampleClock numbers samples, from 1.
type sampleClock struct {
	last  uint64
	times [slots]time.Duration
}

func (c *sampleClock) next(now time.Duration) uint64 {
	c.last++
	c.times[c.last%uint64(slots)] = now
	return c.last
}

// oldest returns the first sample that is still kept and no older than remembered.
func (c *sampleClock) oldest() uint64 {
	first := uint64(1)
	if c.last > uint64(slots) {
		first = c.last - uint64(slots) + 1
	}
	for first <= c.last && c.times[c.last%uint64(slots)]-c.times[first%uint64(slots)] > remembered {
		first++
	}
	return first
}

// history is what a group did in the last samples, in CPUs. What is not a number
// could not be read.
type history struct {
	first, last uint64 // samples
	lively      uint64 // the last one in which it did anything worth keeping
	run, wait   [slots]float32
}

func newHistory(n uint64) *history { return &history{first: n, last: n - 1, lively: n} }

// put adds a sample. It is false for a history that has nothing left to say.
func (h *history) put(n uint64, run, wait float64, lively, known bool) bool {
	if lively {
		h.lively = n
	}
	if n-h.lively >= uint64(slots) {
		return false
	}
	nan := float32(math.NaN())
	h.last = max(h.last, n-min(n, uint64(slots)))
	for h.last+1 < n {
		h.last++
		h.run[h.last%uint64(slots)], h.wait[h.last%uint64(slots)] = nan, nan
	}
	h.last = n
	if !known {
		run, wait = absent(), absent()
	}
	h.run[n%uint64(slots)], h.wait[n%uint64(slots)] = float32(run), float32(wait)
	return true
}

// likeness is from 0 to 1 how well the victim's waits go with what the suspect ran:
// less than 1 only where both vary enough to show.
func (c *sampleClock) likeness(victim, suspect *history) float64 {
	if victim == nil || suspect == nil {
		return 1
	}
	first := max(c.oldest(), victim.first, suspect.first)
	last := min(victim.last, suspect.last)
	var n, x, y, xx, yy, xy float64
	for i := first; i <= last; i++ {
		wait, run := float64(victim.wait[i%uint64(slots)]), float64(suspect.run[i%uint64(slots)])
		if wait-wait != 0 || run-run != 0 { // not a number
			continue
		}
		n++
		x += wait
		y += run
		xx += wait * wait
		yy += run * run
		xy += wait * run
	}
	if n < leastSamples || x <= 0 || y <= 0 {
		return 1
	}
	like := 1.0
	vx, vy := xx/n-x/n*x/n, yy/n-y/n*y/n
	if vx > square(leastVariation*x/n) && vy > square(leastVariation*y/n) {
		r := (xy/n - x/n*y/n) / math.Sqrt(vx*vy)
		like = min(max(0.5+r, 0), 1)
	}
	if alibi(victim, suspect, first, last, y/n) {
		like /= 2
	}
	return like
}

func square(v float64) float64 { return v * v }

// alibi reports whether the suspect paused, or was held by a quota, and the victim
// waited on as before.
func alibi(victim, suspect *history, first, last uint64, mean float64) bool {
	var with, without, waitWith, waitWithout float64
	for i := first; i <= last; i++ {
		wait, run := float64(victim.wait[i%uint64(slots)]), float64(suspect.run[i%uint64(slots)])
		switch {
		case wait-wait != 0 || run-run != 0:
		case run < mean/10:
			without++
			waitWithout += wait
		case run > mean/2:
			with++
			waitWith += wait
		}
	}
	const enough = 3
	return with >= enough && without >= enough && waitWithout/without > 0.8*waitWith/with
}
