package vmm

import (
	"fmt"
	"strings"

	"github.com/virt-exporter/virt_exporter/collector/identity"
	"github.com/virt-exporter/virt_exporter/collector/kernel"
	"github.com/virt-exporter/virt_exporter/collector/model"
)

// meetProcess reads what a process is. It is false where nothing is to be
// done: it is gone, or it is the one that was known.
func (s *Source) meetProcess(p *process) bool {
	b, err := s.files.ReadTaskOnce(s.opts.ProcFS, p.pid, "stat")
	if err != nil {
		if !kernel.Gone(err) && !kernel.Denied(err) {
			s.problems.Add(fmt.Errorf("reading %s/%d/stat: %w", s.opts.ProcFS, p.pid, err))
		}
		p.next = s.now
		return false
	}
	var st kernel.ThreadStat
	if err := kernel.ParseThreadStat(b, &st); err != nil {
		s.problems.Add(fmt.Errorf("reading %s/%d/stat: %w", s.opts.ProcFS, p.pid, err))
		p.next = s.now + young
		return false
	}
	if p.start != st.StartTicks { // the number is another's by now
		s.removeProcess(p)
		p.help, p.askedAt, p.leftOut = identity.Helper{}, 0, false
		p.metAt, p.metOld, p.knownAt = s.now, s.isOld(st.StartTicks), 0
	}
	if p.vm != nil || p.helps {
		p.next = s.now + s.opts.Recheck
		return false
	}
	comm, _ := kernel.ThreadComm(b)
	p.setComm(comm)
	p.start, p.ppid, p.kernel, p.guestTicks = st.StartTicks, st.PPID, st.Kernel(), st.GuestTicks
	p.next = s.nextLook(p.start)
	return true
}

// examine decides whether a process runs a virtual machine, serves one, or is
// of no interest.
func (s *Source) examine(p *process) {
	if parent := s.processes[p.ppid]; parent != nil && parent.vm != nil && parent.start <= p.start {
		s.join(p, parent.vm, mixed) // as crosvm has a process for each device
		if h, ok := s.helper(p); ok {
			p.component = h.Component
			parent.vm.describe() // it serves what its parent does
		}
		return
	}
	switch {
	case !p.kernel && (identity.MayRunVM(p.comm) || p.guestTicks > 0):
		s.examineVM(p)
	case identity.MayHelpVM(p.comm):
		if h, ok := s.helper(p); ok {
			p.helps, p.help = true, h
			s.orphans[p] = struct{}{}
		}
	}
}

// examineVM makes p a machine if it runs one.
func (s *Source) examineVM(p *process) {
	in, whole := s.describe(p)
	vm, ok := identity.VMFromProcess(in)
	if !ok && p.guestTicks > 0 && whole {
		// Only KVM's vCPU threads have guest time: it is a hypervisor, if one
		// of which nobody has heard.
		vm, ok = identity.VM{Runtime: runtimeOf(p.comm), Accelerator: "kvm"}, true
	}
	switch {
	case ok && vm.Runtime == dragonball && !s.hasVCPU(p, vm.Runtime): // not now, at least
	case !whole && (!ok || s.now < p.askedAt+young):
		p.next = s.now // its arguments may come yet
	case ok:
		s.admit(p, vm, in.Cgroup, whole)
	}
}

// dragonball runs inside the shim that every container of Kata has: only one
// that has a vCPU is a machine.
const dragonball = "dragonball"

// runtimeOf makes a runtime of the name of a program that is not known.
func runtimeOf(comm string) string {
	if name := strings.ToLower(strings.ToValidUTF8(strings.TrimSpace(comm), "\uFFFD")); name != "" {
		return name
	}
	return "unknown"
}

// describe gathers what identity asks of a process. It is not whole while the
// arguments are not there yet, see arguments. Of one that has had none for long
// there will be none.
func (s *Source) describe(p *process) (in identity.Process, whole bool) {
	in = identity.Process{Comm: p.comm, Cgroup: s.cgroupOf(p)}
	if b, err := s.files.ReadTaskOnce(s.opts.ProcFS, p.pid, "status"); err == nil {
		var st kernel.Status
		if kernel.ParseStatus(b, &st) == nil {
			in.UID, p.uid = st.UID, st.UID
		}
	}
	if p.askedAt == 0 {
		p.askedAt = s.now
	}
	var late bool
	in.Args, late = s.args.get(p)
	return in, !late && (len(in.Args) > 0 || s.now >= p.askedAt+young)
}

// cgroupOf returns the path of the cgroup of a process from the root of the
// hierarchy: the unified one, unless only v1 knows where it is.
func (s *Source) cgroupOf(p *process) string {
	b, err := s.files.ReadTaskOnce(s.opts.ProcFS, p.pid, "cgroup")
	if err != nil {
		return ""
	}
	var c kernel.ProcCgroup
	if kernel.ParseProcCgroup(b, &c) != nil {
		return ""
	}
	if paths := s.opts.Within.Paths(c); len(paths) > 0 {
		return paths[0]
	}
	return ""
}

// ownCgroup returns the part of a cgroup's path that is the directory of a
// virtual machine alone, or nothing.
func ownCgroup(path string) string {
	for end := 1; end <= len(path); end++ {
		if end < len(path) && path[end] != '/' {
			continue
		}
		if m, ok := identity.FromPath(path[:end]); ok && m.Kind == model.VM && !m.Helper {
			return path[:end]
		}
	}
	return ""
}
