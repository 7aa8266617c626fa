package bpf

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"

	"github.com/virt-exporter/virt_exporter/collector/model"
	"github.com/virt-exporter/virt_exporter/collector/source"
)

// typesWith returns the types of a kernel, or of a module, with these tracepoints.
func typesWith(t *testing.T, tracepoints ...string) *btf.Spec {
	t.Helper()
	types := []btf.Type{&btf.Int{Name: "int", Size: 4}}
	for _, name := range tracepoints {
		types = append(types, &btf.Typedef{Name: "btf_trace_" + name, Type: &btf.Pointer{Target: &btf.FuncProto{Return: &btf.Void{}}}})
	}
	b, err := btf.NewBuilder(types, nil)
	if err != nil {
		t.Fatal(err)
	}
	spec, err := b.Spec()
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

func TestTracepointsInTheKernelAndInModules(t *testing.T) {
	for _, tt := range []struct {
		name    string
		kernel  []string
		module  []string
		err     error // of reading the module's types
		capable bool

		want     model.Reason
		inModule bool
	}{
		{name: "built in", kernel: []string{"begin", "end"}, want: model.Available},
		{name: "built in, whatever the module is", kernel: []string{"begin", "end"}, err: unix.EIO, want: model.Available},
		{name: "no module", err: fmt.Errorf("open: %w", fs.ErrNotExist), capable: true, want: model.NotSupported},
		{name: "a module", module: []string{"begin", "end"}, capable: true, want: model.Available, inModule: true},
		{name: "a module, without CAP_SYS_ADMIN", module: []string{"begin", "end"}, want: model.NoPermission},
		{name: "a module that does not have it", module: []string{"begin"}, capable: true, want: model.NotSupported},
		{name: "a module that does not have it, without CAP_SYS_ADMIN", module: []string{"end"}, want: model.NotSupported},
		{name: "a module whose types are forbidden", err: unix.EPERM, capable: true, want: model.Refused},
	} {
		t.Run(tt.name, func(t *testing.T) {
			module := typesWith(t, tt.module...)
			f := finder{typesWith(t, tt.kernel...), func(string) (*btf.Spec, error) { return module, tt.err }, tt.capable}
			types, err := f.find("mod", "begin", "end")
			if got := reasonOf(err); got != tt.want {
				t.Errorf("reason %q (%v), want %q", got, err, tt.want)
			}
			if (types != nil) != tt.inModule {
				t.Errorf("types %v, want those of the module: %v", types, tt.inModule)
			}
		})
	}
}

func TestModulesNeedACapability(t *testing.T) {
	for caps, want := range map[string]bool{
		"0000000000200000": true,  // CAP_SYS_ADMIN
		"000000c000000000": false, // CAP_BPF and CAP_PERFMON
		"garbage":          true,  // loading will tell
	} {
		if got := mayReadModules(procOf(t, caps)); got != want {
			t.Errorf("%s: %v, want %v", caps, got, want)
		}
	}

	l := loaded{kind: kind{name: "x", what: "things"}, err: fmt.Errorf("opening: %w", &source.Unavailable{
		Reason: model.NoPermission, Remedy: "grant CAP_SYS_ADMIN", Err: errors.New("a capability is missing"),
	})}
	f := l.feature()
	if f.Reason != model.NoPermission || !strings.Contains(f.Remedy, "grant CAP_SYS_ADMIN") || strings.Contains(f.Remedy, "CAP_BPF") {
		t.Errorf("%+v", f)
	}
}
