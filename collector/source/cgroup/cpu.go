package cgroup

import (
	"math"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/kernel"
	"github.com/virt-exporter/virt_exporter/collector/model"
)

// cpuState is what must be remembered of a guest's CPU time.
type cpuState struct {
	run, wait uint64        // nanoseconds, of all threads that ever ran in it
	delay     uint64        // ticks that they were blocked on block I/O
	readAt    time.Duration // when its threads were last read; 0 for never
	readGen   uint64

	split     split
	coverage  coverage
	throttled throttleSource
}

// throttleSource is where a guest's throttled time comes from, for its life.
type throttleSource int

const (
	throttleUnknown throttleSource = iota
	throttleLocal                  // cpu.stat.local: the kernel has added up all levels
	throttleLevels                 // cpu.stat of every level, added up here
)

// readCPU reads the CPU time of g, its threads having been read before.
func (s *Source) readCPU(g *guest, m *model.CPU) {
	*m = model.CPU{StealBy: m.StealBy[:0]}
	s.readUsage(g, m)
	m.Throttled = s.throttledTime(g)
	m.LimitCores, m.CPUs = s.limitCores(g), s.cpus(g)
	m.Weight = s.weight(g)
	if s.nodeLimits(g.node).cpuCores == (model.Opt{}) && m.Periods.Or(0) == 0 {
		m.Periods, m.ThrottledPeriods, m.Burst = model.Opt{}, model.Opt{}, model.Opt{} // no quota of its own, no periods
	}
	if g.cpu.readGen != s.gen || !s.features.seen(featureThreads) {
		return
	}
	run, steal := float64(g.cpu.run)/1e9, float64(g.cpu.wait)/1e9
	m.Run, m.Steal = model.Some(run), model.Some(steal)
	g.cpu.split.update(s.now, run, steal, m.Throttled, m.CPUs.Or(1), g.atStart)
	if m.Throttled != (model.Opt{}) {
		m.StealBy = append(m.StealBy, model.Stolen{Cause: model.CauseThrottle, Method: model.Estimated, Seconds: g.cpu.split.throttle})
	}
	m.StealBy = append(m.StealBy, model.Stolen{
		Cause: model.CauseUnexplained, Method: model.Estimated, Seconds: steal - g.cpu.split.throttle,
	})
	if usage, ok := m.Usage.Get(); ok {
		m.StealCoverage = g.cpu.coverage.update(s.now, run, usage)
	}
}

// readUsage reads the CPU time charged to g and its own quota's periods.
func (s *Source) readUsage(g *guest, m *model.CPU) {
	if !s.layout.usageV2(g) {
		if b := s.read(g, fileUsageV1); b != nil {
			if nsec, _, err := kernel.ParseValue(b); s.parsed(g, fileUsageV1, err) {
				m.Usage = model.Some(float64(nsec) / 1e9)
			}
		}
	} else if b := s.read(g, fileUsageV2); b != nil {
		var st kernel.CPUStat
		if err := kernel.ParseCPUStat(b, &st); s.parsed(g, fileUsageV2, err) {
			m.Usage = model.Some(float64(st.UsageUsec) / 1e6)
			if st.HasBandwidth && s.layout.cpu.v2 {
				m.Periods, m.ThrottledPeriods = model.Some(float64(st.NrPeriods)), model.Some(float64(st.NrThrottled))
				s.ownThrottled(g, float64(st.ThrottledUsec)/1e6)
			}
			if st.HasBurst {
				m.Burst = model.Some(float64(st.BurstUsec) / 1e6)
			}
		}
	}
	if b := s.read(g, fileBandwidthV1); b != nil {
		var st kernel.CPUStatV1
		if err := kernel.ParseCPUStatV1(b, &st); s.parsed(g, fileBandwidthV1, err) {
			m.Periods, m.ThrottledPeriods = model.Some(float64(st.NrPeriods)), model.Some(float64(st.NrThrottled))
			s.ownThrottled(g, float64(st.ThrottledNsec)/1e9)
			if st.HasBurst {
				m.Burst = model.Some(float64(st.BurstNsec) / 1e9)
			}
		}
	}
}

// usageV2 reports whether the unified hierarchy accounts the CPU time of g: it
// does for every cgroup that it has, whichever controllers are on.
func (l *layout) usageV2(g *guest) bool {
	return l.unified.root != "" && (l.mode == unifiedMode || g.node.in(0))
}

// throttledTime returns how long quotas held g, in seconds per CPU queue.
// Since Linux 6.6 cpu.stat.local says it, all levels together; before, the
// levels are added up, which counts twice what two of them held at once.
func (s *Source) throttledTime(g *guest) model.Opt {
	if g.cpu.throttled != throttleLevels {
		if b := s.read(g, fileThrottledLocal); b != nil {
			nsec, ok, err := kernel.ParseCPUStatLocal(b)
			if s.parsed(g, fileThrottledLocal, err) && ok {
				g.cpu.throttled = throttleLocal
				return model.Some(float64(nsec) / 1e9)
			}
		}
		if g.cpu.throttled == throttleLocal {
			return model.Opt{} // a counter keeps its source
		}
	}
	if g.node.throttledGen != s.gen {
		return model.Opt{} // no controller, or it could not be read now
	}
	g.cpu.throttled = throttleLevels
	sum := g.node.throttled
	for n := g.node.parent; n.parent != nil; n = n.parent {
		sum = sum.Plus(s.nodeThrottled(n))
	}
	return sum
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

// split says how much of a guest's steal its quotas explain. The kernel counts
// throttled time per CPU queue and steal per thread: while a queue is held,
// each runnable thread on it waits. The number of runnable threads is taken
// from the interval's own run and wait, and spread over the CPUs of the guest;
// pinning that a cpuset does not show makes it too small, never too large, and
// the rest stays unexplained.
type split struct {
	at               time.Duration
	run, steal, held float64 // as of at
	throttle         float64 // the sum, seconds
}

func (sp *split) update(now time.Duration, run, steal float64, held model.Opt, cpus float64, atStart bool) {
	heldNow, ok := held.Get()
	if !ok {
		return
	}
	switch {
	case sp.at == 0 && !atStart:
		sp.throttle = min(steal, heldNow) // all of its life lies before this first reading
	case sp.at != 0 && now > sp.at:
		dRun, dSteal, dHeld := run-sp.run, steal-sp.steal, max(heldNow-sp.held, 0)
		runnable := (dRun + dSteal) / (now - sp.at).Seconds()
		sp.throttle += min(dSteal, dHeld*max(1, runnable/max(cpus, 1)))
	}
	sp.at, sp.run, sp.steal, sp.held = now, run, steal, heldNow
}

// coverage compares the run time of the threads that were seen with the CPU
// time that the kernel charged, over the last minutes.
type coverage struct {
	at         time.Duration
	run, usage float64 // as of at
	seen, used float64 // decayed sums
}

const (
	coverageMemory = 5 * time.Minute
	coverageFloor  = 0.05 // seconds of CPU time below which nothing can be said
)

func (c *coverage) update(now time.Duration, run, usage float64) model.Opt {
	if c.at != 0 && now > c.at {
		decay := math.Exp(-float64(now-c.at) / float64(coverageMemory))
		c.seen = c.seen*decay + (run - c.run)
		c.used = c.used*decay + max(usage-c.usage, 0)
	}
	c.at, c.run, c.usage = now, run, usage
	if c.used < coverageFloor {
		return model.Opt{}
	}
	return model.Some(min(c.seen/c.used, 1))
}
