package cgroup

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

func wantCPUs(t *testing.T, what string, got model.CPUSet, list ...int) {
	t.Helper()
	var want model.CPUSet
	for _, cpu := range list {
		want = want.Add(cpu, cpu)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s differ (-want +got):\n%s", what, diff)
	}
}

func (f *fake) cpuset(path, list string) {
	f.t.Helper()
	f.write("sys/fs/cgroup"+path+"/cpuset.cpus.effective", list+"\n")
}

func TestAContainerMayRunWhereItsCpusetSays(t *testing.T) {
	f, s, path := one(t)
	wantCPUs(t, "CPUs without any cpuset", f.read(s)["web"].CPU.Allowed, 0, 1, 2, 3)
	f.cpuset("/docker", "0-2")
	f.cpuset(path, "")
	inherited := f.read(s)["web"].CPU
	wantCPUs(t, "CPUs of the directory above", inherited.Allowed, 0, 1, 2)
	f.cpuset(path, "1,3")
	g := f.read(s)["web"]
	wantCPUs(t, "CPUs", g.CPU.Allowed, 1, 3)
	want(t, "their number", g.CPU.CPUs, 2)
	wantCPUs(t, "CPUs as read before", inherited.Allowed, 0, 1, 2)
}

func TestThoseWhoMayUseTheSameCPUsShareOneSet(t *testing.T) {
	f := newFake(t)
	for _, prefix := range []string{"aa", "bb"} {
		f.cgroup("/docker/" + id(prefix))
		f.cpuset("/docker/"+id(prefix), "2-3")
	}
	s := f.open()
	before := f.read(s)
	after := f.read(s)
	a, b := before[id("aa")[:12]].CPU.Allowed, after[id("bb")[:12]].CPU.Allowed
	if len(a) == 0 || len(b) == 0 || &a[0] != &b[0] {
		t.Errorf("sets %v and %v are not one", a, b)
	}
}

func TestCpusetsThatAreKeptAreLimited(t *testing.T) {
	f := newFake(t)
	path := "/docker/" + id("aa")
	f.cgroup(path)
	s := f.open()
	for i := range 3 * maxSets {
		f.cpuset(path, itoa(i))
		wantCPUs(t, "CPUs", f.read(s)[id("aa")[:12]].CPU.Allowed, i)
		if len(s.sets) > maxSets {
			t.Fatalf("%d sets are kept", len(s.sets))
		}
	}
}

func TestAVirtualMachineMayRunWhereItsVCPUsMay(t *testing.T) {
	f := newFake(t)
	parts := f.libvirtVM(scope, "/libvirt")
	f.cpuset("/machine.slice", "0-5")
	s := f.open()
	web := func() model.CPUSet { return f.read(s)["web"].CPU.Allowed }
	wantCPUs(t, "CPUs above it", web(), 0, 1, 2, 3, 4, 5)
	f.cpuset(scope, "0-3")
	f.cpuset(parts+"/emulator", "3")
	f.cpuset(parts+"/vcpu0", "1")
	wantCPUs(t, "CPUs while one vCPU has no cpuset", web(), 0, 1, 2, 3)
	f.cpuset(parts+"/vcpu1", "2")
	pinned := web()
	wantCPUs(t, "CPUs of its vCPUs", pinned, 1, 2)
	f.cpuset(parts+"/vcpu1", "0")
	wantCPUs(t, "CPUs after one was pinned elsewhere", web(), 0, 1)
	wantCPUs(t, "CPUs as read before", pinned, 1, 2)
	wantAbsent(t, "its number of CPUs", f.read(s)["web"].CPU.CPUs)
}

func TestCpusetsOfV1(t *testing.T) {
	f := newFakeV1(t)
	path := "/docker/" + id("aa")
	f.write("sys/fs/cgroup/cpu"+path+"/tasks", "300\n")
	f.write("sys/fs/cgroup/cpuset"+path+"/cpuset.effective_cpus", "\n")
	f.write("sys/fs/cgroup/cpuset"+path+"/cpuset.cpus", "2\n")
	f.thread(300, 1, 1, time.Minute)
	s := f.open()
	wantCPUs(t, "CPUs", f.read(s)[id("aa")[:12]].CPU.Allowed, 2)
}
