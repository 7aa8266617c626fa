package source

import (
	"math"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// Coverage compares the run time of the threads that were seen with the CPU
// time that the kernel charged, over the last minutes. The zero value is ready.
type Coverage struct {
	at         time.Duration
	run, usage float64 // as of at
	seen, used float64 // decayed sums
}

const (
	coverageMemory = 5 * time.Minute
	coverageFloor  = 0.05 // seconds of CPU time below which nothing can be said
)

// Update takes both in seconds, as of now, and returns the part of the CPU time that
// was seen, at most 1: absent while there was next to none.
func (c *Coverage) Update(now time.Duration, run, usage float64) model.Opt {
	if c.at != 0 && now > c.at {
		decay := math.Exp(-float64(now-c.at) / float64(coverageMemory))
		c.seen = c.seen*decay + max(run-c.run, 0)
		c.used = c.used*decay + max(usage-c.usage, 0)
	}
	c.at, c.run, c.usage = now, run, usage
	if c.used < coverageFloor {
		return model.Opt{}
	}
	return model.Some(min(c.seen/c.used, 1))
}
