package bpf

import (
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	"github.com/virt-exporter/virt_exporter/collector/model"
	"github.com/virt-exporter/virt_exporter/collector/source"
)

// program is one object of ours in the kernel, and what it has counted so far.
type program interface {
	// read takes what was counted since the last time. An error that is not an
	// afterwards says that something of it was not read.
	read(now time.Duration, p *places) error

	// report adds what was counted of a guest, and of those inside it.
	report(g *guest, to *model.MeasuredGuest)

	// status says how well it sees.
	status(now time.Duration, to *model.Program)

	close() error
}

// kind is a row of the table of programs.
type kind struct {
	name   string
	what   string // it counts, for the log
	modes  []string
	open   func(*env) (program, error)
	remedy string // where the kernel does not have what it looks at
	module string // of the kernel in which that may be, and which may come later
}

// kinds lists the programs, in the order in which they are read: the totals first, so
// that all waits that are in them are in what sched knows of who ran meanwhile.
func kinds() []kind {
	return []kind{
		{"totals", "how long all threads of guests ran and waited", nil, openTotals, "Linux 5.12 or later with CONFIG_SCHED_INFO, and the PID namespace of the host", ""},
		{"sched", "waits for a CPU and who ran meanwhile", []string{Full}, openSched, "a kernel with CONFIG_SCHED_INFO and CONFIG_FAIR_GROUP_SCHED", ""},
		{"sampler", "who runs while others wait for a CPU", []string{Sampled}, openSampler, "a kernel with perf events and CONFIG_FAIR_GROUP_SCHED", ""},
		{"reclaim", "the time in which guests reclaim memory themselves", nil, openReclaim, "a kernel with CONFIG_MEMCG and cgroups of the memory controller", ""},
		{"fuse", "requests of FUSE and virtiofs mounts", nil, openFuse, "Linux 6.11, and module fuse where it is one", "fuse"},
		{"kvm", "exits that hypervisor processes handle", nil, openKVM, "KVM, loaded where it is a module", "kvm"},
		{"exits", "exits of virtual CPUs by the processor's reason", []string{Full}, openExits, "KVM on a processor of Intel's, AMD's or arm64, loaded where it is a module", "kvm"},
		{"block", "block requests", nil, openBlock, "a kernel with CONFIG_BLK_CGROUP, and the I/O controller of cgroups", ""},
	}
}

// ProgramNames returns the names of all programs.
func ProgramNames() []string {
	var names []string
	for _, k := range kinds() {
		names = append(names, k.name)
	}
	return names
}

// env is what a program is opened with.
type env struct {
	opts   Options
	kernel *view
	places *places
	shards *sharding // of sched, if it is not to be that of the machine
}

// with is the environment of a program that looks into a module.
func (e *env) with(module *btf.Spec) *env {
	own := *e
	own.kernel = &view{types: e.kernel.types, module: module}
	return &own
}

// loaded is a program of the table, in the kernel or not.
type loaded struct {
	kind
	wanted  bool
	program program // nil while it is not in the kernel
	err     error   // why it is not
}

// programsOf returns the table, with what is wanted of it.
func programsOf(opts Options) []*loaded {
	var all []*loaded
	for _, k := range kinds() {
		wanted := !slices.Contains(opts.Without, k.name) && (k.modes == nil || slices.Contains(k.modes, opts.Mode))
		all = append(all, &loaded{kind: k, wanted: wanted})
	}
	return all
}

// env returns what programs are opened with. The kernel's types are not kept: they take
// some megabytes and are needed for a moment only.
func (s *Source) env() (*env, error) {
	v, err := look(s.opts, s.types)
	if err != nil {
		return nil, err
	}
	return &env{opts: s.opts, kernel: v, places: s.places}, nil
}

// load loads what is wanted and not there. It fails when that leaves nothing.
func (s *Source) load() error {
	e, err := s.env()
	if err != nil {
		return err
	}
	var errs []error
	loaded, fresh := false, false
	for _, l := range s.programs {
		if l.wanted && l.program == nil {
			var p program
			if p, l.err = l.open(e); l.err == nil {
				l.program, fresh = p, true
			}
		}
		loaded = loaded || l.program != nil
		if l.wanted && l.err != nil {
			errs = append(errs, fmt.Errorf("program %s: %w", l.name, l.err))
		}
	}
	if fresh {
		debug.FreeOSMemory() // a third of what an idle exporter takes, and not needed again
	}
	if loaded {
		return nil
	}
	if len(errs) == 0 {
		return &source.Unavailable{Reason: model.NotConfigured, Remedy: "allow at least one program", Err: errors.New("no program is wanted")}
	}
	return &source.Unavailable{
		Reason: reasonOf(errs[0]), Remedy: remedyFor(errs[0]), Err: fmt.Errorf("loading programs: %w", errors.Join(errs...)),
	}
}

// tryAgain is how long a program that could not be loaded is left alone: a module of
// the kernel may have come meanwhile.
const tryAgain = 10 * time.Minute

// retry loads what the kernel did not have before. What it has refused it will refuse
// again.
func (s *Source) retry(now time.Duration) {
	missing := slices.ContainsFunc(s.programs, func(l *loaded) bool {
		return l.wanted && l.program == nil && l.module != "" && errors.Is(l.err, errNotThere)
	})
	if !missing || now-s.triedAt < tryAgain {
		return
	}
	s.triedAt = now
	_ = s.load() // each says for itself why it is not there
}

func (l *loaded) unload() error {
	if l.program == nil {
		return nil
	}
	err := l.program.close()
	l.program = nil
	if err != nil {
		return fmt.Errorf("unloading program %s: %w", l.name, err)
	}
	return nil
}

// feature says whether the program is there, and if not why.
func (l *loaded) feature() model.Feature {
	f := model.Feature{Name: l.name}
	if l.program != nil {
		return f
	}
	f.Reason = reasonOf(l.err)
	why, remedy := l.err, remedyFor(l.err)
	var own *source.Unavailable
	var verifier *ebpf.VerifierError
	switch {
	case errors.As(l.err, &own):
		why, remedy = own.Err, own.Remedy
	case f.Reason == model.NotSupported && errors.As(l.err, &verifier):
		remedy = fmt.Sprintf("they need %s; where the kernel has that, please report its release", l.remedy)
	case f.Reason == model.NotSupported:
		remedy = "they need " + l.remedy
	}
	f.Remedy = fmt.Sprintf("%s are not seen (%s): %s", l.what, brief(why), remedy)
	return f
}

// Entries of a map of what is under way, for each CPU. Where the kernel puts out the
// oldest, each CPU sets aside 128 that no other one can use (before Linux 6.16 also
// where there are too few for all): as many again are for what is there.
const underWayPerCPU, mostUnderWay = 256, 1 << 16

// underWay returns how many entries a map of what is under way has.
func underWay(least, cpus int) uint32 {
	return uint32(min(max(least, underWayPerCPU*cpus), mostUnderWay))
}

// object loads an object whose maps of places are those of a hierarchy. sized are its
// maps whose size is not that of the object.
func (e *env) object(load func() (*ebpf.CollectionSpec, error), h *hierarchy, prepare func(*ebpf.CollectionSpec) error) (*ebpf.Collection, error) {
	spec, err := load()
	if err != nil {
		return nil, fmt.Errorf("reading the object: %w", err)
	}
	if prepare != nil {
		if err := prepare(spec); err != nil {
			return nil, err
		}
	}
	opts := ebpf.CollectionOptions{
		MapReplacements: make(map[string]*ebpf.Map),
		Programs:        ebpf.ProgramOptions{KernelTypes: e.kernel.types},
	}
	if module := e.kernel.module; module != nil {
		opts.Programs.ExtraRelocationTargets = []*btf.Spec{module}
	}
	if h != nil && h.places == nil {
		return nil, fmt.Errorf("looking for the cgroups of the controller: %w", errNotThere)
	}
	for name, m := range map[string]*ebpf.Map{"places": nil, "threads": e.places.threads} {
		if h != nil && name == "places" {
			m = h.places
		}
		if own := spec.Maps[name]; own != nil && m != nil {
			own.MaxEntries = m.MaxEntries()
			opts.MapReplacements[name] = m
		}
	}
	c, err := ebpf.NewCollectionWithOptions(spec, opts)
	if err != nil {
		return nil, fmt.Errorf("loading the object: %w", err)
	}
	return c, nil
}
