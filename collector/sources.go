package collector

import (
	"sync"
	"syscall"

	"github.com/virt-exporter/virt_exporter/collector/kernel"
	"github.com/virt-exporter/virt_exporter/collector/source"
	"github.com/virt-exporter/virt_exporter/collector/source/bpf"
	"github.com/virt-exporter/virt_exporter/collector/source/cgroup"
	"github.com/virt-exporter/virt_exporter/collector/source/fsprobe"
	"github.com/virt-exporter/virt_exporter/collector/source/libvirt"
	"github.com/virt-exporter/virt_exporter/collector/source/node"
	"github.com/virt-exporter/virt_exporter/collector/source/vmm"
)

// opener makes a source, or says why this host has none of its kind. It is never
// called twice at once, but beside the openers of other sources.
type opener struct {
	name string
	open func(Config) (source.Source, error)
}

// openers is the list of all sources. Where two know the same container, the one
// that stands first is believed; for virtual machines see precedence.
func openers() []opener {
	// It does not change, and to find it is a walk through all cgroups.
	within := sync.OnceValue(kernel.FindCgroupNamespace)
	return []opener{
		{"node", func(c Config) (source.Source, error) {
			return node.New(node.Options{
				ProcFS: c.ProcFS, SysFS: c.SysFS, RootFS: c.RootFS, VMKey: c.VMKey, CPUID: node.HypervisorVendor(),
			})
		}},
		{"cgroup", func(c Config) (source.Source, error) {
			return cgroup.New(cgroup.Options{
				ProcFS: c.ProcFS, SysFS: c.SysFS, RootFS: c.RootFS,
				Labels: c.containerLabels(), MaxGuests: c.MaxGuests, OpenFiles: c.openFiles() - c.openFiles()/vmmFiles,
			})
		}},
		{"vmm", func(c Config) (source.Source, error) {
			return vmm.New(vmm.Options{
				ProcFS: c.ProcFS, RootFS: c.RootFS, Within: within(), MaxGuests: c.MaxGuests, OpenFiles: c.openFiles() / vmmFiles,
			})
		}},
		{"libvirt", func(c Config) (source.Source, error) {
			return libvirt.New(libvirt.Options{
				URIs: c.Libvirt.URIs, RootFS: c.RootFS, Timeout: c.Libvirt.Timeout, MaxGuests: c.MaxGuests,
				Metadata: c.Libvirt.Metadata, LabelOffset: len(c.containerLabels()),
			})
		}},
		{"fsprobe", func(c Config) (source.Source, error) {
			return fsprobe.New(fsprobe.Options{
				ProcFS: c.ProcFS, RootFS: c.RootFS, Within: within(), Interval: c.FSProbe.Interval, Timeout: c.FSProbe.Timeout, References: c.FSProbe.References,
				Mounts: c.FSProbe.Mounts, Exclude: c.FSProbe.Exclude, ReadFiles: c.FSProbe.ReadFiles,
				WriteDirs: c.FSProbe.WriteDirs, MaxMounts: c.FSProbe.MaxMounts,
			})
		}},
		{sourceBPF, func(c Config) (source.Source, error) {
			return bpf.New(bpf.Options{ProcFS: c.ProcFS, SysFS: c.SysFS, Within: within(), Mode: c.BPF.Mode, Without: c.BPF.Without})
		}},
	}
}

// vmmFiles is the part of the open files that is for virtual machines: one in so
// many.
const vmmFiles = 4

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
