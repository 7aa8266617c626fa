package bpf

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"

	"github.com/virt-exporter/virt_exporter/collector/model"
	"github.com/virt-exporter/virt_exporter/collector/source"
)

// view is what is known of the kernel.
type view struct {
	types  *btf.Spec
	module *btf.Spec // of the module that a program looks into; nil where it looks into none
}

// look finds out whether programs can be loaded at all.
func look(opts Options, kernelTypes func() (*btf.Spec, error)) (*view, error) {
	if err := mayLoad(opts.ProcFS); err != nil {
		return nil, err
	}
	types, err := kernelTypes()
	if err != nil {
		return nil, &source.Unavailable{
			Reason: model.NoBTF, Remedy: remedyOf(model.NoBTF), Err: fmt.Errorf("reading the kernel's types: %w", err),
		}
	}
	return &view{types: types}, nil
}

// mayLoad reports whether this process has the capabilities. Where that cannot be
// told, loading will.
func mayLoad(procfs string) error {
	caps, err := capabilities(procfs)
	if err != nil {
		return nil //nolint:nilerr // see above
	}
	has := func(c int) bool { return caps&(1<<c) != 0 }
	if has(unix.CAP_SYS_ADMIN) || has(unix.CAP_BPF) && has(unix.CAP_PERFMON) {
		return nil
	}
	return &source.Unavailable{
		Reason: model.NoPermission, Remedy: remedyOf(model.NoPermission), Err: errors.New("a capability is missing"),
	}
}

// capabilities returns the bits of those that this process has: CapEff of
// /proc/self/status.
func capabilities(procfs string) (uint64, error) {
	b, err := os.ReadFile(filepath.Join(procfs, "self/status"))
	if err != nil {
		return 0, fmt.Errorf("reading the capabilities: %w", err)
	}
	for line := range bytes.Lines(b) {
		if value, ok := bytes.CutPrefix(line, []byte("CapEff:")); ok {
			caps, err := strconv.ParseUint(string(bytes.TrimSpace(value)), 16, 64)
			if err != nil {
				return 0, fmt.Errorf("reading the capabilities: %w", err)
			}
			return caps, nil
		}
	}
	return 0, errors.New("reading the capabilities: there is no line CapEff")
}

// errNotThere says that the kernel does not have what a program looks at.
var errNotThere = errors.New("the kernel does not have it")

// unavailable wraps an error of what every program needs.
func unavailable(err error, doing string) error {
	return &source.Unavailable{Reason: reasonOf(err), Remedy: remedyFor(err), Err: fmt.Errorf("%s: %w", doing, err)}
}

// reasonOf says why something could not be loaded. The capabilities were looked at
// before: what is not permitted all the same is forbidden by a rule of this machine,
// lockdown or a security module.
func reasonOf(err error) model.Reason {
	var verifier *ebpf.VerifierError
	var own *source.Unavailable
	switch {
	case err == nil:
		return model.Available
	case errors.As(err, &own):
		return own.Reason
	case errors.Is(err, errNotThere), errors.Is(err, btf.ErrNotFound), errors.Is(err, ebpf.ErrNotSupported):
		return model.NotSupported
	case errors.As(err, &verifier) && !errors.Is(err, unix.EPERM):
		return model.NotSupported // this kernel has another type, or its verifier another opinion
	default:
		return model.Refused
	}
}

// remedyFor says what to do about an error.
func remedyFor(err error) string {
	var verifier *ebpf.VerifierError
	switch {
	case errors.Is(err, unix.ENOMEM):
		return "give the machine or the exporter's cgroup more memory, or leave the program out with --bpf.without"
	case errors.As(err, &verifier) && !errors.Is(err, unix.EPERM):
		return "this kernel does not take the program: please report its release; leave the program out with --bpf.without"
	}
	return remedyOf(reasonOf(err))
}

func remedyOf(r model.Reason) string {
	switch r {
	case model.NoPermission:
		return "grant CAP_BPF and CAP_PERFMON, or switch the source off with --no-source.bpf"
	case model.NoBTF:
		return "run a kernel with CONFIG_DEBUG_INFO_BTF (/sys/kernel/btf/vmlinux), or switch the source off with --no-source.bpf"
	case model.NotSupported:
		return "run a newer kernel, or leave the program out with --bpf.without"
	case model.NotConfigured:
		return "leave a program in --bpf.without out, or switch the source off with --no-source.bpf"
	default:
		return "allow it in kernel lockdown, in the security module and in the user namespace of this machine, or switch the source off with --no-source.bpf"
	}
}

// misleading is what the library adds to every refusal; the limit it speaks of counts
// before Linux 5.11 only.
const misleading = " (MEMLOCK may be too low, consider rlimit.RemoveMemlock)"

// brief is an error without the log of the kernel's verifier, which has thousands of
// lines.
func brief(err error) string {
	const most = 300
	text := strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return ' '
		}
		return r
	}, strings.ReplaceAll(err.Error(), misleading, ""))
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}
