package cgroup

import (
	"iter"
	"strings"

	"github.com/virt-exporter/virt_exporter/collector/kernel"
	"github.com/virt-exporter/virt_exporter/collector/model"
)

// isVM reports whether g is a virtual machine. Its steal is that of its vCPU
// threads and is no business of this package, which cannot tell them from the
// others.
func (g *guest) isVM() bool { return g.match.Kind == model.VM }

// parts yields the directories in which libvirt keeps the threads of a virtual
// machine: one for each vCPU and each I/O thread, and one for all the others.
// With cgroup v1 and without systemd they lie in the machine's own directory,
// else in one more between. A machine that is not libvirt's has none.
func (g *guest) parts() iter.Seq2[string, *node] {
	return func(yield func(string, *node) bool) {
		for name, c := range g.node.children {
			if isPart(name) && !yield(name, c) {
				return
			}
		}
		between, ok := g.node.children["libvirt"]
		if !ok {
			return
		}
		for name, c := range between.children {
			if isPart(name) && !yield(name, c) {
				return
			}
		}
	}
}

func isPart(name string) bool {
	return name == "emulator" || isVCPU(name) || numbered(name, "iothread")
}

func isVCPU(name string) bool { return numbered(name, "vcpu") }

// numbered reports whether a name is that prefix and a number.
func numbered(name, prefix string) bool {
	digits, ok := strings.CutPrefix(name, prefix)
	return ok && digits != "" && strings.Trim(digits, "0123456789") == ""
}

// partsState is what must be remembered of the throttled time of a virtual
// machine whose threads are in parts, in nanoseconds but for before.
type partsState struct {
	told   bool      // one of them has told its throttled time
	before float64   // seconds, as last read before they told
	gone   uint64    // of parts that were removed: vCPUs that were unplugged
	own    counter   // by the quota of the machine's own directory
	above  counter   // by those above it
	most   float64   // seconds, the largest sum of those above so far
	vcpus  model.Opt // seconds that vCPUs were held, those that are gone left out
}

// throttledParts returns how long quotas held the parts of g, in seconds per
// CPU queue. It holds state, because the kernel forgets what a removed part had.
// It is not ok where the parts have no controller of their own.
func (s *Source) throttledParts(g *guest) (held model.Opt, ok bool) {
	p := &g.cpu.parts
	sum, vcpus := p.gone, uint64(0)
	for name, part := range g.parts() {
		s.readHeld(g, part)
		p.told = p.told || part.held.known
		sum += part.held.value
		if isVCPU(name) {
			vcpus += part.held.value
		}
	}
	if !p.told {
		return model.Opt{}, false
	}
	if g.cpu.throttled == throttleLevels {
		s.readHeldAbove(g)
		sum += p.own.value + p.above.value
		vcpus += p.own.value + p.above.value
	}
	p.vcpus = model.Some(float64(vcpus) / 1e9)
	return model.Some(p.before + float64(sum)/1e9), true
}

// readHeld reads how long a part was held: since Linux 6.6 by all quotas on it
// and above, before by its own. One that cannot be read keeps what it had.
func (s *Source) readHeld(g *guest, part *node) {
	if g.cpu.throttled != throttleLevels {
		b, err := s.files.Read(&part.heldFile, s.layout.cpu.root, part.path, "cpu.stat.local")
		if err == nil {
			nsec, ok, err := kernel.ParseCPUStatLocal(b)
			if s.nodeParsed(s.layout.cpu, part, "cpu.stat.local", err) && ok {
				g.cpu.throttled = throttleLocal
				part.held.update(nsec, part.born == 0)
				return
			}
		}
		if g.cpu.throttled == throttleLocal {
			return // a counter keeps its source
		}
	}
	if held, ok := s.nodeThrottled(part).Get(); ok {
		g.cpu.throttled = throttleLevels
		part.held.update(uint64(held*1e9), part.born == 0)
	}
}

// readHeldAbove reads how long the quotas of the machine's own directory, and of
// those above it, held what is in them. What those above did before the machine
// was there is not its.
func (s *Source) readHeldAbove(g *guest) {
	p := &g.cpu.parts
	if held, ok := s.nodeThrottled(g.node).Get(); ok {
		p.own.update(uint64(held*1e9), g.atStart || p.before > 0)
	}
	var above model.Opt
	for n := g.node.parent; n.parent != nil; n = n.parent {
		above = above.Plus(s.nodeThrottled(n))
	}
	if held, ok := above.Get(); ok {
		p.most = max(p.most, held) // one that cannot be read this once must not let the sum fall
		p.above.update(uint64(p.most*1e9), true)
	}
}

// vcpuCores returns the sum of the quotas of g's vCPUs, in cores. It is absent
// unless every vCPU has one. A quota on its other threads limits no vCPU.
func (s *Source) vcpuCores(g *guest) model.Opt {
	var sum model.Opt
	for name, part := range g.parts() {
		if !isVCPU(name) {
			continue
		}
		cores, ok := s.nodeLimits(part).cpuCores.Get()
		if !ok {
			return model.Opt{}
		}
		sum = sum.Plus(model.Some(cores))
	}
	return sum
}
