package fsprobe

import "time"

const (
	// budget is the CPU that a mount's probes may take in each minute.
	budget = 20 * time.Millisecond

	// oneIn is the part of the time in which a mount is measured, one in so many,
	// as long as that is not rarer than slowest: the slowest mounts must be seen.
	oneIn   = 20
	slowest = 10 * time.Minute

	// lookEvery is how often a mount is looked at while it is measured seldom:
	// whether it hangs is to be known soon. To look costs up to 9 ms where caches
	// are cold, which is a part of the budget too.
	lookEvery = time.Minute

	// jitterPart is how much earlier or later than its interval a cycle may come:
	// hosts that were started at once must not ask one server at once.
	jitterPart = 0.05
)

// pace decides, when a cycle has ended, when the next comes: after the interval,
// or later where the last one took so much CPU, or so long, that another would be
// more than the mount's share. Meanwhile it is looked at. jitter is between -1
// and 1.
func (t *target) pace(interval, took time.Duration, jitter float64) {
	now := time.Now()
	spread := func(d time.Duration) time.Time {
		return now.Add(d + time.Duration(jitter*jitterPart*float64(d)))
	}
	if !t.looks {
		cost := time.Duration(float64(t.spent) / float64(budget) * float64(time.Minute))
		t.interval = max(interval, cost, min(oneIn*took, slowest))
		if t.refused {
			t.interval = max(interval, slowest)
		}
		t.measure = spread(t.interval)
	}
	t.next = spread(max(interval, lookEvery))
	if t.measure.Before(t.next) {
		t.next = t.measure
	}
}

// account takes the CPU time that the helper has used since it started.
func (t *target) account(used time.Duration) {
	t.used = used
	if t.looks {
		return
	}
	t.spent = 0
	if t.paid > 0 {
		t.spent = used - t.paid
	}
	t.paid = used
}
