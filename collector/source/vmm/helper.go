package vmm

import (
	"cmp"
	"slices"
	"strings"

	"github.com/virt-exporter/virt_exporter/collector/identity"
)

// helper asks what a process does for a machine.
func (s *Source) helper(p *process) (identity.Helper, bool) {
	if !identity.MayHelpVM(p.comm) {
		return identity.Helper{}, false
	}
	in, whole := identity.Process{Comm: p.comm}, true
	if !p.kernel {
		in, whole = s.describe(p)
	}
	if !whole && s.now < p.askedAt+young {
		p.next = s.now // its arguments may come yet
		return identity.Helper{}, false
	}
	h, ok := identity.HelperFromProcess(in)
	if h.OwnerPID != 0 && !p.kernel {
		return identity.Helper{}, false // whoever may name his process can call it vhost-1
	}
	if ok && !s.findSocket(p, &h, p.pid, p.ppid, 1) && p.vm == nil {
		p.next = s.now
		return identity.Helper{}, false
	}
	if ok {
		p.help, p.knownAt = h, cmp.Or(p.knownAt, s.now)
	}
	return h, ok
}

// maxOrphans bounds the helpers whose machine is looked for at each reading.
const maxOrphans = 1024

// adoptOrphans gives helpers to the machines that they serve. One that serves
// none yet is kept: its machine may be about to start, and daemons start first.
// Parents come before their children, which are known by them.
func (s *Source) adoptOrphans() {
	if len(s.orphans) == 0 {
		return
	}
	s.look = s.look[:0]
	for p := range s.orphans {
		s.look = append(s.look, p)
	}
	defer func() { clear(s.look) }()
	slices.SortFunc(s.look, byAge)
	for _, p := range s.look {
		if m := s.masterOf(p); m != nil {
			if !s.findSocket(p, &p.help, m.main.pid) {
				continue
			}
			s.join(p, m, p.help.Component)
			m.describe() // it knows what is shared
		} else if len(s.orphans) > maxOrphans {
			delete(s.orphans, p)
			p.helps = false
		}
	}
}

// masterOf returns the machine that a helper serves: the one whose process or
// thread it names, whose child it is, whose cgroup it is in, whose socket it
// serves, or that it calls by name.
func (s *Source) masterOf(p *process) *machine {
	h := &p.help
	if h.OwnerPID != 0 {
		return s.ownerOf(h.OwnerPID)
	}
	if parent := s.processes[p.ppid]; parent != nil && parent.vm != nil && parent.start <= p.start {
		return parent.vm
	}
	cgroup := s.cgroupOf(p)
	if cgroup != "" {
		for _, m := range s.machines {
			if m.own != "" && (cgroup == m.own || strings.HasPrefix(cgroup, m.own+"/")) {
				return m
			}
		}
	}
	var m *machine
	if h.Socket != "" {
		m = s.sockets[socketAt{podOf(cgroup), h.Socket}]
	}
	if m == nil {
		m = s.called(h.VMName)
	}
	if m == nil || !mayServe(p, cgroup, m) {
		return nil
	}
	return m
}

// socketAt is a socket of passthrough daemons. All pods have it at the same path,
// each in a directory of its own.
type socketAt struct{ pod, path string }

// podOf returns the UID of the pod in which a cgroup is; empty for none.
func podOf(cgroup string) string {
	_, match, _ := container(cgroup)
	return match.PodUID
}

// mayServe reports whether what a process says of itself is to be believed: it
// is the machine's user's or the system's own, and in the same container or pod
// if it is in one. Anybody may call his process a machine's virtiofsd.
func mayServe(p *process, cgroup string, m *machine) bool {
	const firstPerson = 1000 // users below are the system's: swtpm and passt have their own
	its, match, _ := container(cgroup)
	machines, _, _ := container(m.within)
	together := its == machines || match.PodUID != "" && match.PodUID == m.pod
	return together && (p.uid < firstPerson || p.uid == m.main.uid)
}

// ownerOf returns the machine of the process, or of the thread, that made a
// vhost worker.
func (s *Source) ownerOf(pid int32) *machine {
	if owner := s.processes[pid]; owner != nil {
		return owner.vm
	}
	if t := s.threads[pid]; t != nil {
		return t.process.vm
	}
	return nil
}

// called returns the one machine that a helper calls by this name, which may be
// its id, or no more than the beginning that libvirt puts into paths.
func (s *Source) called(name string) *machine {
	const cutAt = 20
	var found *machine
	for _, m := range s.machines {
		if name != "" && (name == m.vm.Name || name == m.vm.ID || len(name) >= cutAt && strings.HasPrefix(m.vm.Name, name)) {
			if found != nil {
				return nil // two of one name
			}
			found = m
		}
	}
	return found
}
