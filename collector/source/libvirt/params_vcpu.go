package libvirt

import (
	"cmp"
	"math"
	"slices"

	golibvirt "github.com/digitalocean/go-libvirt"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// vcpu is one vCPU by its index: what its counters had when it was last seen
// with them.
type vcpu struct {
	index  uint64
	last   [numCounters]uint64
	seen   counterSet // those of this reading
	online bool       // in this reading
}

// vcpus sums the counters of a domain's vCPUs so that the sums never fall. A
// vCPU that is unplugged leaves behind what it had; one that is plugged in anew
// under its index runs in another thread, which begins at 0.
type vcpus struct {
	all     []vcpu // in the order of their indexes
	at      int    // of the one that was last looked up
	current model.Opt

	past  [numCounters]uint64 // of threads that are gone
	base  [numCounters]uint64 // where the sums of a domain older than the exporter begin
	based counterSet
	seen  counterSet // by any vCPU in this reading
	sums  [numCounters]uint64
}

func (s *vcpus) begin() {
	s.at, s.seen, s.current = 0, 0, model.Opt{}
	for i := range s.all {
		s.all[i].seen, s.all[i].online = 0, false
	}
}

// take takes vcpu.current and vcpu.N.*, N being sparse where vCPUs were
// unplugged.
func (s *vcpus) take(name string, v *golibvirt.TypedParamValue) {
	index, stat, ok := cutNumber(name)
	if !ok {
		if name == "current" {
			s.current = scaled(v, 1)
		}
		return
	}
	if stat == "state" {
		if state, ok := count(v); ok && state != 0 {
			if cpu := s.find(index); cpu != nil {
				cpu.online = true
			}
		}
		return
	}
	c, ok := counterOf(stat)
	if !ok {
		return
	}
	n, ok := count(v)
	if !ok {
		return
	}
	if cpu := s.find(index); cpu != nil {
		s.past[c] = addSaturated(s.past[c], cpu.set(c, n))
		s.seen.add(c)
	}
}

// set keeps the counter's new value and returns what a thread that is gone had.
func (p *vcpu) set(c counter, n uint64) (gone uint64) {
	if n < p.last[c] {
		gone = p.last[c]
	}
	p.last[c] = n
	p.seen.add(c)
	return gone
}

// find returns the vCPU, a new one where it is needed, or nil where there would
// be too many. Parameters come sorted, so it mostly is the last one or the next.
func (s *vcpus) find(index uint64) *vcpu {
	for _, i := range [...]int{s.at, s.at + 1} {
		if i < len(s.all) && s.all[i].index == index {
			s.at = i
			return &s.all[i]
		}
	}
	if index >= maxVCPUs {
		return nil
	}
	i, ok := slices.BinarySearchFunc(s.all, index, func(p vcpu, index uint64) int {
		return cmp.Compare(p.index, index)
	})
	if !ok {
		s.all = slices.Insert(s.all, i, vcpu{index: index})
	}
	s.at = i
	return &s.all[i]
}

// finish makes the sums.
func (s *vcpus) finish(preceding bool) {
	s.sums = s.past
	for i := range s.all {
		for c, n := range s.all[i].last {
			s.sums[c] = addSaturated(s.sums[c], n)
		}
	}
	for c := range numCounters {
		if !s.seen.has(c) {
			continue
		}
		if !s.based.has(c) && preceding {
			s.base[c] = s.sums[c]
		}
		s.based.add(c)
		s.sums[c] -= s.base[c]
	}
}

// sum returns the counter over all vCPUs there have been. It is not ok where
// this reading held it of none.
func (s *vcpus) sum(c counter) (n uint64, ok bool) { return s.sums[c], s.seen.has(c) }

// whole says whether every online vCPU had the counter in this reading.
func (s *vcpus) whole(c counter) bool {
	var online, with float64
	for i := range s.all {
		has := s.all[i].seen.has(c)
		if has {
			with++
		}
		if has || s.all[i].online {
			online++
		}
	}
	return with > 0 && with >= max(online, s.current.Or(0))
}

// fillCPU sets run and steal, both or none: they are of the same threads. libvirt
// reads them from the threads' stat, in steps of 10 ms, and schedstat. A thread
// that it does not know (TCG with one thread for all vCPUs) has neither.
func (s *vcpus) fillCPU(cpu *model.CPU) {
	cpu.CPUs = s.current
	if s.whole(vcpuTime) && s.whole(vcpuDelay) {
		cpu.Run = model.Some(float64(s.sums[vcpuTime]) / nanoseconds)
		cpu.Steal = model.Some(float64(s.sums[vcpuDelay]) / nanoseconds)
	}
}

// addSaturated adds without falling over the end: no true counter gets there,
// but a sum must not fall.
func addSaturated(a, b uint64) uint64 {
	if b > math.MaxUint64-a {
		return math.MaxUint64
	}
	return a + b
}
