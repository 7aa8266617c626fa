package fsprobe

import "time"

const (
	// budget is the CPU that a mount's probes may take in each minute.
	budget = 20 * time.Millisecond

	// oneIn is the part of the time in which a mount is probed: one in so many.
	oneIn = 20
)

// pace decides when the next cycle comes: after the interval, or later where
// the last one took so much CPU, or so long, that another would cost more than
// the mount's share. jitter is between -1 and 1.
func (t *target) pace(interval, took time.Duration, jitter float64) {
	cost := time.Duration(float64(t.spent) / float64(budget) * float64(time.Minute))
	t.interval = max(interval, cost, oneIn*took)
	t.next = time.Now().Add(t.interval + time.Duration(jitter*jitterPart*float64(t.interval)))
}

// account takes the CPU time that the helper has used since it started.
func (t *target) account(used time.Duration) {
	t.spent = 0
	if t.used > 0 {
		t.spent = used - t.used
	}
	t.used = used
}

// jitterPart is how much earlier or later than its interval a cycle may come:
// hosts that were started at once must not ask one server at once.
const jitterPart = 0.05
