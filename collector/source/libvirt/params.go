package libvirt

import (
	"strings"

	golibvirt "github.com/digitalocean/go-libvirt"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

const (
	maxVCPUs   = 4096 // as many as KVM allows
	maxDevices = 64   // disks, shares and interfaces of one domain, of each
	maxNumber  = 10   // digits of an index

	nanoseconds = 1e9
	kibibyte    = 1024
)

// carry is what the parameters of one domain need from reading to reading: the
// past of vCPUs that were unplugged, names, and room that is used again. The
// zero value is ready.
type carry struct {
	// preceding says that the domain ran before the exporter did. What its vCPUs
	// have at first is then where their sums begin: the past of vCPUs unplugged
	// earlier is unknown, and a restart of the exporter must not look like a
	// burst. Sums of a domain born later begin with all that it has.
	preceding bool

	vcpus   vcpus
	blocks  blocks
	nets    nets
	balloon balloon
	other   uint64 // high-water mark of the exits without a reason of their own

	haltPollOf haltPollOf
	haltPoll   model.HaltPoll // high-water marks of the domain's
}

// fill sets in g what one record of the daemon's bulk call holds, and makes
// absent what it does not: all of CPU (but for what only others know), HaltPoll,
// Exits, KVMEvents, the memory that libvirt knows, IO and Network. Units are the model's.
//
// Parameters are known by their names (libvirt-domain.h, virConnectGetAllDomainStats):
// new ones are added without notice and have a meaning for us only if they stand here.
// A parameter of a wrong type is as good as none.
//
// What g then holds belongs to c until the next call: slices and histograms are
// used again. fill does not allocate once it has seen a domain's devices.
func (c *carry) fill(g *model.Guest, params []golibvirt.TypedParam) {
	c.begin(g)
	for i := range params {
		p := &params[i]
		group, name, _ := strings.Cut(p.Field, ".")
		switch group {
		case "vcpu":
			c.vcpus.take(name, &p.Value)
		case "block":
			c.blocks.take(name, &p.Value)
		case "net":
			c.nets.take(name, &p.Value)
		case "balloon":
			c.balloon.take(name, &p.Value)
		case "cpu":
			takeCPU(g, name, &p.Value)
		}
	}
	c.finish(g)
}

func (c *carry) begin(g *model.Guest) {
	g.CPU.Usage, g.CPU.Run, g.CPU.Steal = model.Opt{}, model.Opt{}, model.Opt{}
	g.CPU.CPUs, g.CPU.LimitCores = model.Opt{}, model.Opt{}
	g.HaltPoll = model.HaltPoll{}
	g.Exits, g.KVMEvents = g.Exits[:0], g.KVMEvents[:0]
	g.IO, g.Network = g.IO[:0], g.Network[:0]
	c.balloon = balloon{}
	c.vcpus.begin()
	c.blocks.begin()
	c.nets.begin()
}

func (c *carry) finish(g *model.Guest) {
	c.balloon.fill(&g.Memory)
	c.vcpus.finish(c.preceding)
	c.vcpus.fillCPU(&g.CPU)
	c.fillHaltPoll(&g.HaltPoll)
	c.fillExits(g)
	c.fillEvents(g)
	g.IO = c.blocks.fill(g.IO)
	g.Network = c.nets.fill(g.Network)
}

// takeCPU takes cpu.*: the domain's CPU time, from its cgroup or, without one,
// of its process, and what KVM spun for idle vCPUs.
func takeCPU(g *model.Guest, name string, v *golibvirt.TypedParamValue) {
	switch name {
	case "time":
		g.CPU.Usage = seconds(v)
	case "haltpoll.success.time":
		g.HaltPoll.Success = seconds(v)
	case "haltpoll.fail.time":
		g.HaltPoll.Fail = seconds(v)
	}
}

// monitored says whether a record holds anything for which the daemon had to ask
// the hypervisor's monitor. What it knows without, it gives also of a domain
// whose monitor is busy or stuck.
func monitored(params []golibvirt.TypedParam) bool {
	for i := range params {
		group, name, _ := strings.Cut(params[i].Field, ".")
		switch group {
		case "balloon":
			if name != "current" && name != "maximum" {
				return true
			}
		case "vcpu":
			_, name, ok := cutNumber(name)
			if ok && !knownWithoutMonitor(name) {
				return true
			}
		case "block":
			_, name, ok := cutNumber(name)
			if ok && strings.HasPrefix(name, "rd.") {
				return true
			}
		}
	}
	return false
}

// knownWithoutMonitor says whether the daemon has a figure of a vCPU from /proc
// or from its own books.
func knownWithoutMonitor(name string) bool {
	switch name {
	case "state", "time", "wait", "delay":
		return true
	}
	return false
}

// cutNumber cuts off the number with which s begins, up to the next dot.
func cutNumber(s string) (n uint64, rest string, ok bool) {
	for i := range min(len(s), maxNumber+1) {
		switch c := s[i]; {
		case c == '.':
			return n, s[i+1:], i > 0
		case c < '0' || c > '9':
			return 0, "", false
		default:
			n = n*10 + uint64(c-'0')
		}
	}
	return 0, "", false
}
