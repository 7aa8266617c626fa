package cgroup

import (
	"math"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// split says how much of a guest's steal its quotas explain. The kernel counts
// throttled time per CPU queue and steal per thread: while a queue is held,
// each runnable thread on it waits. The number of runnable threads is taken
// from the interval's own run and wait, and spread over the CPUs of the guest;
// pinning that a cpuset does not show makes it too small, never too large, and
// the rest stays unexplained.
type split struct {
	at                    time.Duration
	run, steal            uint64    // nanoseconds, as of at
	held                  model.Opt // seconds, as of at
	throttle, unexplained uint64    // the sums, nanoseconds
}

func (sp *split) update(now time.Duration, run, steal uint64, held model.Opt, cpus float64, atStart bool) {
	dSteal := steal - sp.steal
	before, ok1 := sp.held.Get()
	after, ok2 := held.Get()
	var part float64 // seconds of dSteal that the quotas explain
	switch {
	case sp.at == 0 && !atStart:
		part = after // all of its life lies before this first reading
	case sp.at != 0 && now > sp.at && ok1 && ok2:
		runnable := float64(run-sp.run+dSteal) / float64(now-sp.at)
		part = max(after-before, 0) * max(1, runnable/max(cpus, 1))
	}
	explained := dSteal
	if limit := part * 1e9; limit < float64(dSteal) {
		explained = uint64(limit)
	}
	sp.throttle += explained
	sp.unexplained += dSteal - explained
	sp.at, sp.run, sp.steal, sp.held = now, run, steal, held
}

// coverage compares the run time of the threads that were seen with the CPU
// time that the kernel charged, over the last minutes.
type coverage struct {
	at         time.Duration
	run, usage float64 // as of at
	seen, used float64 // decayed sums
}

const (
	coverageMemory = 5 * time.Minute
	coverageFloor  = 0.05 // seconds of CPU time below which nothing can be said
)

func (c *coverage) update(now time.Duration, run, usage float64) model.Opt {
	if c.at != 0 && now > c.at {
		decay := math.Exp(-float64(now-c.at) / float64(coverageMemory))
		c.seen = c.seen*decay + (run - c.run)
		c.used = c.used*decay + max(usage-c.usage, 0)
	}
	c.at, c.run, c.usage = now, run, usage
	if c.used < coverageFloor {
		return model.Opt{}
	}
	return model.Some(min(c.seen/c.used, 1))
}
