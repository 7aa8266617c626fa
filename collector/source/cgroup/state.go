package cgroup

import (
	"bytes"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// readState tells a paused container, whose cgroup is frozen, from a running
// one.
func (s *Source) readState(g *guest) model.State {
	b := s.read(g, fileState)
	switch {
	case b == nil:
		return ""
	case bytes.Contains(b, []byte("frozen 1")), bytes.HasPrefix(b, []byte("FR")): // v1: FROZEN, FREEZING
		return model.Paused
	}
	return model.Running
}
