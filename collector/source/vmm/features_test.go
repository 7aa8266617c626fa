package vmm

import (
	"testing"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/kernel"
	"github.com/virt-exporter/virt_exporter/collector/model"
)

func TestFeaturesThatAreThere(t *testing.T) {
	f, s, _ := one(t)
	for _, name := range []string{"processes", "thread_schedstat", "vcpu_threads"} {
		if reason, known := f.feature(s, name); !known || reason != model.Available {
			t.Errorf("%s: %q (known: %v)", name, reason, known)
		}
	}
}

func TestNothingIsSaidOfFeaturesThatNoMachineNeeds(t *testing.T) {
	f := newFake(t)
	s := f.open()
	for _, name := range []string{"thread_schedstat", "vcpu_threads"} {
		if reason, known := f.feature(s, name); known {
			t.Errorf("%s: %q", name, reason)
		}
	}
}

func TestHiddenProcessesAreNoticed(t *testing.T) {
	f := newFake(t)
	f.put(f.qemu(100, "web"))
	f.remove("proc/1")
	f.remove("proc/2")
	s := f.open()
	for range 60 { // for as long as it is so
		reason, known := f.feature(s, "processes")
		if !known || reason != model.NoPermission {
			t.Fatalf("processes: %q (known: %v)", reason, known)
		}
	}
	f.put(f.proc(1, "systemd"))
	f.write("proc/2/comm", "kthreadd\n")
	f.pass(s, 10*time.Minute)
	if reason, _ := f.feature(s, "processes"); reason != model.Available {
		t.Errorf("processes: %q when they are seen again", reason)
	}
}

func TestAPIDNamespaceIsNoHost(t *testing.T) {
	f := newFake(t)
	f.remove("proc/2")
	s := f.open()
	if reason, _ := f.feature(s, "processes"); reason != model.ForeignPIDNamespace {
		t.Errorf("processes: %q", reason)
	}
	r, err := s.Read(t.Context())
	if err != nil || !r.Partial {
		t.Errorf("it does not say that there may be other guests than its %d: %v", len(r.Guests), err)
	}
	f.put(f.qemu(100, "web"))
	if r, _ = s.Read(t.Context()); len(r.Guests) != 1 {
		t.Errorf("it lists %d guests of those that it sees", len(r.Guests))
	}
}

func TestACgroupNamespaceThatIsNotKnownIsNoticed(t *testing.T) {
	const name = "cgroup_namespace"
	for cgroup, tt := range map[string]struct {
		within kernel.CgroupNamespace
		known  bool
		reason model.Reason
	}{
		"0::/\n":                             {},
		"2:cpu:/\n0::/../..\n":               {known: true, reason: model.NotMounted},
		"2:cpu:/../../..\n0::/\n":            {known: true, reason: model.NotMounted},
		"2:cpu:/\n0::/../../..\n":            {within: kernel.CgroupNamespace{Unified: "/kubepods/pod1/a"}, known: true},
		"2:cpu:/../..\n1:memory:/..\n0::/\n": {within: kernel.CgroupNamespace{CPU: "/docker/a"}, known: true},
		"garbage\n":                          {},
	} {
		f := newFake(t)
		f.write("proc/2/cgroup", cgroup)
		s := f.open(func(o *Options) { o.Within = tt.within })
		if reason, known := f.feature(s, name); known != tt.known || reason != tt.reason {
			t.Errorf("%q: %q (known: %v)", cgroup, reason, known)
		}
		f.write("proc/2/comm", "sh\n")
		f.pass(s, time.Hour)
		if _, known := f.feature(s, name); known {
			t.Errorf("%q: it is known where process 2 is no kthreadd", cgroup)
		}
	}
}

// A machine in a container is found there, from a namespace beside it.
func TestAParentFromWithinACgroupNamespace(t *testing.T) {
	f := newFake(t)
	p := f.qemu(100, "web")
	p.cgroup = "/../" + id("ab")
	f.put(p)
	within := func(o *Options) { o.Within = kernel.CgroupNamespace{Unified: "/docker/" + id("cd")} }
	if got := f.read(f.open(within))["web"].Within; got != "/docker/"+id("ab") {
		t.Errorf("it is in %q", got)
	}
}

func TestAKernelWithoutSchedstat(t *testing.T) {
	f := newFake(t)
	p := f.qemu(100, "web")
	without := func() {
		for _, name := range []string{"1", "100", "100/task/100", "100/task/101", "100/task/102", "100/task/103"} {
			f.remove("proc/" + name + "/schedstat")
		}
	}
	f.put(p)
	without()
	s := f.open()
	f.read(s)
	p.find(101).run, p.find(101).guest = 9, 8
	f.put(p)
	without()
	g := f.read(s)["web"]
	want(t, "usage", g.CPU.Usage, 9)
	want(t, "guest", g.CPU.Guest, 8)
	wantAbsent(t, "steal", g.CPU.Steal)
	for c := range model.NumComponents {
		wantAbsent(t, c.String(), g.VMM[c].CPU)
	}
	for range 60 {
		reason, known := f.feature(s, "thread_schedstat")
		if !known || reason != model.NotSupported {
			t.Fatalf("thread_schedstat: %q (known: %v)", reason, known)
		}
	}
}
