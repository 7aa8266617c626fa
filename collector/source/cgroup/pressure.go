package cgroup

import (
	"github.com/virt-exporter/virt_exporter/collector/kernel"
	"github.com/virt-exporter/virt_exporter/collector/model"
)

// readPressure reads PSI, which hybrid hosts have in the unified hierarchy
// although their controllers are in v1.
func (s *Source) readPressure(g *guest, m *model.Pressure) {
	*m = model.Pressure{}
	s.readPSI(g, fileCPUPressure, &m.CPUWaiting, &m.CPUStalled)
	s.readPSI(g, fileMemoryPressure, &m.MemoryWaiting, &m.MemoryStalled)
	s.readPSI(g, fileIOPressure, &m.IOWaiting, &m.IOStalled)
	s.readPSI(g, fileIRQPressure, nil, &m.IRQStalled)
}

func (s *Source) readPSI(g *guest, id fileID, some, full *model.Opt) {
	b := s.read(g, id)
	if b == nil {
		return
	}
	var psi kernel.PSI
	if err := kernel.ParsePSI(b, &psi); !s.parsed(g, id, err) {
		return
	}
	if psi.HasSome && some != nil {
		*some = model.Some(float64(psi.SomeUsec) / 1e6)
	}
	if psi.HasFull {
		*full = model.Some(float64(psi.FullUsec) / 1e6)
	}
}
