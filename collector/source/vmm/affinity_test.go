package vmm

import (
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// pinned starts a thread of this process that may run on one CPU, and returns
// its number and what sets that CPU.
func pinned(t *testing.T) (tid int, pin func(cpu int)) {
	t.Helper()
	tids, cpus, done := make(chan int), make(chan int), make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with this
		tids <- unix.Gettid()
		for cpu := range cpus {
			var set unix.CPUSet
			set.Set(cpu)
			done <- unix.SchedSetaffinity(0, &set)
		}
	}()
	t.Cleanup(func() { close(cpus) })
	return <-tids, func(cpu int) {
		t.Helper()
		cpus <- cpu
		if err := <-done; err != nil {
			t.Skipf("needs to choose its CPUs: %v", err)
		}
	}
}

// twoCPUs returns two CPUs that this process may use.
func twoCPUs(t *testing.T) (a, b int) {
	t.Helper()
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil || set.Count() < 2 {
		t.Skipf("needs two CPUs: %v", err)
	}
	found := make([]int, 0, 2)
	for cpu := 0; len(found) < 2; cpu++ {
		if set.IsSet(cpu) {
			found = append(found, cpu)
		}
	}
	return found[0], found[1]
}

func cpus(list ...int) (set model.CPUSet) {
	for _, cpu := range list {
		set = set.Add(cpu, cpu)
	}
	return set
}

func wantCPUs(t *testing.T, what string, got, want model.CPUSet) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s differ (-want +got):\n%s", what, diff)
	}
}

// pinnedVM makes a machine whose vCPUs are threads of this process.
func pinnedVM(f *fake, tids ...int) *proc {
	p := f.proc(1<<22+1, "qemu-system-x86", "/usr/bin/qemu-system-x86_64", "-name", "guest=web,debug-threads=on", "-accel", "kvm", "-m", "1024")
	for _, tid := range tids {
		p.task(tid, "CPU 0/KVM")
	}
	f.put(p)
	return p
}

func TestAVirtualMachineMayRunWhereItsVCPUsMay(t *testing.T) {
	a, b := twoCPUs(t)
	one, pinOne := pinned(t)
	two, pinTwo := pinned(t)
	pinOne(a)
	pinTwo(a)
	f := newFake(t)
	pinnedVM(f, one, two)
	s := f.open()
	s.ownPIDs = true
	first := f.read(s)["web"].CPU.Allowed
	wantCPUs(t, "CPUs", first, cpus(a))
	pinTwo(b)
	wantCPUs(t, "CPUs a moment later", f.read(s)["web"].CPU.Allowed, cpus(a))
	wantCPUs(t, "CPUs a minute later", f.pass(s, affinityStep)["web"].CPU.Allowed, cpus(a, b))
	wantCPUs(t, "CPUs as read before", first, cpus(a))
}

func TestVCPUsThatCannotBeAskedAreNotKnown(t *testing.T) {
	a, _ := twoCPUs(t)
	tid, pin := pinned(t)
	pin(a)
	f := newFake(t)
	pinnedVM(f, tid, 1<<22+2) // no thread has that number
	s := f.open()
	s.ownPIDs = true
	wantCPUs(t, "CPUs", f.read(s)["web"].CPU.Allowed, nil)
}

func TestThreadsOfAnotherPIDNamespaceAreNotAsked(t *testing.T) {
	f := newFake(t)
	pinnedVM(f, unix.Gettid())
	s := f.open()
	wantCPUs(t, "CPUs", f.read(s)["web"].CPU.Allowed, nil)

	own, err := New(Options{ProcFS: "/proc", RootFS: "/", MaxGuests: 1, OpenFiles: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	if _, err := os.Stat("/proc/self"); err == nil && !own.ownPIDs {
		t.Error("our own /proc is taken for another's")
	}
}

func TestOfManyVCPUsSomeSpeakForAllIfTheyAgree(t *testing.T) {
	a, b := twoCPUs(t)
	one, pinOne := pinned(t)
	two, pinTwo := pinned(t)
	pinOne(a)
	pinTwo(a)
	s := newFake(t).open()
	m := &machine{vcpus: 3 * maxAsked, main: &process{usage: new(usage)}}
	for i := range m.vcpus {
		tid := one
		if i == 3 {
			tid = two // one of those that are asked
		}
		m.main.threads = append(m.main.threads, &thread{tid: int32(tid), vcpu: true})
	}
	wantCPUs(t, "CPUs of those that agree", s.askAffinity(m), cpus(a))
	pinTwo(b)
	if got := s.askAffinity(m); got != nil {
		t.Errorf("those that do not agree say %v", got)
	}
}

func TestAskingVCPUsAllocatesNothing(t *testing.T) {
	f := newFake(t)
	pinnedVM(f, unix.Gettid())
	s := f.open()
	s.ownPIDs = true
	f.read(s)
	m := s.machines[0]
	if n := testing.AllocsPerRun(100, func() {
		m.affinity.next = 0
		s.now += time.Second
		s.readAffinity(m)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
