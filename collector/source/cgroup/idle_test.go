package cgroup

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// charged sets the CPU time of a v2 directory, and what else its cpu.stat says.
func (f *fake) charged(path string, usec int, rest string) {
	f.t.Helper()
	f.write("sys/fs/cgroup"+path+"/cpu.stat", fmt.Sprintf("usage_usec %d\n%s", usec, rest))
}

func TestQuotasThatHoldOthersMeanwhileAreNoBurstForASleeper(t *testing.T) {
	const none = "nr_periods 0\nnr_throttled 0\nthrottled_usec 0\n"
	f := newFake(t)
	f.idle = true
	pod := "/kubepods/pod1d1f1a4c-21a4-4c54-a2dc-0c1b36eb3cb8"
	path, name := pod+"/"+id("dd"), id("dd")[:12]
	f.cgroup(path)
	f.threads(path, 100)
	f.thread(100, 1, 1, time.Minute)
	f.charged(path, 1, none)
	s := f.open()
	f.read(s)
	for i := range 10 { // its siblings use up the quota of the pod
		f.charged(pod, 1, fmt.Sprintf("nr_periods 5\nnr_throttled 1\nthrottled_usec %d\n", (i+1)*10_000_000))
		want(t, "throttled", f.read(s)[name].CPU.Throttled, float64(i+1)*10)
	}
	f.charged(path, 2, none)
	f.thread(100, 2, 11, time.Minute) // ten seconds of waiting for a neighbour
	g := f.read(s)[name]
	if part := g.CPU.StealBy[0]; part.Cause != model.CauseThrottle || part.Seconds != 0 {
		t.Errorf("the pod's quota explains %v of what it did not do", part)
	}
	want(t, "steal", g.CPU.Steal, 10)
}

func TestAnInnerGuestThatSleepsKeepsItsThreads(t *testing.T) {
	f := newFakeV1(t)
	f.idle = true
	f.write("sys/fs/cgroup/unified/cgroup.controllers", "\n")
	outer, inner := "/docker/"+id("aa"), "/docker/"+id("aa")+"/docker/"+id("bb")
	used := func(out, in int) {
		f.charged("/unified"+outer, out, "")
		f.write("sys/fs/cgroup/cpuacct"+inner+"/cpuacct.usage", itoa(in)+"000\n")
	}
	f.write("sys/fs/cgroup/unified"+outer+"/cgroup.threads", "300\n301\n")
	f.write("sys/fs/cgroup/cpu"+outer+"/tasks", "300\n")
	f.write("sys/fs/cgroup/cpu"+inner+"/tasks", "301\n")
	used(5, 5)
	f.thread(300, 1, 1, time.Minute)
	f.thread(301, 1, 1, time.Minute)
	s := f.open()
	f.read(s)
	used(6, 6)
	f.thread(300, 2, 3, time.Minute)
	f.thread(301, 4, 6, time.Minute)
	f.read(s)
	used(7, 6)
	f.thread(300, 3, 3, time.Minute)
	f.read(s)
	used(8, 7)
	f.thread(301, 9, 16, time.Minute)
	guests := f.read(s)
	want(t, "steal of the inner guest", guests[id("bb")[:12]].CPU.Steal, 15)
	want(t, "steal of the outer guest", guests[id("aa")[:12]].CPU.Steal, 17)
}

func TestWhatAPartialReadingMissedIsReadThoughNothingRanSince(t *testing.T) {
	f, s, path := one(t)
	f.idle = true
	f.charged(path, 5_000_000, "")
	f.thread(100, 51, 22, time.Minute)
	f.thread(101, 3, 4, f.now+time.Second)
	f.write("sys/fs/cgroup"+path+"/cgroup.threads", "gar bage\n") // this once
	f.now += 15 * time.Second
	if _, err := s.Read(context.Background()); err == nil {
		t.Fatal("garbage was read")
	}
	f.threads(path, 100, 101)
	g := f.read(s)["web"]
	want(t, "run", g.CPU.Run, 4)
	want(t, "steal", g.CPU.Steal, 6)
}

func TestUsageIsTakenWhereTheProcessesAre(t *testing.T) {
	f := newFakeV1(t)
	f.write("sys/fs/cgroup/unified/cgroup.controllers", "\n")
	path := "/docker/" + id("aa")
	f.write("sys/fs/cgroup/unified"+path+"/cgroup.threads", "")
	f.write("sys/fs/cgroup/unified"+path+"/cpu.stat", "usage_usec 0\n")
	f.write("sys/fs/cgroup/cpu"+path+"/tasks", "300\n")
	s := f.open()
	for i := range 4 {
		f.write("sys/fs/cgroup/cpuacct"+path+"/cpuacct.usage", itoa(i)+"000000000\n")
		f.thread(300, float64(i), float64(i), time.Minute)
		g := f.read(s)[id("aa")[:12]]
		want(t, "usage", g.CPU.Usage, float64(i))
		want(t, "run", g.CPU.Run, float64(i))
	}
}

func TestMemoryOfASleeperIsReadOnceMore(t *testing.T) {
	f, s, path := one(t)
	stat := func(anon int) {
		f.write("sys/fs/cgroup"+path+"/memory.stat", fmt.Sprintf("anon %d\ninactive_file 0\npgmajfault 0\n", anon))
	}
	stat(5)
	f.read(s)
	f.idle = true
	stat(4096) // the kernel brings it up to date only every other second
	want(t, "anon", f.read(s)["web"].Memory.Anon, 4096)
	stat(1)
	want(t, "anon, when nothing has changed", f.read(s)["web"].Memory.Anon, 4096)
	for name := range s.names {
		s.killedEnded(name, "")
	}
	want(t, "kills of one of its name", f.read(s)["web"].Memory.Events.OOMKill, 1)
}

func TestDirectoriesOfAGuestThatWasFoundLateAreItsOwn(t *testing.T) {
	f := newFake(t)
	s := f.open()
	f.read(s)
	path := "/some.slice/abc"
	for _, below := range []string{"", "/a", "/b"} {
		f.cgroup(path + below)
	}
	f.read(s)
	n := s.find(path)
	m, _ := s.resolver.Lookup(path)
	m.Kind, m.Runtime, m.ID = model.Container, "docker", id("aa")
	delete(s.undecided, n)
	s.admit(n, m)
	if host, own := s.root.room.dirs, n.room.dirs; host != 2 || own != 2 {
		t.Errorf("%d directories of the host and %d of the guest, want 2 and 2", host, own)
	}
	f.remove("sys/fs/cgroup/some.slice")
	f.read(s)
	if host, own := s.root.room.dirs, n.room.dirs; host != 0 || own != 0 {
		t.Errorf("%d directories of the host and %d of the guest are left", host, own)
	}
}

func TestUsageOfAHierarchyThatHasNoneOfTheThreadsIsUnknown(t *testing.T) {
	f := newFakeV1(t)
	f.write("sys/fs/cgroup/unified/cgroup.controllers", "\n")
	path := "/docker/" + id("aa")
	f.write("sys/fs/cgroup/unified"+path+"/cgroup.threads", "")
	f.write("sys/fs/cgroup/unified"+path+"/cpu.stat", "usage_usec 0\n") // and none in cpuacct
	f.write("sys/fs/cgroup/cpu"+path+"/tasks", "300\n")
	f.thread(300, 1, 1, time.Minute)
	f.idle = true
	s := f.open()
	f.read(s)
	f.thread(300, 3, 4, time.Minute)
	g := f.read(s)[id("aa")[:12]]
	want(t, "run", g.CPU.Run, 2)
	wantAbsent(t, "usage", g.CPU.Usage)
}

func TestWhatCanBeSeenIsStillKnownWhileAllSleep(t *testing.T) {
	f, s, path := one(t)
	f.write("sys/fs/cgroup"+path+"/cpu.stat.local", "throttled_usec 0\n")
	f.read(s)
	f.idle = true
	for range 5 {
		f.read(s)
		known := make(map[string]bool)
		for _, feature := range s.features.list(s.now, s.opts.Recheck) {
			known[feature.Name] = feature.Reason == model.Available
		}
		if !known["thread_schedstat"] || !known["cpu_throttling"] {
			t.Fatalf("features while all sleep: %v", known)
		}
	}
}

func TestThreadsThatAllExitWhileTheyAreReadAreNoGap(t *testing.T) {
	f, s, path := one(t)
	f.thread(100, 51, 22, time.Minute)
	f.read(s)
	f.threads(path, 100)
	f.remove("proc/100") // after the list was made
	g := f.read(s)["web"]
	want(t, "run", g.CPU.Run, 1)
	want(t, "steal", g.CPU.Steal, 2)
}
