// Package pairs says how much slower one thing is than another, of which pairs
// were timed side by side, and how sure that is. It is pure, and assumes nothing
// of how latencies are distributed.
package pairs

import (
	"slices"
	"time"
)

// Estimate is a median and its bounds: with a probability of at least 95 % the
// median of what was sampled lies between them. Bounded is false where there are
// too few samples for bounds; Lower and Upper are then the median.
type Estimate struct {
	Median, Lower, Upper float64
	Bounded              bool
}

// Comparison is what pairs of latencies say, in seconds.
type Comparison struct {
	Pairs                     int
	MountMedian, BesideMedian float64
	Ratio                     Estimate // of mount ÷ reference
	Added                     Estimate // of mount - reference, seconds
}

// Compare takes latencies in nanoseconds, of which mount[i] and beside[i] are a
// pair. What one side has more than the other is left out of all but that side's
// median: without beside, MountMedian is all there is.
//
// Ratio and Added are medians over pairs, not ratios and differences of medians:
// what a neighbour does to both halves of a pair then cancels out. A latency
// below one nanosecond, which a coarse clock gives, counts as one.
func Compare(mount, beside []int64) Comparison {
	n := min(len(mount), len(beside))
	scratch := make([]float64, 0, max(len(mount), len(beside)))
	seconds := func(latencies []int64) float64 {
		scratch = scratch[:0]
		for _, ns := range latencies {
			scratch = append(scratch, float64(atLeastOne(ns)))
		}
		slices.Sort(scratch)
		return middle(scratch) / float64(time.Second)
	}
	c := Comparison{Pairs: n, MountMedian: seconds(mount), BesideMedian: seconds(beside)}

	scratch = scratch[:n]
	for i := range n {
		scratch[i] = float64(atLeastOne(mount[i])) / float64(atLeastOne(beside[i]))
	}
	c.Ratio = ofSorted(sorted(scratch))
	for i := range n {
		scratch[i] = float64(atLeastOne(mount[i])-atLeastOne(beside[i])) / float64(time.Second)
	}
	c.Added = ofSorted(sorted(scratch))
	return c
}

// Median returns the median of samples, which are left as they are. Without
// samples all is 0.
func Median(samples []float64) Estimate {
	return ofSorted(sorted(slices.Clone(samples)))
}

func atLeastOne(ns int64) int64 { return max(ns, 1) }

func sorted(s []float64) []float64 {
	slices.Sort(s)
	return s
}

func ofSorted(s []float64) Estimate {
	m := middle(s)
	e := Estimate{Median: m, Lower: m, Upper: m}
	if rank := lowerRank(len(s)); rank > 0 {
		e.Lower, e.Upper, e.Bounded = s[rank-1], s[len(s)-rank], true
	}
	return e
}

// middle returns the median of a sorted slice, 0 of an empty one.
func middle(s []float64) float64 {
	n := len(s)
	switch {
	case n == 0:
		return 0
	case n%2 == 1:
		return s[n/2]
	}
	return s[n/2-1] + (s[n/2]-s[n/2-1])/2
}
