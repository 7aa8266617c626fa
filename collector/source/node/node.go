package node

import (
	"context"
	"errors"
	"fmt"

	"github.com/prometheus/procfs"

	"github.com/virt-exporter/virt_exporter/collector/identity"
	"github.com/virt-exporter/virt_exporter/collector/model"
)

// Options says where to look.
type Options struct {
	ProcFS string // mount point of procfs, /proc when empty
	SysFS  string // mount point of sysfs, /sys when empty
	RootFS string // root of the machine to report on, / when empty

	// VMKey overrides the UUID that the firmware gives, which only root may
	// read. It is a UUID in either byte order.
	VMKey string

	// CPUID is the hypervisor's signature, as HypervisorVendor returns it. It
	// is passed in because it does not come from a file.
	CPUID string
}

// Source reads the machine itself.
type Source struct {
	tree  tree
	proc  procfs.FS
	facts model.Node // what cannot change while we run
	vmKey model.Feature

	usage, steal counter
	disks        disks
}

// New finds out what the machine is. What it cannot find out is absent; an
// error means that the options are wrong.
func New(opts Options) (*Source, error) {
	t := newTree(opts)
	proc, err := procfs.NewFS(t.proc)
	if err != nil {
		return nil, fmt.Errorf("opening procfs at %s: %w", t.proc, err)
	}
	if opts.VMKey != "" && identity.VMKey(opts.VMKey) == "" {
		return nil, fmt.Errorf("vm key %q is not the UUID of a machine", opts.VMKey)
	}
	s := &Source{tree: t, proc: proc}
	dmi := t.readDMI()
	below := t.hypervisor(dmi, opts.CPUID)
	s.facts = model.Node{
		Role:       t.role(below),
		Hypervisor: below.name,
		Product:    t.product(dmi),
	}
	s.facts.VMKey, s.vmKey = t.vmKey(below, opts.VMKey)
	return s, nil
}

// Name returns node.
func (s *Source) Name() string { return "node" }

// Read returns the machine. A part that should be readable and is not makes an
// error that names its file; the other parts are there all the same.
func (s *Source) Read(ctx context.Context) (model.Reading, error) {
	if err := ctx.Err(); err != nil {
		return model.Reading{}, err
	}
	n := s.facts
	psi, psiErr := s.readPressure(&n.Pressure)
	err := errors.Join(s.readCPU(&n), psiErr, s.readMemory(&n), s.readDisks(&n))
	r := model.Reading{Node: &n, Features: []model.Feature{psi}}
	if s.vmKey.Name != "" {
		r.Features = append(r.Features, s.vmKey)
	}
	return r, err
}

// Close does nothing: no file is kept open.
func (s *Source) Close() error { return nil }
