package vmm

import (
	"testing"
	"time"

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
