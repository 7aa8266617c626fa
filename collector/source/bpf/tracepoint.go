package bpf

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"

	"github.com/virt-exporter/virt_exporter/collector/model"
	"github.com/virt-exporter/virt_exporter/collector/source"
)

// finder finds tracepoints, which may be a module's.
type finder struct {
	kernel  *btf.Spec
	module  func(name string) (*btf.Spec, error) // fs.ErrNotExist where it is not loaded
	capable bool                                 // CAP_SYS_ADMIN
}

func (e *env) finder() finder {
	return finder{e.kernel.types, btf.LoadKernelModuleSpec, mayReadModules(e.opts.ProcFS)}
}

// find reports whether the tracepoints are there, in the kernel or in a module. It
// returns the types of the module, nil where they are the kernel's own. The kernel
// lets a program see into a module only if who loads it has CAP_SYS_ADMIN.
func (f finder) find(module string, tracepoints ...string) (*btf.Spec, error) {
	if missingOf(f.kernel, tracepoints) == "" {
		return nil, nil
	}
	types, err := f.module(module)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("looking for %s, there are no types of module %s: it is not loaded, or the kernel has no CONFIG_DEBUG_INFO_BTF_MODULES: %w", missingOf(f.kernel, tracepoints), module, errNotThere)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the types of module %s: %w", module, err)
	}
	if missing := missingOf(types, tracepoints); missing != "" {
		return nil, fmt.Errorf("looking for %s in module %s: %w", missing, module, errNotThere)
	}
	if !f.capable {
		return nil, &source.Unavailable{
			Reason: model.NoPermission,
			Remedy: "grant CAP_SYS_ADMIN, which programs need that look into a module of the kernel, or leave the program out with --bpf.without",
			Err:    fmt.Errorf("looking into module %s: a capability is missing", module),
		}
	}
	return types, nil
}

// missingOf returns the first of the tracepoints that is not there; empty if all are.
func missingOf(types *btf.Spec, tracepoints []string) string {
	for _, name := range tracepoints {
		var def *btf.Typedef
		if types.TypeByName("btf_trace_"+name, &def) != nil {
			return name
		}
	}
	return ""
}

// mayReadModules reports whether this process has the capability. Where that cannot
// be told, loading will.
func mayReadModules(procfs string) bool {
	caps, err := capabilities(procfs)
	return err != nil || caps&(1<<unix.CAP_SYS_ADMIN) != 0
}
