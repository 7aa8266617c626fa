package cgroup

import (
	"fmt"
	"math"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/kernel"
	"github.com/virt-exporter/virt_exporter/collector/model"
)

// limitCores returns the smallest CPU quota over the levels of g, in cores.
func (s *Source) limitCores(g *guest) model.Opt {
	var smallest model.Opt
	for n := g.node; n.parent != nil; n = n.parent {
		smallest = smallest.Min(s.nodeLimits(n).cpuCores)
	}
	if g.isVM() {
		smallest = smallest.Min(s.vcpuCores(g))
	}
	return smallest
}

// limitMemory returns the smallest memory limit over the levels of g.
func (s *Source) limitMemory(g *guest) model.Opt {
	var smallest model.Opt
	for n := g.node; n.parent != nil; n = n.parent {
		smallest = smallest.Min(s.nodeLimits(n).memory)
	}
	return smallest
}

// weight returns the CPU weight of g: 100 is the default. v1 counts shares, of
// which 1024 are the default; the kernel's own conversion is the ratio.
func (s *Source) weight(g *guest) model.Opt { return s.nodeLimits(g.node).weight }

// nodeLimits returns the limits of one directory. Guests of one directory
// share the reading, and it is not repeated before Options.Recheck.
func (s *Source) nodeLimits(n *node) *limits {
	l := &n.limits
	if l.next != 0 && (s.now < l.next || l.gen == s.gen) {
		return l
	}
	*l = limits{gen: s.gen, next: s.recheckAt(n, l.next == 0)}
	if g := n.owner; g != nil && g.isVM() && n != g.node {
		l.cpuCores, l.weight = s.nodeCPULimit(n)
		if isVCPU(base(n.path)) {
			l.allowed = s.nodeCPUs(n)
		}
		return l // nobody asks a part for the rest
	}
	l.allowed = s.nodeCPUs(n)
	if n.parent == nil {
		return l // the root has no limits
	}
	l.cpuCores, l.weight = s.nodeCPULimit(n)
	name := "memory.max"
	if !s.layout.memory.v2 {
		name = "memory.limit_in_bytes"
	}
	if v, ok := s.nodeValue(s.layout.memory, n, name); ok && v < unlimitedV1 {
		l.memory = model.Some(float64(v))
	}
	return l
}

// recheckAt returns when what was just read of a directory is due again. The
// first time it is spread over the interval, so that no reading has them all to
// do. A young directory is due at once: the engine is still writing its limits.
func (s *Source) recheckAt(n *node, first bool) time.Duration {
	switch {
	case n.born != 0 && s.now < n.born+patience:
		return s.now
	case !first:
		return s.now + s.opts.Recheck
	}
	return s.now + s.spread(s.opts.Recheck)
}

// spread returns another part of an interval each time.
func (s *Source) spread(every time.Duration) time.Duration {
	s.turn = (s.turn + 61) % 256
	return every * time.Duration(s.turn+1) / 256
}

// unlimitedV1 is what v1 shows for a memory limit that is not set: the largest
// multiple of the page size, whatever that is.
const unlimitedV1 = 1<<63 - 1<<20

func (s *Source) nodeCPULimit(n *node) (cores, weight model.Opt) {
	h := s.layout.cpu
	if h.v2 {
		if w, ok := s.nodeValue(h, n, "cpu.weight"); ok {
			weight = model.Some(float64(w))
		}
		if b := s.nodeFile(h, n, "cpu.max"); b != nil {
			quota, period, unlimited, err := kernel.ParseCPUMax(b)
			if s.nodeParsed(h, n, "cpu.max", err) && !unlimited && period > 0 {
				cores = model.Some(float64(quota) / float64(period))
			}
		}
		return cores, weight
	}
	if shares, ok := s.nodeValue(h, n, "cpu.shares"); ok {
		weight = model.Some(float64(shares) * 100 / 1024)
	}
	if b := s.nodeFile(h, n, "cpu.cfs_quota_us"); b != nil {
		quota, err := kernel.ParseSigned(b)
		if s.nodeParsed(h, n, "cpu.cfs_quota_us", err) && quota > 0 {
			if period, ok := s.nodeValue(h, n, "cpu.cfs_period_us"); ok && period > 0 {
				cores = model.Some(float64(quota) / float64(period))
			}
		}
	}
	return cores, weight
}

// nodeValue reads a file of one number; not ok where it is not there or "max".
func (s *Source) nodeValue(h hierarchy, n *node, name string) (uint64, bool) {
	b := s.nodeFile(h, n, name)
	if b == nil {
		return 0, false
	}
	v, unlimited, err := kernel.ParseValue(b)
	return v, s.nodeParsed(h, n, name, err) && !unlimited
}

// nodeFile reads a file of any directory, nil where it is not there. A file
// that is refused makes no feature of its own: those of the guest's counters
// beside it are refused too.
func (s *Source) nodeFile(h hierarchy, n *node, name string) []byte {
	if h.root == "" {
		return nil
	}
	b, err := s.files.ReadOnce(h.root, n.path, name)
	if err != nil {
		return nil
	}
	return b
}

func (s *Source) nodeParsed(h hierarchy, n *node, name string, err error) bool {
	if err != nil {
		s.problems.Add(fmt.Errorf("parsing %s%s/%s: %w", h.root, n.path, name, err))
	}
	return err == nil
}

// readIOLimits reads the caps that g itself has on devices.
func (s *Source) readIOLimits(g *guest) {
	if g.ioLimitsNext != 0 && s.now < g.ioLimitsNext {
		return
	}
	g.ioLimitsNext = s.recheckAt(g.node, g.ioLimitsNext == 0)
	for i := range g.io {
		g.io[i].readLimit, g.io[i].writeLimit = model.IOLimit{}, model.IOLimit{}
	}
	h, path := s.layout.io, g.node.path
	if h.root == "" {
		return
	}
	if h.v2 {
		b, err := s.files.ReadOnce(h.root, path, "io.max")
		if err != nil {
			return
		}
		limits, err := kernel.ParseIOMax(b, nil)
		if err != nil {
			s.problems.Add(fmt.Errorf("parsing %s%s/io.max: %w", h.root, path, err))
		}
		for _, l := range limits {
			d := g.device(l.Device)
			d.readLimit = model.IOLimit{BytesPerSecond: capped(l.ReadBPS), RequestsPerSecond: capped(l.ReadIOPS)}
			d.writeLimit = model.IOLimit{BytesPerSecond: capped(l.WriteBPS), RequestsPerSecond: capped(l.WriteIOPS)}
		}
		return
	}
	s.readIOLimitV1(g, "read_bps", func(d *ioState) *model.Opt { return &d.readLimit.BytesPerSecond })
	s.readIOLimitV1(g, "write_bps", func(d *ioState) *model.Opt { return &d.writeLimit.BytesPerSecond })
	s.readIOLimitV1(g, "read_iops", func(d *ioState) *model.Opt { return &d.readLimit.RequestsPerSecond })
	s.readIOLimitV1(g, "write_iops", func(d *ioState) *model.Opt { return &d.writeLimit.RequestsPerSecond })
}

func (s *Source) readIOLimitV1(g *guest, what string, field func(*ioState) *model.Opt) {
	b, err := s.files.ReadOnce(s.layout.io.root, g.node.path, "blkio.throttle."+what+"_device")
	if err != nil {
		return
	}
	limits, err := kernel.ParseDeviceLimits(b, nil)
	if err != nil {
		s.problems.Add(fmt.Errorf("parsing %s%s/blkio.throttle.%s_device: %w", s.layout.io.root, g.node.path, what, err))
	}
	for _, l := range limits {
		*field(g.device(l.Device)) = capped(l.Value)
	}
}

// capped returns a limit, absent where the kernel says max.
func capped(v uint64) model.Opt {
	if v == math.MaxUint64 {
		return model.Opt{}
	}
	return model.Some(float64(v))
}
