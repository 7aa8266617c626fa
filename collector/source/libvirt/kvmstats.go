package libvirt

import "github.com/virt-exporter/virt_exporter/collector/model"

// counter is one of a vCPU's parameters that only grow.
type counter uint8

const (
	vcpuTime  counter = iota // nanoseconds on a CPU
	vcpuDelay                // nanoseconds runnable and not on a CPU

	// KVM's statistics of a vCPU (its binary statistics, through QEMU's
	// query-stats). Their names are the kernel's and differ by architecture.
	haltPollSuccess // nanoseconds
	haltPollFail
	exitsAll
	exitsIO
	exitsMMIO
	exitsMMIOKernel // those that the kernel answered, where it tells them apart
	exitsHalt
	exitsIRQ
	exitsIRQWindow
	exitsNMIWindow
	exitsHypercall
	exitsWFE

	numCounters
)

// counterSet is a set of counters.
type counterSet uint32

func (s *counterSet) add(c counter)     { *s |= 1 << c }
func (s counterSet) has(c counter) bool { return s&(1<<c) != 0 }

// counterOf returns the counter that stands behind vcpu.N. in a parameter's
// name. Left out are statistics that are no exit from guest mode of their own
// (signal_exits and request_irq_exits count ways back to user space) and parts
// of others.
func counterOf(stat string) (c counter, ok bool) {
	switch stat {
	case "time":
		return vcpuTime, true
	case "delay":
		return vcpuDelay, true
	case "halt_poll_success_ns.sum":
		return haltPollSuccess, true
	case "halt_poll_fail_ns.sum":
		return haltPollFail, true
	case "exits.sum", "sum_exits.sum": // ppc has the latter
		return exitsAll, true
	case "io_exits.sum":
		return exitsIO, true
	case "mmio_exits.sum", "mmio_exit_user.sum": // the latter on arm64 and riscv
		return exitsMMIO, true
	case "mmio_exit_kernel.sum":
		return exitsMMIOKernel, true
	case "halt_exits.sum", "wfi_exit_stat.sum":
		return exitsHalt, true
	case "irq_exits.sum":
		return exitsIRQ, true
	case "irq_window_exits.sum":
		return exitsIRQWindow, true
	case "nmi_window_exits.sum":
		return exitsNMIWindow, true
	case "hypercalls.sum", "hvc_exit_stat.sum", "ecall_exit_stat.sum":
		return exitsHypercall, true
	case "wfe_exit_stat.sum":
		return exitsWFE, true
	}
	return 0, false
}

// reason returns the label of a counter of exits, empty for the others.
func (c counter) reason() string {
	switch c {
	case exitsIO:
		return "io"
	case exitsMMIO:
		return "mmio"
	case exitsHalt:
		return "halt"
	case exitsIRQ:
		return "irq"
	case exitsIRQWindow:
		return "irq_window"
	case exitsNMIWindow:
		return "nmi_window"
	case exitsHypercall:
		return "hypercall"
	case exitsWFE:
		return "wfe"
	}
	return ""
}

// fillHaltPoll takes the time that KVM spun from its statistics where the daemon
// gave no cpu.haltpoll.*.
func (c *carry) fillHaltPoll(h *model.HaltPoll) {
	if _, ok := h.Success.Get(); !ok {
		h.Success = c.vcpus.seconds(haltPollSuccess)
	}
	if _, ok := h.Fail.Get(); !ok {
		h.Fail = c.vcpus.seconds(haltPollFail)
	}
}

func (s *vcpus) seconds(c counter) model.Opt {
	n, ok := s.sum(c)
	if !ok {
		return model.Opt{}
	}
	return model.Some(float64(n) / nanoseconds)
}

// fillExits sets the exits by reason, and as "other" what is left of them all.
// The counters are not read at one moment, and one access to memory-mapped I/O
// may be counted twice: other is a high-water mark that begins at 0. Where KVM
// does not count exits as a whole (s390), there is no other.
func (c *carry) fillExits(g *model.Guest) {
	var known uint64
	for i := exitsIO; i < numCounters; i++ {
		if i == exitsMMIOKernel {
			continue // within mmio
		}
		n, ok := c.vcpus.sum(i)
		if i == exitsMMIO {
			kernel, also := c.vcpus.sum(exitsMMIOKernel)
			if also {
				n, ok = addSaturated(n, kernel), true
			}
		}
		if !ok {
			continue
		}
		known = addSaturated(known, n)
		g.Exits = append(g.Exits, model.Exits{Reason: i.reason(), Count: model.Some(float64(n))})
	}
	all, ok := c.vcpus.sum(exitsAll)
	if !ok {
		return
	}
	if all > known {
		c.other = max(c.other, all-known)
	}
	g.Exits = append(g.Exits, model.Exits{Reason: "other", Count: model.Some(float64(c.other))})
}
