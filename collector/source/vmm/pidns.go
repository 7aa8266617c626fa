package vmm

import (
	"os"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// initialPIDNamespace is the link of the PID namespace in which the kernel itself
// numbers processes: PROC_PID_INIT_INO is a part of the kernel's interface.
const initialPIDNamespace = "pid:[4026531836]"

// numbersAsKernel reports whether the processes of Options.ProcFS have the numbers
// by which the kernel knows them. The first process of a PID namespace is 1 in it,
// and any process may read its own links. Where neither can be read, kthreadd as
// process 2 says as much: no namespace but the initial one has kernel threads.
func (s *Source) numbersAsKernel() bool {
	if s.ownPIDs {
		if link, err := os.Readlink(s.opts.ProcFS + "/self/ns/pid"); err == nil {
			return link == initialPIDNamespace
		}
	}
	if link, err := os.Readlink(s.pathOf(1, "ns/pid")); err == nil {
		return link == initialPIDNamespace
	}
	return s.seesAll
}

// showThreads gives the processes and threads of m that were there in this reading.
// Other numbers than the kernel's would be other processes' there.
func (s *Source) showThreads(m *machine, t *model.Threads) {
	t.Processes, t.VCPUs = t.Processes[:0], t.VCPUs[:0]
	if !s.kernelPIDs {
		return
	}
	for _, p := range m.processes {
		if !p.alive {
			continue
		}
		t.Processes = append(t.Processes, p.pid)
		for _, th := range p.threads {
			if th.vcpu && th.seen == s.gen {
				t.VCPUs = append(t.VCPUs, th.tid)
			}
		}
	}
}
