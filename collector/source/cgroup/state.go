package cgroup

import (
	"bytes"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// readState tells a paused container, whose cgroup is frozen, from a running
// one. Of a virtual machine it is known only that it is frozen: else it may be
// paused by its hypervisor.
func (s *Source) readState(g *guest) model.State {
	b := s.read(g, fileState)
	has := func(text string) bool { return bytes.Contains(b, []byte(text)) }
	switch {
	case has("frozen 1\n"), has("FROZEN\n"), has("FREEZING\n"):
		return model.Paused
	case g.isVM():
	case has("frozen 0\n"), has("THAWED\n"):
		return model.Running
	}
	return ""
}
