package vmm

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/identity"
	"github.com/virt-exporter/virt_exporter/collector/kernel"
	"github.com/virt-exporter/virt_exporter/collector/model"
)

// machine is a virtual machine and what must be remembered of it.
type machine struct {
	vm        identity.VM
	main      *process   // the hypervisor's own
	processes []*process // main and its helpers
	name      model.Name // empty until given, see names.go
	who       identity.Who
	foundAt   time.Duration
	unread    bool   // its arguments are still being read
	own       string // path of its own cgroup; empty where it has none
	within    string // path of the cgroup in which it runs
	pod       string // UID of the pod in which that is; empty for none

	parts      [model.NumComponents]part
	served     []*served // its shares that daemons serve, or have served
	delay      uint64    // ticks that its threads were blocked on block I/O
	vcpus      int       // vCPU threads in the last reading
	roundRobin bool      // one thread runs all vCPUs
	everVCPU   bool
	shared     bool // the guest's memory is shared memory
	byTime     bool // a vCPU is known by its guest time alone
	tenant     tenant
	told       string // the accelerator that the vCPUs' threads tell; empty while they do not
	missing    bool   // there is a vCPU thread that is not known for one

	guestTicks, guestBase uint64
	majorFaults           uint64
	accounted             accounting
	outside               uint64 // nanoseconds of vCPU threads outside guest mode, the most so far
	ticks                 uint64 // CPU time of helpers that are gone

	affinity affinity

	out model.Guest
}

// part is what the threads of one component did, in nanoseconds.
type part struct {
	run, wait uint64
	seen      bool // it ran something
	threads   bool // one of its threads was seen
}

// accounting says whether the time in guest mode is known, for a machine's life.
type accounting int

const (
	accountingUnknown accounting = iota
	accountingGuest              // KVM tells it
	accountingNone               // it never does: TCG, VirtualBox, VMware
)

// admit makes p a machine.
func (s *Source) admit(p *process, vm identity.VM, cgroup string, whole bool) {
	of := tenantOf(p, cgroup)
	if len(s.machines) >= s.opts.MaxGuests || !s.hasRoom(of) {
		if !p.leftOut {
			s.dropped["limit"]++
		}
		p.leftOut, s.waiting, p.knownAt = true, true, cmp.Or(p.knownAt, s.now)
		return
	}
	p.leftOut = false
	s.tenants[of]++
	m := &machine{tenant: of, vm: vm, foundAt: s.now, unread: !whole, within: cgroup, own: ownCgroup(cgroup), pod: podOf(cgroup)}
	s.join(p, m, mixed)
	m.main = p
	s.machines = append(s.machines, m)
	s.knowSockets(m)
	slices.SortStableFunc(s.machines, func(a, b *machine) int { return cmp.Compare(a.main.start, b.main.start) })
}

// How many machines one tenant may have: whoever may start processes can call
// them like a hypervisor.
const (
	maxInside = 256  // in one container
	maxOfUser = 1024 // of one user who is not root
)

// tenant is whose machines are limited together: a container's, or a user's.
type tenant struct {
	container string
	uid       uint32
}

// tenantOf returns whose a process is: nobody's of root's, and of one to which the
// host has given a cgroup of its own.
func tenantOf(p *process, cgroup string) tenant {
	if path, _, inside := container(cgroup); inside {
		return tenant{container: path}
	}
	if givenByHost(ownCgroup(cgroup)) {
		return tenant{}
	}
	return tenant{uid: p.uid}
}

// givenByHost reports whether a machine's own cgroup is where no user makes one.
func givenByHost(own string) bool { return own != "" && !strings.HasPrefix(own, "/user.slice/") }

// hasRoom reports whether one more of a tenant's is admitted.
func (s *Source) hasRoom(t tenant) bool {
	switch {
	case t == tenant{}:
		return true
	case t.container != "":
		return s.tenants[t] < maxInside
	}
	return s.tenants[t] < maxOfUser
}

// knowSockets notes by which sockets the daemons of m are known.
func (s *Source) knowSockets(m *machine) {
	for _, socket := range m.vm.Sockets {
		master, at := m, socketAt{m.pod, socket.Path}
		if other, known := s.sockets[at]; known && other != m {
			master = nil // in two mount namespaces: it tells neither
		}
		s.sockets[at] = master
	}
}

// join makes p a process of m.
func (s *Source) join(p *process, m *machine, c model.Component) {
	p.vm, p.usage = m, &usage{component: c, taskDir: s.taskDir(p.pid), base: s.hasPast(p)}
	p.knownAt = cmp.Or(p.knownAt, s.now)
	delete(s.orphans, p)
	m.processes = append(m.processes, p)
}

// hasPast reports whether what a process did so far does not count: it did that
// before the exporter saw it for what it is, for another machine, or while it
// found no machine or no room. What was only waited for since its birth, for its
// arguments, has none.
func (s *Source) hasPast(p *process) bool {
	served := p.knownAt != 0 && p.knownAt < s.now
	waited := !p.metOld && p.askedAt == p.metAt && !served
	return s.isOld(p.start) && !waited
}

// leave takes a helper that is gone out of m, which keeps what it did.
func (m *machine) leave(p *process, total uint64) {
	m.ticks += total
	m.processes = slices.DeleteFunc(m.processes, func(q *process) bool { return q == p })
}

// end lets go of a machine. Its helpers may outlive it for a moment.
func (s *Source) end(m *machine) {
	if s.tenants[m.tenant]--; s.tenants[m.tenant] == 0 {
		delete(s.tenants, m.tenant)
	}
	s.releaseName(m)
	for _, socket := range m.vm.Sockets {
		at := socketAt{m.pod, socket.Path}
		if master := s.sockets[at]; master == m || master == nil {
			delete(s.sockets, at)
		}
	}
	for _, p := range slices.Clone(m.processes) {
		if p != m.main {
			s.removeProcess(p)
			p.next = s.now // it may be another's: look at it again
		}
	}
	s.machines = slices.DeleteFunc(s.machines, func(q *machine) bool { return q == m })
	if len(m.vm.Sockets) > 0 {
		for _, q := range s.machines {
			s.knowSockets(q) // what was two machines' may be one's now
		}
	}
	s.admitWaiting()
	if s.next == m {
		s.next = nil
	}
}

// admitWaiting has those looked at again that found no room.
func (s *Source) admitWaiting() {
	if !s.waiting {
		return
	}
	s.waiting = false
	for _, p := range s.processes {
		if p.leftOut {
			p.next = s.now
		}
	}
}

// readMachines reads one machine after the other as far as the deadline allows.
// The next reading begins with the one that this one did not reach.
func (s *Source) readMachines(ctx context.Context) error {
	all := s.machines
	first := max(slices.Index(all, s.next), 0)
	for i := range all {
		m := all[(first+i)%len(all)]
		if ctx.Err() != nil {
			s.next = m
			return fmt.Errorf("reading virtual machines: %d of %d were not reached: %w", len(all)-i, len(all), context.Cause(ctx))
		}
		if m.name.Guest != "" && s.readMachine(m) {
			s.out = append(s.out, m.out)
		}
	}
	s.next = nil
	return nil
}

// readMachine reads one machine. It is false for one that has ceased to exist.
func (s *Source) readMachine(m *machine) bool {
	for _, p := range m.processes {
		if !s.readProcess(m, p) && p == m.main {
			return false
		}
	}
	m.count()
	s.readAffinity(m)
	s.readMemory(m, &m.out.Memory)
	m.account()
	s.show(m)
	if m.vcpus > 0 {
		s.features.saw(featureVCPUs, s.now)
	} else if !m.everVCPU && s.now > m.foundAt+grown {
		s.features.lacks(featureVCPUs, model.NotSupported, s.now)
	}
	return true
}

// count counts the vCPU threads.
func (m *machine) count() {
	m.vcpus = 0
	for _, t := range m.main.threads {
		if t.vcpu {
			m.vcpus++
		}
	}
	m.everVCPU = m.everVCPU || m.vcpus > 0
}

// noteMain takes what the kernel sums up over all threads of the hypervisor's
// process, those included that have exited.
func (m *machine) noteMain(st *kernel.ThreadStat) {
	if m.main.readAt == 0 && m.main.base {
		m.guestBase = st.GuestTicks
	}
	m.guestTicks = max(st.GuestTicks, m.guestTicks)
	m.majorFaults = max(st.MajorFaults, m.majorFaults)
}

// account decides whether guest time is accounted, and splits the vCPUs' time
// by it. KVM accounts it in ticks: hence a high-water mark.
func (m *machine) account() {
	// The run time after which one without guest time has none. A KVM that shows
	// none emulates: in real mode on old CPUs, for a while.
	enough := uint64(time.Second)
	if m.vm.Accelerator == "kvm" {
		enough = uint64(time.Minute)
	}
	run := m.parts[model.VCPU].run
	switch {
	case m.accounted != accountingUnknown:
	case m.guestTicks > 0:
		m.accounted = accountingGuest
	case m.vm.Accelerator == "tcg", run > enough:
		m.accounted = accountingNone
	}
	if m.accounted == accountingGuest {
		inGuest := (m.guestTicks - min(m.guestTicks, m.guestBase)) * uint64(tick)
		m.outside = max(m.outside, run-min(run, inGuest))
		m.missing = inGuest > run+2*uint64(tick)
	}
}
