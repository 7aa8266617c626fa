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
	at        time.Duration // when the last reading of its threads began
	readAt    time.Duration // the time of the last reading of its threads; 0 for never
	readGen   uint64        // that reading
	sweptGen  uint64        // the last one that listed them all
	anyThread bool          // one was seen

	source   usageSource
	last     model.Opt // CPU time charged, as last read
	used     bool      // some was charged since the guest was found
	own      ownQuota
	heldMost float64 // throttled time, the largest so far

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

// ownQuota is what a guest's own quota did.
type ownQuota struct {
	periods, throttled, burst model.Opt
}

// usageSource is where a guest's CPU time comes from, for its life.
type usageSource int

const (
	usageUnknown usageSource = iota
	usageV2
	usageV1
)

// readUsage reads the CPU time charged to g and notes whether any was since the
// last reading.
func (s *Source) readUsage(g *guest) {
	usage := s.usage(g)
	_, known := usage.Get()
	g.idle = known && usage == g.cpu.last && g.cpu.readAt != 0
	g.cpu.used = g.cpu.used || (known && g.cpu.last != (model.Opt{}) && usage != g.cpu.last)
	g.cpu.last = usage
}

func (s *Source) usage(g *guest) model.Opt {
	if g.cpu.source != usageV1 && s.layout.usageV2(g) {
		b := s.read(g, fileUsageV2)
		var st kernel.CPUStat
		if b == nil || !s.parsed(g, fileUsageV2, kernel.ParseCPUStat(b, &st)) {
			return model.Opt{}
		}
		g.cpu.source = usageV2
		if st.HasBandwidth && s.layout.cpu.v2 {
			g.cpu.own = ownQuota{periods: model.Some(float64(st.NrPeriods)), throttled: model.Some(float64(st.NrThrottled))}
			s.ownThrottled(g, float64(st.ThrottledUsec)/1e6)
			if st.HasBurst {
				g.cpu.own.burst = model.Some(float64(st.BurstUsec) / 1e6)
			}
		}
		return model.Some(float64(st.UsageUsec) / 1e6)
	}
	if g.cpu.source == usageV2 {
		return model.Opt{} // a counter keeps its source
	}
	b := s.read(g, fileUsageV1)
	if b == nil {
		return model.Opt{}
	}
	nsec, _, err := kernel.ParseValue(b)
	if !s.parsed(g, fileUsageV1, err) {
		return model.Opt{}
	}
	g.cpu.source = usageV1
	return model.Some(float64(nsec) / 1e9)
}

// usageV2 reports whether the unified hierarchy accounts the CPU time of g: it
// does for every cgroup that it has, whichever controllers are on.
func (l *layout) usageV2(g *guest) bool {
	return l.unified.root != "" && (l.mode == unifiedMode || g.node.in(0))
}

// readCPU gives the CPU time of g, its usage and its threads having been read.
func (s *Source) readCPU(g *guest, m *model.CPU) {
	old := *m
	*m = model.CPU{StealBy: m.StealBy[:0], Usage: g.cpu.last}
	if g.idle && old.Throttled != (model.Opt{}) {
		m.Throttled = old.Throttled // quotas hold only what wants to run
	} else {
		s.readBandwidthV1(g)
		m.Throttled = s.throttledTime(g)
	}
	m.LimitCores, m.CPUs = s.limitCores(g), s.cpus(g)
	m.Weight = s.weight(g)
	own := &g.cpu.own
	if s.nodeLimits(g.node).cpuCores != (model.Opt{}) || own.periods.Or(0) > 0 { // no quota of its own, no periods
		m.Periods, m.ThrottledPeriods, m.Burst = own.periods, own.throttled, own.burst
	}
	if g.cpu.readGen != s.gen || !s.features.seen(featureThreads) || (g.cpu.used && !g.cpu.anyThread) {
		return // not seen, or it ran and nobody was seen running
	}
	s.addSteal(g, m)
}

func (s *Source) addSteal(g *guest, m *model.CPU) {
	g.cpu.split.update(s.now, g.cpu.run, g.cpu.wait, m.Throttled, m.CPUs.Or(1), g.atStart)
	m.Run, m.Steal = nanoseconds(g.cpu.run), nanoseconds(g.cpu.wait)
	if g.cpu.throttled != throttleUnknown {
		m.StealBy = append(m.StealBy, model.Stolen{
			Cause: model.CauseThrottle, Method: model.Estimated, Seconds: nanoseconds(g.cpu.split.throttle).Or(0),
		})
	}
	m.StealBy = append(m.StealBy, model.Stolen{
		Cause: model.CauseUnexplained, Method: model.Estimated, Seconds: nanoseconds(g.cpu.split.unexplained).Or(0),
	})
	if usage, ok := m.Usage.Get(); ok {
		m.StealCoverage = g.cpu.coverage.update(s.now, float64(g.cpu.run)/1e9, usage)
	}
}

func nanoseconds(n uint64) model.Opt { return model.Some(float64(n) / 1e9) }

// readBandwidthV1 reads what g's own quota did where the controller is in v1.
func (s *Source) readBandwidthV1(g *guest) {
	b := s.read(g, fileBandwidthV1)
	if b == nil {
		return
	}
	var st kernel.CPUStatV1
	if err := kernel.ParseCPUStatV1(b, &st); !s.parsed(g, fileBandwidthV1, err) {
		return
	}
	g.cpu.own = ownQuota{periods: model.Some(float64(st.NrPeriods)), throttled: model.Some(float64(st.NrThrottled))}
	if st.HasBurst {
		g.cpu.own.burst = model.Some(float64(st.BurstNsec) / 1e9)
	}
	s.ownThrottled(g, float64(st.ThrottledNsec)/1e9)
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

// split says how much of a guest's steal its quotas explain. The kernel counts
// throttled time per CPU queue and steal per thread: while a queue is held,
// each runnable thread on it waits. The number of runnable threads is taken
// from the interval's own run and wait, and spread over the CPUs of the guest;
// pinning that a cpuset does not show makes it too small, never too large, and
// the rest stays unexplained.
type split struct {
	at                    time.Duration
	run, steal            uint64    // nanoseconds, as of at
	held                  model.Opt // seconds, as of at
	throttle, unexplained uint64    // the sums, nanoseconds
}

func (sp *split) update(now time.Duration, run, steal uint64, held model.Opt, cpus float64, atStart bool) {
	dSteal := steal - sp.steal
	before, ok1 := sp.held.Get()
	after, ok2 := held.Get()
	var part float64 // seconds of dSteal that the quotas explain
	switch {
	case sp.at == 0 && !atStart:
		part = after // all of its life lies before this first reading
	case sp.at != 0 && now > sp.at && ok1 && ok2:
		runnable := float64(run-sp.run+dSteal) / float64(now-sp.at)
		part = max(after-before, 0) * max(1, runnable/max(cpus, 1))
	}
	explained := dSteal
	if limit := part * 1e9; limit < float64(dSteal) {
		explained = uint64(limit)
	}
	sp.throttle += explained
	sp.unexplained += dSteal - explained
	sp.at, sp.run, sp.steal, sp.held = now, run, steal, held
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
