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

	// What else KVM counts and bears on waiting.
	directedYields // a vCPU that spun for a lock gave way, or tried to
	directedYieldsDone
	preemptionsReported // a vCPU was taken off its CPU and the guest may know it
	preemptionsOther
	haltWakeups
	irqInjections
	insnEmulations
	tlbFlushes

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
	return eventOf(stat)
}

// eventOf is counterOf for what is no exit.
func eventOf(stat string) (c counter, ok bool) {
	switch stat {
	case "directed_yield_attempted.sum":
		return directedYields, true
	case "directed_yield_successful.sum":
		return directedYieldsDone, true
	case "preemption_reported.sum":
		return preemptionsReported, true
	case "preemption_other.sum":
		return preemptionsOther, true
	case "halt_wakeup.sum":
		return haltWakeups, true
	case "irq_injections.sum":
		return irqInjections, true
	case "insn_emulation.sum":
		return insnEmulations, true
	case "tlb_flush.sum":
		return tlbFlushes, true
	}
	return 0, false
}

// event returns the label of a counter of events.
func (c counter) event() string {
	switch c {
	case directedYields:
		return "directed_yield_attempted"
	case directedYieldsDone:
		return "directed_yield_successful"
	case preemptionsReported:
		return "preemption_reported"
	case preemptionsOther:
		return "preemption_other"
	case haltWakeups:
		return "halt_wakeup"
	case irqInjections:
		return "irq_injection"
	case insnEmulations:
		return "instruction_emulation"
	default:
		return "tlb_flush"
	}
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

// haltPollOf says of what a domain's halt polling is taken.
type haltPollOf uint8

const (
	ofNothing haltPollOf = iota // nobody has said anything yet
	ofVCPUs                     // KVM's statistics of each vCPU, summed here
	ofDomain                    // cpu.haltpoll.*, where those are not passed on
)

// fillHaltPoll sets the time that KVM spun. The daemon's own sum, cpu.haltpoll.*,
// is over the vCPUs that there are and falls when one is unplugged; ours does not.
// They differ, so what a domain begins with it keeps, and of the daemon's sum the
// highest that it has had.
func (c *carry) fillHaltPoll(h *model.HaltPoll) {
	own := model.HaltPoll{Success: c.vcpus.seconds(haltPollSuccess), Fail: c.vcpus.seconds(haltPollFail)}
	if c.haltPollOf == ofNothing {
		switch none := (model.HaltPoll{}); {
		case own != none:
			c.haltPollOf = ofVCPUs
		case *h != none:
			c.haltPollOf = ofDomain
		}
	}
	if c.haltPollOf == ofVCPUs {
		*h = own
		return
	}
	h.Success, h.Fail = highest(&c.haltPoll.Success, h.Success), highest(&c.haltPoll.Fail, h.Fail)
}

// highest keeps in *mark the highest value there was, and returns it in place of
// one that is there.
func highest(mark *model.Opt, now model.Opt) model.Opt {
	n, ok := now.Get()
	if !ok {
		return now
	}
	*mark = model.Some(max(n, mark.Or(n)))
	return *mark
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
	for i := exitsIO; i <= exitsWFE; i++ {
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

// fillEvents sets what else KVM counted of the vCPUs.
func (c *carry) fillEvents(g *model.Guest) {
	for i := directedYields; i < numCounters; i++ {
		if n, ok := c.vcpus.sum(i); ok {
			g.KVMEvents = append(g.KVMEvents, model.KVMEvent{Event: i.event(), Count: model.Some(float64(n))})
		}
	}
}
