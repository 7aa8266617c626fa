package vmm

import (
	"math/bits"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

const (
	affinityStep = time.Minute // how often a machine's vCPUs are asked where they may run
	maxAsked     = 64          // vCPUs that are asked
	maskCPUs     = 8192        // as many as a kernel can be built for
)

// affinity is where the vCPUs of a machine may run, as last asked.
type affinity struct {
	next    time.Duration // when to ask again; 0 for never asked
	allowed model.CPUSet  // never written to again; nil if not known
}

// readAffinity asks the kernel on which CPUs the vCPUs may run: what pins them
// may be their own affinity or a cpuset, and the kernel answers with both. It
// is asked by the number of a thread, which must mean the same to us as in
// /proc. Threads that run all vCPUs by turns count as one.
func (s *Source) readAffinity(m *machine) {
	a := &m.affinity
	if !s.ownPIDs || m.vcpus == 0 || a.next != 0 && s.now < a.next {
		return
	}
	a.next = s.now + affinityStep
	switch all := s.askAffinity(m); {
	case len(all) == 0:
		a.allowed = nil
	case !slices.Equal(all, a.allowed):
		a.allowed = slices.Clone(all)
	}
}

// askAffinity returns where the vCPUs may run, all together, nil if one could
// not be asked. Of very many, some are asked, which speak for the others only
// if they say the same. The set is valid until the next call.
func (s *Source) askAffinity(m *machine) model.CPUSet {
	s.allowed = s.allowed[:0]
	every := (m.vcpus + maxAsked - 1) / maxAsked
	seen := 0
	for _, t := range m.main.threads {
		if !t.vcpu {
			continue
		}
		if seen++; (seen-1)%every != 0 {
			continue
		}
		s.mask.Zero() // the kernel writes as much as it has CPUs
		if err := unix.SchedGetaffinityDynamic(int(t.tid), s.mask); err != nil {
			return nil
		}
		before := s.allowed.Count()
		s.allowed = addMask(s.allowed, s.mask)
		if all := s.allowed.Count(); every > 1 && seen > 1 && (all != before || all != s.mask.Count()) {
			return nil
		}
	}
	return s.allowed
}

// addMask adds the CPUs of the kernel's form of a set.
func addMask(set model.CPUSet, mask unix.CPUSetDynamic) model.CPUSet {
	for i, word := range mask {
		for w := uint64(word); w != 0; w &= w - 1 {
			cpu := i*bits.UintSize + bits.TrailingZeros64(w)
			set = set.Add(cpu, cpu)
		}
	}
	return set
}
