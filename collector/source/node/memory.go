package node

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/virt-exporter/virt_exporter/collector/kernel"
	"github.com/virt-exporter/virt_exporter/collector/model"
)

// readMemory reads the size of the memory and the kills for want of it.
func (s *Source) readMemory(n *model.Node) error {
	return errors.Join(s.readMeminfo(n), s.readOOMKills(n))
}

func (s *Source) readMeminfo(n *model.Node) error {
	info, err := s.proc.Meminfo()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading %s: %w", s.tree.procPath("meminfo"), err)
	}
	if info.MemTotalBytes != nil {
		n.Memory = model.Some(float64(*info.MemTotalBytes))
	}
	return nil
}

func (s *Source) readOOMKills(n *model.Node) error {
	path := s.tree.procPath("vmstat")
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err // names the path
	}
	kills, ok, err := kernel.ParseVMStatOOMKill(b)
	if err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	if ok {
		n.OOMKills = model.Some(float64(kills))
	}
	return nil
}
