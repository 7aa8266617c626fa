package bpf

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"

	"github.com/virt-exporter/virt_exporter/collector/model"
	"github.com/virt-exporter/virt_exporter/collector/source"
)

// procOf returns a /proc in which this process has these capabilities.
func procOf(t *testing.T, caps string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "self"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "self/status"), []byte("Name:\tx\nCapEff:\t"+caps+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestCapabilitiesThatSuffice(t *testing.T) {
	for _, tt := range []struct {
		name, caps string
		ok         bool
	}{
		{"all", "000001ffffffffff", true},
		{"CAP_BPF and CAP_PERFMON", "000000c000000000", true},
		{"CAP_SYS_ADMIN, before Linux 5.8", "0000000000200000", true},
		{"CAP_BPF alone", "0000008000000000", false},
		{"CAP_PERFMON alone", "0000004000000000", false},
		{"none", "0000000000000000", false},
		{"what cannot be read", "garbage", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := New(Options{ProcFS: procOf(t, tt.caps), SysFS: t.TempDir(), Mode: "no mode"})
			if err == nil || !strings.Contains(err.Error(), `"no mode"`) {
				t.Errorf("error %v, want one on the mode", err)
			}
			err = mayLoad(procOf(t, tt.caps))
			if (err == nil) != tt.ok {
				t.Fatalf("error %v", err)
			}
			var u *source.Unavailable
			if err != nil && (!errors.As(err, &u) || u.Reason != model.NoPermission || !strings.Contains(u.Remedy, "CAP_BPF")) {
				t.Errorf("error %#v does not say which capability is missing", err)
			}
		})
	}
}

func TestKernelWithoutTypes(t *testing.T) {
	_, err := look(Options{ProcFS: procOf(t, "000001ffffffffff")}, func() (*btf.Spec, error) {
		return nil, fmt.Errorf("open /sys/kernel/btf/vmlinux: %w", fs.ErrNotExist)
	})
	var u *source.Unavailable
	if !errors.As(err, &u) || u.Reason != model.NoBTF || !strings.Contains(u.Remedy, "CONFIG_DEBUG_INFO_BTF") {
		t.Errorf("error %#v, want one that says no_btf and what to do", err)
	}
}

func TestReasonOfARefusal(t *testing.T) {
	for _, tt := range []struct {
		name string
		err  error
		want model.Reason
	}{
		{"none", nil, model.Available},
		{"lockdown or a security module", fmt.Errorf("loading: %w", unix.EPERM), model.Refused},
		{"the verifier", &ebpf.VerifierError{Cause: unix.EACCES, Log: []string{"R0 !read_ok"}}, model.NotSupported},
		{"no memory", fmt.Errorf("loading: %w", unix.ENOMEM), model.Refused},
		{"no such tracepoint", fmt.Errorf("loading: %w", btf.ErrNotFound), model.NotSupported},
		{"no such type of program", fmt.Errorf("loading: %w", ebpf.ErrNotSupported), model.NotSupported},
		{"no such member", fmt.Errorf("loading: %w", errNotThere), model.NotSupported},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := reasonOf(tt.err); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

// refusing is a program that the kernel's verifier refuses.
func refusing(*env) (program, error) {
	spec := &ebpf.ProgramSpec{Name: "refused", Type: ebpf.SocketFilter, License: "GPL", Instructions: asm.Instructions{asm.Return()}} // R0 is not set
	_, err := ebpf.NewProgram(spec)
	if err == nil {
		return nil, errors.New("the verifier takes a program that returns nothing")
	}
	return nil, fmt.Errorf("loading the object: %w", err)
}

func TestOneRefusalLeavesTheRest(t *testing.T) {
	requireBPF(t)
	s, err := New(Options{ProcFS: "/proc", SysFS: "/sys"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	s.programs = append(s.programs, &loaded{kind: kind{name: "bad", what: "bad things", open: refusing, remedy: "a kernel that takes anything"}, wanted: true})
	if err := s.load(); err != nil {
		t.Fatal(err)
	}
	r, err := s.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range r.Features {
		switch f.Name {
		case "bad":
			if f.Reason != model.NotSupported || !strings.Contains(f.Remedy, "R0 !read_ok") || strings.Contains(f.Remedy, "\n") || len(f.Remedy) > 600 {
				t.Errorf("a refused program is told as %+v", f)
			}
		case "sched":
			if f.Reason != model.Available {
				t.Errorf("program sched: %+v", f)
			}
		}
	}
}

func TestNothingThatCanBeLoaded(t *testing.T) {
	requireBPF(t)
	p, err := newPlaces(Options{ProcFS: "/proc", SysFS: "/sys", Slots: 64})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.close)
	s := &Source{places: p, types: btf.LoadKernelSpec, opts: Options{ProcFS: "/proc"}, programs: []*loaded{{kind: kind{name: "bad", open: refusing}, wanted: true}}}
	var u *source.Unavailable
	if err := s.load(); !errors.As(err, &u) || u.Reason != model.NotSupported {
		t.Errorf("error %v, want that it is not available", err)
	}
	s.programs[0].wanted = false
	if err := s.load(); !errors.As(err, &u) || u.Reason != model.NotConfigured {
		t.Errorf("error %v, want that nothing is wanted", err)
	}
}

func TestOptionsThatAreRefused(t *testing.T) {
	for _, tt := range []struct {
		name string
		opts Options
		want string
	}{
		{"mode", Options{Mode: "half"}, `no mode "half": want one of full, sampled`},
		{"program", Options{Without: []string{"sched", "x"}}, `no program "x"`},
		{"slots", Options{Slots: 100}, "100 slots"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.opts.Check(); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

// Without cgroups of the CPU controller nobody is told from others: that is not 0.
func TestNoCPUController(t *testing.T) {
	requireBPF(t)
	var u *source.Unavailable
	_, err := New(Options{ProcFS: "/proc", SysFS: t.TempDir(), Without: only("totals", "sched")})
	if !errors.As(err, &u) || u.Reason != model.NotSupported {
		t.Errorf("error %v, want that it is not available", err)
	}
	_, err = New(Options{ProcFS: "/proc", SysFS: t.TempDir(), Mode: Sampled, Without: only("sampler")})
	if !errors.As(err, &u) || u.Reason != model.NotSupported {
		t.Errorf("error %v, want that it is not available", err)
	}
}

// A guest that is in no cgroup of the CPU controller is not one that never waited.
func TestNothingIsSaidOfAGuestThatCannotBeSeen(t *testing.T) {
	s := opened(t, Options{Without: only("totals", "sched", "reclaim")})
	s.around(t, container("elsewhere", "/virt_exporter/is/not/there", ""), machine("unknown", "", nil, nil))
	for _, name := range []string{"elsewhere", "unknown"} {
		if m := s.measuredOf(t, name); m.Run != (model.Opt{}) || m.Steal != (model.Opt{}) || m.Waits != nil || m.Latency != nil || m.ReclaimHost != (model.Opt{}) {
			t.Errorf("%s: %+v", name, m)
		}
	}
}
