package cgroup

import (
	"github.com/virt-exporter/virt_exporter/collector/kernel"
	"github.com/virt-exporter/virt_exporter/collector/model"
)

// throttledTime returns how long quotas held g, in seconds per CPU queue.
func (s *Source) throttledTime(g *guest) model.Opt {
	if !g.isVM() {
		return s.throttledWhole(g)
	}
	if held, ok := s.throttledParts(g); ok {
		return held
	}
	held := s.throttledWhole(g)
	g.cpu.parts.before = held.Or(g.cpu.parts.before)
	return held
}

// throttledWhole is throttledTime of a guest whose own directory tells it. Since
// Linux 6.6 cpu.stat.local says it, all levels together; before, the levels are
// added up, which counts twice what two of them held at once.
func (s *Source) throttledWhole(g *guest) model.Opt {
	if g.cpu.throttled != throttleLevels {
		if b := s.read(g, fileThrottledLocal); b != nil {
			nsec, ok, err := kernel.ParseCPUStatLocal(b)
			if s.parsed(g, fileThrottledLocal, err) && ok {
				g.cpu.throttled = throttleLocal
				return nanoseconds(nsec)
			}
		}
		if g.cpu.throttled == throttleLocal {
			return model.Opt{} // a counter keeps its source
		}
	}
	var sum model.Opt
	switch {
	case g.node.throttledGen == s.gen:
		sum = g.node.throttled
	case !s.layout.cpu.v2 || g.cpu.last == (model.Opt{}):
		return sum // its own could not be read
	}
	for n := g.node.parent; n.parent != nil; n = n.parent {
		sum = sum.Plus(s.nodeThrottled(n))
	}
	if sum == (model.Opt{}) {
		return sum // no controller on any level
	}
	// A level that cannot be read this once must not let the sum fall.
	g.cpu.throttled = throttleLevels
	g.cpu.heldMost = max(g.cpu.heldMost, sum.Or(0))
	return model.Some(g.cpu.heldMost)
}

// ownThrottled notes how long its own quota held g, for the guests inside too.
func (s *Source) ownThrottled(g *guest, seconds float64) {
	g.node.throttledGen, g.node.throttled = s.gen, model.Some(seconds)
}

// nodeThrottled returns how long the quota of one directory held what is in
// it. Guests of one directory share the reading.
func (s *Source) nodeThrottled(n *node) model.Opt {
	if n.throttledGen == s.gen {
		return n.throttled
	}
	n.throttledGen, n.throttled = s.gen, model.Opt{}
	b, err := s.files.ReadOnce(s.layout.cpu.root, n.path, "cpu.stat")
	if err != nil {
		return model.Opt{}
	}
	if s.layout.cpu.v2 {
		var st kernel.CPUStat
		if kernel.ParseCPUStat(b, &st) == nil && st.HasBandwidth {
			n.throttled = model.Some(float64(st.ThrottledUsec) / 1e6)
		}
		return n.throttled
	}
	var st kernel.CPUStatV1
	if kernel.ParseCPUStatV1(b, &st) == nil {
		n.throttled = model.Some(float64(st.ThrottledNsec) / 1e9)
	}
	return n.throttled
}
