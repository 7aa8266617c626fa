package node

// jump is the fall, in seconds, from which on a counter is taken to have
// started anew. Smaller ones are the jitter of sums over CPUs.
const jump = 3

// counter keeps a counter of the kernel from going back, which /proc/stat's
// do: hypervisors hand out steal times that fall, after a live migration for
// one, and sums are read while their parts change. A small fall is waited out.
// After a larger one counting goes on from where it was.
type counter struct{ base, high float64 }

func (c *counter) next(v float64) float64 {
	switch fall := c.high - v; {
	case fall > jump:
		c.base += fall
		c.high = v
	case fall < 0:
		c.high = v
	}
	return c.base + c.high
}
