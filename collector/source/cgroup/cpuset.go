package cgroup

import (
	"slices"

	"github.com/virt-exporter/virt_exporter/collector/kernel"
	"github.com/virt-exporter/virt_exporter/collector/model"
)

// maxSets is the number of different cpusets that are kept. Hosts have a few.
const maxSets = 256

// allowed returns the CPUs that what is in n may use, nil if they are not known.
// A directory without a cpuset of its own inherits the one above it; the root's
// is every CPU that is online.
func (s *Source) allowed(n *node) model.CPUSet {
	for ; n != nil; n = n.parent {
		if l := s.nodeLimits(n); l.allowed != nil {
			return l.allowed
		}
	}
	return s.online
}

// allowedVM returns the CPUs on which the vCPUs of g may run: those of their own
// parts where every one has a cpuset. Its other threads are of no interest.
func (s *Source) allowedVM(g *guest) model.CPUSet {
	union := s.union[:0]
	for name, part := range g.parts() {
		if !isVCPU(name) {
			continue
		}
		own := s.nodeLimits(part).allowed
		if own == nil {
			return s.allowed(g.node)
		}
		for len(union) < len(own) {
			union = append(union, 0)
		}
		for i, word := range own {
			union[i] |= word
		}
	}
	s.union = union
	if len(union) == 0 {
		return s.allowed(g.node)
	}
	if !slices.Equal(union, g.cpu.allowed) {
		g.cpu.allowed = slices.Clone(union)
	}
	return g.cpu.allowed
}

// count returns how many CPUs are in a set that is known.
func count(set model.CPUSet) model.Opt {
	if set == nil {
		return model.Opt{}
	}
	return model.Some(float64(set.Count()))
}

// nodeCPUs returns the effective cpuset of one directory, nil where it has none.
func (s *Source) nodeCPUs(n *node) model.CPUSet {
	h := s.layout.cpuset
	names := []string{"cpuset.cpus.effective"}
	if !h.v2 {
		names = []string{"cpuset.effective_cpus", "cpuset.cpus"}
	}
	for _, name := range names {
		b := s.nodeFile(h, n, name)
		if b == nil {
			continue
		}
		if set, err := s.cpuSet(b); s.nodeParsed(h, n, name, err) && set != nil {
			return set
		}
	}
	return nil
}

// cpuSet returns the set that a file lists, nil if it lists none. Those who may
// use the same CPUs share one, which is never written to again.
func (s *Source) cpuSet(b []byte) (model.CPUSet, error) {
	if set, ok := s.sets[string(b)]; ok {
		return set, nil
	}
	set, err := kernel.ParseCPUSet(b, nil)
	if err != nil || len(set) == 0 {
		return nil, err
	}
	if len(s.sets) >= maxSets {
		clear(s.sets)
	}
	s.sets[string(b)] = set
	return set, nil
}
