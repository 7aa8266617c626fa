package collector

import (
	"syscall"

	"github.com/virt-exporter/virt_exporter/collector/source"
	"github.com/virt-exporter/virt_exporter/collector/source/cgroup"
	"github.com/virt-exporter/virt_exporter/collector/source/node"
)

// opener makes a source, or says why this host has none of its kind.
type opener struct {
	name string
	open func(Config) (source.Source, error)
}

// openers is the list of all sources. Where two know the same guest, the one
// that stands first is believed.
func openers() []opener {
	return []opener{
		{"node", func(c Config) (source.Source, error) {
			return node.New(node.Options{
				ProcFS: c.ProcFS, SysFS: c.SysFS, RootFS: c.RootFS, VMKey: c.VMKey, CPUID: node.HypervisorVendor(),
			})
		}},
		{"cgroup", func(c Config) (source.Source, error) {
			return cgroup.New(cgroup.Options{
				ProcFS: c.ProcFS, SysFS: c.SysFS, RootFS: c.RootFS,
				Labels: c.GuestLabels, MaxGuests: c.MaxGuests, OpenFiles: c.openFiles(),
			})
		}},
	}
}

// SourceNames returns the names of all sources, in the order of the list.
func SourceNames() []string {
	var names []string
	for _, o := range openers() {
		names = append(names, o.name)
	}
	return names
}

// openFiles returns how many kernel files may stay open. Each holds about 5 KiB
// of kernel memory, a page of it for its text: the automatic choice stops where
// that would outgrow the exporter itself.
func (c Config) openFiles() int {
	if c.MaxOpenFiles > 0 {
		return c.MaxOpenFiles
	}
	const (
		most   = 4096
		others = 128 // sockets, the Go runtime, files that are open for a moment
	)
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0
	}
	return int(min(most, max(limit.Cur, others)-others))
}
