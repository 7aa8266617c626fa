package cgroup

import "github.com/virt-exporter/virt_exporter/collector/model"

// counter makes a counter that never goes back of a kernel number that may:
// because the kernel forgets what a removed sub-cgroup had, or because a
// device comes back. It counts from 0 for a guest that was there when the
// exporter started and from the full value for one born later.
type counter struct {
	last  uint64
	value uint64
	known bool
}

// pass is update for a counter that is passed on as the kernel has it.
func (c *counter) pass(v uint64) model.Opt {
	c.update(v, false)
	return model.Some(float64(c.value))
}

// update takes the kernel's number and returns by how much the counter grew.
func (c *counter) update(v uint64, atStart bool) (grown uint64) {
	switch {
	case !c.known && !atStart:
		grown = v
	case c.known && v > c.last:
		grown = v - c.last
	}
	c.last, c.known = v, true
	c.value += grown
	return grown
}
