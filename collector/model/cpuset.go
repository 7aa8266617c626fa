package model

import "math/bits"

// CPUSet is a set of CPUs of this machine, a bit each. Nil is unknown, which
// stands for all of them.
type CPUSet []uint64

// Count returns how many CPUs are in the set.
func (s CPUSet) Count() int {
	n := 0
	for _, word := range s {
		n += bits.OnesCount64(word)
	}
	return n
}

// Overlap returns how many CPUs are in both sets, neither being nil.
func (s CPUSet) Overlap(other CPUSet) int {
	n := 0
	for i := range min(len(s), len(other)) {
		n += bits.OnesCount64(s[i] & other[i])
	}
	return n
}

// Add returns the set with the CPUs from first to last.
func (s CPUSet) Add(first, last int) CPUSet {
	for cpu := first; cpu <= last; cpu++ {
		for cpu/64 >= len(s) {
			s = append(s, 0)
		}
		s[cpu/64] |= 1 << (cpu % 64)
	}
	return s
}
