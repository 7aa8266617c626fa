package node

import (
	"errors"
	"fmt"

	"github.com/prometheus/procfs"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// readCPU reads /proc/stat. Its times are in hundredths of a second.
func (s *Source) readCPU(n *model.Node) error {
	stat, err := s.proc.Stat()
	if err == nil && stat.CPUTotal == (procfs.CPUStat{}) {
		err = errors.New("no CPU times") // procfs takes an empty file for zeros
	}
	if err != nil {
		return fmt.Errorf("reading %s: %w", s.tree.procPath("stat"), err)
	}
	cpu := stat.CPUTotal
	// The time of guests is already in user and nice. Steal is no usage: the
	// machine did not have that time.
	n.CPUUsage = model.Some(s.usage.next(cpu.User + cpu.Nice + cpu.System + cpu.IRQ + cpu.SoftIRQ))
	n.CPUSteal = model.Some(s.steal.next(cpu.Steal))
	if len(stat.CPU) > 0 {
		n.CPUs = model.Some(float64(len(stat.CPU))) // the file leaves out CPUs that are offline
	}
	return nil
}
