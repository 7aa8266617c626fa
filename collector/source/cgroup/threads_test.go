package cgroup

import (
	"testing"
	"time"
)

// one returns a host with one container, read once, and a function that reads
// it again.
func one(t *testing.T) (f *fake, s *Source, path string) {
	t.Helper()
	f = newFake(t)
	path = "/docker/" + id("aa")
	f.cgroup(path)
	f.docker(id("aa"), "web")
	f.threads(path, 100)
	f.thread(100, 50, 20, time.Minute)
	s = f.open()
	g := f.read(s)["web"]
	want(t, "run at the exporter's start", g.CPU.Run, 0)
	want(t, "steal at the exporter's start", g.CPU.Steal, 0)
	return f, s, path
}

func TestStealGrowsByWhatAllThreadsWaited(t *testing.T) {
	f, s, path := one(t)
	f.thread(100, 51, 22, time.Minute)
	f.threads(path, 100, 101)
	f.thread(101, 3, 4, f.now) // born since the last reading: counts from its birth
	g := f.read(s)["web"]
	want(t, "run", g.CPU.Run, 4)
	want(t, "steal", g.CPU.Steal, 6)
}

func TestTimesOfExitedThreadsAreCarriedOn(t *testing.T) {
	f, s, path := one(t)
	f.thread(100, 51, 22, time.Minute)
	f.read(s)
	f.threads(path)
	f.remove("proc/100")
	g := f.read(s)["web"]
	want(t, "run after the exit", g.CPU.Run, 1)
	want(t, "steal after the exit", g.CPU.Steal, 2)

	f.threads(path, 100) // the number is another thread's now
	f.thread(100, 0.5, 0.25, f.now)
	g = f.read(s)["web"]
	want(t, "run with the number used again", g.CPU.Run, 1.5)
	want(t, "steal with the number used again", g.CPU.Steal, 2.25)
}

func TestANumberUsedAgainBetweenTwoReadingsIsNoFall(t *testing.T) {
	f, s, _ := one(t)
	f.thread(100, 1, 2, f.now)
	g := f.read(s)["web"]
	want(t, "run", g.CPU.Run, 1)
	want(t, "steal", g.CPU.Steal, 2)
}

func TestAThreadThatWasMovedInBringsNoPast(t *testing.T) {
	f, s, path := one(t)
	f.threads(path, 100, 101)
	f.thread(101, 1000, 1000, time.Minute)
	g := f.read(s)["web"]
	want(t, "steal as it comes", g.CPU.Steal, 0)
	f.thread(101, 1001, 1003, time.Minute)
	want(t, "steal in the guest", f.read(s)["web"].CPU.Steal, 3)
}

func TestSubCgroupsComeAndGoWithoutAFall(t *testing.T) {
	f, s, path := one(t)
	f.cgroup(path + "/init.scope")
	f.threads(path)
	f.threads(path+"/init.scope", 100) // moved within the guest
	f.thread(100, 52, 23, time.Minute)
	g := f.read(s)["web"]
	want(t, "run after a move inside", g.CPU.Run, 2)
	want(t, "steal after a move inside", g.CPU.Steal, 3)

	f.remove("sys/fs/cgroup" + path + "/init.scope")
	f.remove("proc/100")
	want(t, "steal after the removal", f.read(s)["web"].CPU.Steal, 3)
}

func TestAContainerBornLaterStartsWithItsFullValue(t *testing.T) {
	f, s, _ := one(t)
	path := "/docker/" + id("bb")
	f.cgroup(path)
	f.docker(id("bb"), "late")
	f.threads(path, 200, 201)
	f.thread(200, 2, 5, f.now+time.Second)
	f.thread(201, 9, 9, time.Minute) // older than the container: moved in
	g := f.read(s)["late"]
	want(t, "run", g.CPU.Run, 2)
	want(t, "steal", g.CPU.Steal, 5)
	want(t, "start", g.StartTime, 1_700_000_060)
}

func TestARestartOfTheExporterStartsAtZero(t *testing.T) {
	f, _, _ := one(t)
	g := f.read(f.open())["web"]
	want(t, "run", g.CPU.Run, 0)
	want(t, "steal", g.CPU.Steal, 0)
}

func TestAGuestInsideAGuestCountsInBothAndIsReadOnce(t *testing.T) {
	f := newFake(t)
	outer, inner := "/lxc.payload.c1", "/lxc.payload.c1/docker/"+id("cc")
	f.cgroup(outer)
	f.cgroup(inner)
	f.threads(outer, 1000)
	f.threads(inner, 1001)
	f.thread(1000, 1, 1, time.Minute)
	f.thread(1001, 1, 1, time.Minute)
	s := f.open()
	f.read(s)
	f.thread(1000, 2, 3, time.Minute)
	f.thread(1001, 4, 6, time.Minute)
	guests := f.read(s)
	want(t, "steal of the outer guest", guests["c1"].CPU.Steal, 2+5)
	in := guests[id("cc")[:12]]
	want(t, "steal of the inner guest", in.CPU.Steal, 5)
	if in.Info.Parent != "container/lxc/c1" {
		t.Errorf("parent of the inner guest is %q", in.Info.Parent)
	}

	f.threads(outer, 1000, 1001) // leaves the inner guest for the outer one
	f.threads(inner)
	f.thread(1001, 5, 8, time.Minute)
	guests = f.read(s)
	want(t, "steal of the outer guest after the move", guests["c1"].CPU.Steal, 9)
	want(t, "steal of the inner guest after the move", guests[id("cc")[:12]].CPU.Steal, 5)
}

func TestThreadsOfAnotherPIDNamespaceAreNotRead(t *testing.T) {
	f, _, _ := one(t)
	f.write("proc/4242/x", "")
	if err := symlink("4242", f.path("proc/self")); err != nil {
		t.Fatal(err)
	}
	s := f.open()
	f.read(s)
	g := f.read(s)["web"]
	wantAbsent(t, "steal", g.CPU.Steal)
	want(t, "usage", g.CPU.Usage, 1)
}

func TestAGuestInWhichNothingRanIsLeftAlone(t *testing.T) {
	f, s, path := one(t)
	f.thread(100, 51, 22, time.Minute)
	want(t, "steal", f.read(s)["web"].CPU.Steal, 2)
	f.idle = true
	f.write("sys/fs/cgroup"+path+"/cgroup.threads", "nonsense\n") // is not read
	g := f.read(s)["web"]
	want(t, "steal of an idle guest", g.CPU.Steal, 2)
	want(t, "memory of an idle guest", g.Memory.Usage, 4096)
	f.idle = false
	f.threads(path, 100)
	f.thread(100, 52, 23, time.Minute)
	want(t, "steal when it runs again", f.read(s)["web"].CPU.Steal, 3)
}

func TestExecByAThreadCountsNothingTwice(t *testing.T) {
	f, s, path := one(t)
	f.threads(path, 100, 101)
	f.thread(100, 50, 20, time.Minute)
	f.thread(101, 1, 1, f.now) // born
	f.read(s)
	for range 4 { // it works, the leader sleeps
		f.now += time.Minute
		f.thread(101, 40, 30, f.now)
	}
	f.now += 5 * time.Minute
	g := f.read(s)["web"]
	want(t, "run", g.CPU.Run, 40)
	f.threads(path, 100) // 101 calls exec: it has the leader's number now, and its own past
	f.remove("proc/101")
	f.thread(100, 90, 31, time.Minute)
	g = f.read(s)["web"]
	want(t, "run after the exec", g.CPU.Run, 40)
	want(t, "steal after the exec", g.CPU.Steal, 30)
	f.thread(100, 91, 33, time.Minute)
	want(t, "run after the exec", f.read(s)["web"].CPU.Run, 41)
}

func TestAThreadThatTwoHierarchiesShowBelongsToTheInnerGuest(t *testing.T) {
	f := newFakeV1(t)
	f.write("sys/fs/cgroup/unified/cgroup.controllers", "\n")
	outer, inner := "/docker/"+id("aa"), "/docker/"+id("aa")+"/docker/"+id("bb")
	f.write("sys/fs/cgroup/unified"+outer+"/cgroup.threads", "300\n301\n") // the inner engine does not use it
	f.write("sys/fs/cgroup/unified"+outer+"/cpu.stat", "usage_usec 5\n")
	f.write("sys/fs/cgroup/cpu"+outer+"/tasks", "300\n")
	f.write("sys/fs/cgroup/cpu"+inner+"/tasks", "301\n")
	f.write("sys/fs/cgroup/cpuacct"+inner+"/cpuacct.usage", "5000\n")
	f.thread(300, 1, 1, time.Minute)
	f.thread(301, 1, 1, time.Minute)
	s := f.open()
	f.read(s)
	f.thread(300, 2, 3, time.Minute)
	f.thread(301, 4, 6, time.Minute)
	guests := f.read(s)
	want(t, "steal of the outer guest", guests[id("aa")[:12]].CPU.Steal, 2+5)
	want(t, "steal of the inner guest", guests[id("bb")[:12]].CPU.Steal, 5)
}

func TestThreadsOfWhatAnEngineKeepsInsideAGuestCount(t *testing.T) {
	f := newFake(t)
	step := "/lxc.payload.c1/docker/buildkit/step"
	f.cgroup("/lxc.payload.c1")
	f.cgroup(step)
	f.threads(step, 500)
	f.thread(500, 1, 1, time.Minute)
	s := f.open()
	f.read(s)
	f.thread(500, 2, 9, time.Minute)
	want(t, "steal", f.read(s)["c1"].CPU.Steal, 8)
}

func TestThreadsThatProcHidesAreNoZeros(t *testing.T) {
	f, _, path := one(t)
	f.threads(path, 7000, 7001) // no such numbers in /proc
	g := f.read(f.open())["web"]
	wantAbsent(t, "run", g.CPU.Run)
	wantAbsent(t, "steal", g.CPU.Steal)
}

func TestTheStartIsThatOfTheFirstThreadSeen(t *testing.T) {
	f := newFake(t)
	path := "/docker/" + id("aa")
	f.cgroup(path)
	s := f.open()
	f.read(s)
	f.threads(path, 100)
	f.thread(100, 1, 1, f.now)
	f.read(s)
	g := f.read(s)[id("aa")[:12]]
	want(t, "start", g.StartTime, 1_700_000_000+3615)
}
