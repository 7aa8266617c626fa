package cgroup

import (
	"time"

	"github.com/virt-exporter/virt_exporter/collector/blame"
	"github.com/virt-exporter/virt_exporter/collector/kernel"
	"github.com/virt-exporter/virt_exporter/collector/model"
	"github.com/virt-exporter/virt_exporter/collector/source"
)

// cpuState is what must be remembered of a guest's CPU time.
type cpuState struct {
	run, wait uint64        // nanoseconds, of all threads that ever ran in it
	delay     uint64        // ticks that they were blocked on block I/O
	at        time.Duration // when the last reading of its threads began
	readAt    time.Duration // the time of the last reading of its threads; 0 for never
	readGen   uint64        // that reading
	usageGen  uint64        // the last reading of its usage: what ran before it may be unread if this is not readGen
	sweptGen  uint64        // the last one that listed them all
	anyThread bool          // one was seen
	elsewhere bool          // its threads are in v1 alone: the unified hierarchy knows nothing of them

	source   usageSource
	last     model.Opt // CPU time charged, as last read
	used     bool      // some was charged since the guest was found
	own      ownQuota
	heldMost float64 // throttled time, the largest so far
	parts    partsState
	allowed  model.CPUSet // of the vCPUs of a virtual machine

	split     blame.Split
	coverage  source.Coverage
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
	g.idle = known && usage == g.cpu.last && g.cpu.readGen != 0 && g.cpu.readGen == g.cpu.usageGen
	g.cpu.usageGen = s.gen
	g.cpu.used = g.cpu.used || (known && g.cpu.last != (model.Opt{}) && usage != g.cpu.last)
	g.cpu.last = usage
}

// usage returns the CPU time charged to g. On hybrid hosts v1 is asked first:
// the unified hierarchy may have the cgroup and v1 alone its processes.
func (s *Source) usage(g *guest) model.Opt {
	if g.cpu.source != usageV2 && s.layout.mode != unifiedMode {
		usage := s.usageV1(g)
		if usage != (model.Opt{}) || g.cpu.source == usageV1 {
			return usage // a counter keeps its source
		}
	}
	if s.layout.unified.root == "" || !g.node.in(0) || g.cpu.elsewhere {
		return model.Opt{}
	}
	return s.usageV2(g)
}

func (s *Source) usageV1(g *guest) model.Opt {
	b := s.read(g, fileUsageV1)
	if b == nil {
		return model.Opt{}
	}
	nsec, _, err := kernel.ParseValue(b)
	if !s.parsed(g, fileUsageV1, err) {
		return model.Opt{}
	}
	g.cpu.source = usageV1
	return nanoseconds(nsec)
}

func (s *Source) usageV2(g *guest) model.Opt {
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

// readCPU gives the CPU time of g, its usage and its threads having been read.
func (s *Source) readCPU(g *guest, m *model.CPU) {
	old := *m
	*m = model.CPU{StealBy: m.StealBy[:0], Usage: g.cpu.last}
	if g.idle && g.cpu.throttled == throttleLocal && old.Throttled != (model.Opt{}) {
		m.Throttled = old.Throttled // its quotas hold only what wants to run; levels added up hold others too
	} else {
		s.readBandwidthV1(g)
		m.Throttled = s.throttledTime(g)
	}
	if m.Throttled != (model.Opt{}) {
		s.features.saw(featureThrottling, s.now) // whichever file it came from
	}
	m.ThrottledVCPUs = g.cpu.parts.vcpus
	m.LimitCores, m.Weight = s.limitCores(g), s.weight(g)
	own := &g.cpu.own
	if s.nodeLimits(g.node).cpuCores != (model.Opt{}) || own.periods.Or(0) > 0 { // no quota of its own, no periods
		m.Periods, m.ThrottledPeriods, m.Burst = own.periods, own.throttled, own.burst
	}
	if g.isVM() {
		m.Allowed = s.allowedVM(g)
		return // its CPUs are virtual, and its steal is that of those alone
	}
	m.Allowed = s.allowed(g.node)
	m.CPUs = count(m.Allowed)
	if g.cpu.readGen != s.gen {
		return
	}
	g.cpu.split.Update(s.now, g.cpu.run, g.cpu.wait, m.Throttled, m.CPUs.Or(1), g.atStart)
	if s.features.seen(featureThreads) && (g.cpu.anyThread || !g.cpu.used) {
		s.addSteal(g, m) // else it ran and nobody was seen running
	}
}

func (s *Source) addSteal(g *guest, m *model.CPU) {
	m.Run, m.Steal = nanoseconds(g.cpu.run), nanoseconds(g.cpu.wait)
	m.StealBy = g.cpu.split.Append(m.StealBy, g.cpu.throttled != throttleUnknown)
	if usage, ok := m.Usage.Get(); ok {
		m.StealCoverage = g.cpu.coverage.Update(s.now, float64(g.cpu.run)/1e9, usage)
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
