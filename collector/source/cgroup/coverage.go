package cgroup

import (
	"math"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

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
