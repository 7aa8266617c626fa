package model

import (
	"math"
	"time"
)

// Bounds of the slots of a Histogram, as powers of two of a second.
const (
	MinExponent = -20 // slot 0 ends at 2^-20 s, a little under a microsecond
	MaxExponent = 10  // the last slot but one ends at 2^10 s
	Slots       = MaxExponent - MinExponent + 2
)

// Histogram holds latencies in slots of powers of two of a second, as the
// kernel side keeps them. Slot i counts what was over 2^(i-1+MinExponent) and
// at most 2^(i+MinExponent) seconds; the first also what was shorter, the last
// what was longer than all.
type Histogram struct {
	Counts [Slots]uint64
	Sum    float64 // seconds
}

// Observe counts one latency.
func (h *Histogram) Observe(d time.Duration) {
	s := d.Seconds()
	h.Counts[Slot(s)]++
	h.Sum += s
}

// Count returns the number of latencies in all slots.
func (h *Histogram) Count() uint64 {
	var n uint64
	for _, c := range h.Counts {
		n += c
	}
	return n
}

// Slot returns the slot for a latency in seconds. A foreign bin counts in the
// slot of its upper end.
func Slot(seconds float64) int {
	switch {
	case seconds <= 0 || math.IsNaN(seconds):
		return 0
	case math.IsInf(seconds, 1):
		return Slots - 1
	}
	frac, exp := math.Frexp(seconds) // seconds = frac × 2^exp, ½ ≤ frac < 1
	if frac == 0.5 {
		exp-- // exactly a power of two: upper bounds are inclusive
	}
	return min(max(exp-MinExponent, 0), Slots-1)
}
