// Package threshold says from when on the overhead of a passed-through file
// system is too high. It is a plain table, the same for the alert rules and for
// the check of a single mount, and reads nothing.
//
// A ratio alone misleads: a healthy FUSE mount looks a name up 50 times slower
// than a disk's file system, whose answer takes 2 µs. So does a latency alone:
// how often one asks changes it more than load does. Overhead is too high when
// the lower bounds of both are above their threshold.
package threshold

import (
	"math"
	"slices"
)

// MinPairs is how many pairs there must be behind a verdict on one operation:
// with 15, which is a cycle, one noisy neighbour is enough for a wrong one.
const MinPairs = 30

// Overlay is the type of file system, as the kernel names it, with thresholds of
// its own: it asks nobody outside of the kernel. FUSE's fuse-overlayfs does, and
// is a file system as any other here.
const Overlay = "overlay"

// Threshold is passed by what lies above both its figures.
type Threshold struct {
	Ratio   float64 // of mount ÷ reference
	Seconds float64 // that the mount adds to the reference
}

// Exceeded reports whether overhead is above the threshold, given the lower
// bounds of its ratio and of the seconds that are added. Without bounds (NaN) it
// is not.
func (t Threshold) Exceeded(ratioLower, secondsLower float64) bool {
	return ratioLower > t.Ratio && secondsLower > t.Seconds
}

// Class is a set of operations with the same thresholds.
type Class struct {
	Ops      []string // as in the label op
	FSType   string   // the only type of file system that it is for; empty for all without a class of their own
	Warning  Threshold
	Critical Threshold
}

const (
	micro = 1e-6
	milli = 1e-3
)

// Classes returns the table, those for one type of file system last. For
// metadata, whose reference does next to nothing, the added time decides; for
// data, where the disk below both sides dominates, the ratio does.
func Classes() []Class {
	return []Class{
		{
			Ops:      []string{"read"},
			Warning:  Threshold{Ratio: 5, Seconds: 300 * micro},
			Critical: Threshold{Ratio: 15, Seconds: 2 * milli},
		},
		{
			Ops:      []string{"write"},
			Warning:  Threshold{Ratio: 3, Seconds: 2 * milli},
			Critical: Threshold{Ratio: 10, Seconds: 20 * milli},
		},
		{
			Ops:      []string{"stat", "lookup", "statfs"},
			Warning:  Threshold{Ratio: 20, Seconds: 500 * micro},
			Critical: Threshold{Ratio: 50, Seconds: 2 * milli},
		},
		{
			Ops:      []string{"create", "rename", "unlink"},
			Warning:  Threshold{Ratio: 20, Seconds: 1 * milli},
			Critical: Threshold{Ratio: 50, Seconds: 5 * milli},
		},
		{
			Ops:      []string{"readdir"},
			Warning:  Threshold{Ratio: 20, Seconds: 2 * milli},
			Critical: Threshold{Ratio: 50, Seconds: 20 * milli},
		},
		{
			// An overlay adds 1 to 3 µs to metadata and nothing to data. A
			// copy-up is not probed.
			Ops: []string{
				"stat", "lookup", "statfs", "read", "readdir", "create", "write", "rename", "unlink",
			},
			FSType:   Overlay,
			Warning:  Threshold{Ratio: 3, Seconds: 100 * micro},
			Critical: Threshold{Ratio: 10, Seconds: 1 * milli},
		},
	}
}

// For returns the thresholds of an operation on a type of file system (as the
// kernel names it, which is what the label fstype has). Those of an unknown
// operation are infinite: nothing exceeds them.
func For(op, fstype string) (warning, critical Threshold) {
	never := Threshold{Ratio: math.Inf(1), Seconds: math.Inf(1)}
	warning, critical = never, never
	for _, c := range Classes() {
		if slices.Contains(c.Ops, op) && (c.FSType == "" || c.FSType == fstype) {
			warning, critical = c.Warning, c.Critical
		}
	}
	return warning, critical
}
