package vmm

import (
	"fmt"

	"github.com/virt-exporter/virt_exporter/collector/kernel"
	"github.com/virt-exporter/virt_exporter/collector/model"
)

// readMemory reads what the hypervisor's process has in the host's memory. Its
// helpers map the guest's memory too, and are left out: it would be counted
// again. Where the guest's memory is shared (memfd, for virtiofs) the kernel does
// not say of the process what is swapped out; the cgroup knows it.
func (s *Source) readMemory(m *machine, out *model.Memory) {
	*out = model.Memory{MajorFaults: model.Some(float64(m.majorFaults))}
	if m.vm.MemoryBytes > 0 {
		out.BalloonMaximum = model.Some(float64(m.vm.MemoryBytes))
	}
	p := m.main
	b, err := s.files.ReadTask(&p.status, s.opts.ProcFS, p.pid, "status")
	if err != nil {
		if !kernel.Gone(err) {
			s.problems.Add(fmt.Errorf("reading %s/%d/status: %w", s.opts.ProcFS, p.pid, err))
		}
		return
	}
	var st kernel.Status
	if err := kernel.ParseStatus(b, &st); err != nil {
		s.problems.Add(fmt.Errorf("reading %s/%d/status: %w", s.opts.ProcFS, p.pid, err))
		return
	}
	if st.HasRSS {
		out.Usage = model.Some(float64(st.RSSBytes + st.HugetlbBytes))
	}
	if st.HasKinds {
		out.Anon = model.Some(float64(st.AnonBytes))
	}
	m.shared = m.shared || st.HasKinds && st.ShmemBytes > st.AnonBytes
	if st.HasSwap && !m.shared {
		out.Swap = model.Some(float64(st.SwapBytes))
	}
}
