package collector

import (
	"context"
	"errors"
	"flag"
	"log/slog"
	"math/rand/v2"
	"net"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
	"github.com/virt-exporter/virt_exporter/collector/source"
	"github.com/virt-exporter/virt_exporter/collector/source/cgroup"
	"github.com/virt-exporter/virt_exporter/collector/source/fsprobe"
	"github.com/virt-exporter/virt_exporter/collector/source/libvirt"
	"github.com/virt-exporter/virt_exporter/collector/source/node"
	"github.com/virt-exporter/virt_exporter/collector/source/vmm"
)

// Update makes the tests write the files that they otherwise compare with.
var Update = flag.Bool("update", false, "write golden files and METRICS.md anew")

var errNotHere = errors.New("a fake host has no kernel")

// Pinned is what else comes from the machine that a test runs on, and not from
// files.
type Pinned struct {
	SinceBoot func() time.Duration
	CPUID     string
	DialUnix  func(context.Context, string) (net.Conn, error)
	Start     func(string) (fsprobe.Helper, error) // of helpers that touch mounts
	Kernel    source.Source                        // what programs in the kernel see; nil where they may not be loaded
}

// NewPinned returns a collector that sees nothing of the machine it runs on.
func NewPinned(cfg Config, logger *slog.Logger, p Pinned) (*Collector, error) {
	c, err := New(cfg, logger)
	if err != nil {
		return nil, err
	}
	for _, r := range c.readers {
		switch r.name {
		case "node":
			r.open = func(c Config) (source.Source, error) {
				return node.New(node.Options{ProcFS: c.ProcFS, SysFS: c.SysFS, RootFS: c.RootFS, VMKey: c.VMKey, CPUID: p.CPUID})
			}
		case "bpf":
			r.open = func(Config) (source.Source, error) {
				if p.Kernel == nil {
					return nil, &source.Unavailable{Reason: model.NoBTF, Err: errNotHere}
				}
				return p.Kernel, nil
			}
		case "cgroup":
			r.open = func(c Config) (source.Source, error) {
				return cgroup.New(cgroup.Options{
					ProcFS: c.ProcFS, SysFS: c.SysFS, RootFS: c.RootFS, Labels: c.containerLabels(),
					MaxGuests: c.MaxGuests, OpenFiles: c.openFiles(), Now: p.SinceBoot,
				})
			}
		case "fsprobe":
			r.open = func(c Config) (source.Source, error) {
				return fsprobe.New(fsprobe.Options{
					ProcFS: c.ProcFS, Mounts: c.FSProbe.Mounts, ReadFiles: c.FSProbe.ReadFiles, WriteDirs: c.FSProbe.WriteDirs,
					Start: p.Start, Random: rand.New(rand.NewPCG(1, 2)),
				})
			}
		case "libvirt":
			r.open = func(c Config) (source.Source, error) {
				return libvirt.New(libvirt.Options{RootFS: c.RootFS, DialUnix: p.DialUnix})
			}
		case "vmm":
			r.open = func(c Config) (source.Source, error) {
				return vmm.New(vmm.Options{
					ProcFS: c.ProcFS, RootFS: c.RootFS, MaxGuests: c.MaxGuests, OpenFiles: c.openFiles(), Now: p.SinceBoot,
				})
			}
		}
	}
	return c, nil
}

// Family is what the tests want of a row of the table.
type Family struct {
	Name, From string
	Core       bool
}

// Families returns all rows of the table.
func Families() []Family {
	var all []Family
	all = appendFamilies(all, guestRows(labelPlan{}))
	all = appendFamilies(all, mountRows())
	all = appendFamilies(all, nodeRows())
	return appendFamilies(all, sourceRows())
}

func appendFamilies[T any](all []Family, rows []row[T]) []Family {
	for _, r := range rows {
		all = append(all, Family{Name: r.name, From: r.from, Core: r.core})
	}
	return all
}
