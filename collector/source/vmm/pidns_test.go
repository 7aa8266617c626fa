package vmm

import (
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// wantThreads compares, in any order.
func wantThreads(t *testing.T, what string, got model.Threads, processes, vcpus []int32) {
	t.Helper()
	want := model.Threads{Processes: processes, VCPUs: vcpus}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.SortSlices(func(a, b int32) bool { return a < b })); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestThreadsOfAMachineAndOfItsHelpers(t *testing.T) {
	f := newFake(t)
	p := f.qemu(100, "web", sharing(socket)...)
	daemon, child := virtiofsd(f, 200, "--socket-path="+socket, "--shared-dir=/srv")
	kernel := vhost(f, 50, 100)
	f.put(p, f.qemu(300, "other"), daemon, child, kernel, vhost(f, 51, 9999), f.proc(400, "nginx"))
	s := f.open()
	guests := f.read(s)
	wantThreads(t, "one with helpers", guests["web"].Threads, []int32{100, int32(daemon.pid), int32(child.pid), 50}, []int32{101, 102})
	wantThreads(t, "one without", guests["other"].Threads, []int32{300}, []int32{301, 302})
}

func TestThreadsComeAndGo(t *testing.T) {
	f, s, p := one(t)
	v := vhost(f, 50, 100).from(f.now + time.Second)
	p.task(104, "CPU 2/KVM").start = f.now + time.Second
	f.put(p, v)
	wantThreads(t, "with one more of each", f.read(s)["web"].Threads, []int32{100, 50}, []int32{101, 102, 104})
	p.exit(101)
	f.put(p)
	f.end(v)
	wantThreads(t, "without them", f.read(s)["web"].Threads, []int32{100}, []int32{102, 104})
	z := vhost(f, 52, 100).from(f.now + time.Second)
	f.put(z)
	f.read(s)
	z.state = "Z"
	f.put(z)
	wantThreads(t, "where a helper has ended", f.read(s)["web"].Threads, []int32{100}, []int32{102, 104})
}

func TestVCPUsWithoutNamesAreThreadsWhenTheyAreKnown(t *testing.T) {
	f := newFake(t)
	p := nameless(f, 100, "web")
	f.put(p)
	s := f.open()
	wantThreads(t, "before they ran", f.read(s)["web"].Threads, []int32{100}, nil)
	p.find(101).guest = 5
	f.put(p)
	f.read(s)
	wantThreads(t, "later", f.pass(s, 10*time.Minute)["web"].Threads, []int32{100}, []int32{101})
}

func TestThreadsThatMayNotBeSeenAreNotGiven(t *testing.T) {
	f := newFake(t)
	f.put(f.qemu(100, "web"))
	f.remove("proc/100/task")
	wantThreads(t, "no list of threads", f.read(f.open())["web"].Threads, []int32{100}, nil)
}

func TestThreadsInAContainerHaveTheNumbersOfTheHost(t *testing.T) {
	f := newFake(t)
	p := f.qemu(100, "web")
	p.cgroup = "/docker/" + id("ab")
	f.put(p)
	wantThreads(t, "an inner machine", f.read(f.open())["web"].Threads, []int32{100}, []int32{101, 102})
}

// namespace makes a process's link to its PID namespace.
func (f *fake) namespace(process, link string) {
	f.t.Helper()
	f.mkdir("proc/" + process + "/ns")
	if err := os.Symlink(link, f.path("proc/"+process+"/ns/pid")); err != nil {
		f.t.Fatal(err)
	}
}

func TestNumbersThatAreNotTheKernelsAreNotGiven(t *testing.T) {
	const initial, other = initialPIDNamespace, "pid:[4026532201]"
	tests := map[string]struct {
		own         bool   // /proc is of the namespace in which we are
		self, first string // where the links are to; empty for one that may not be read
		kthreadd    bool
		want        bool
	}{
		"the host":                           {own: true, self: initial, first: initial, kthreadd: true, want: true},
		"the host, where little may be read": {own: true, self: initial, want: true},
		"a container":                        {own: true, self: other, first: other},
		"a container whose process 2 is a kthreadd": {own: true, self: other, kthreadd: true},
		"the host's in a container":                 {self: other, first: initial, kthreadd: true, want: true},
		"the host's in a container, unprivileged":   {self: other, kthreadd: true, want: true},
		"another container's":                       {self: initial, first: other, kthreadd: true},
		"not known":                                 {},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.put(f.qemu(100, "web"))
			if !tt.kthreadd {
				f.write("proc/2/comm", "sh\n")
			}
			for process, link := range map[string]string{"self": tt.self, "1": tt.first} {
				if link != "" {
					f.namespace(process, link)
				}
			}
			s := f.open()
			s.ownPIDs = tt.own
			got := f.read(s)["web"].Threads
			if tt.want {
				wantThreads(t, "threads", got, []int32{100}, []int32{101, 102})
				return
			}
			wantThreads(t, "threads", got, nil, nil)
		})
	}
}

func TestGivingThreadsAllocatesNothing(t *testing.T) {
	_, s, _ := one(t)
	m := s.machines[0]
	if n := testing.AllocsPerRun(100, func() { s.showThreads(m, &m.out.Threads) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if !slices.Contains(m.out.Threads.Processes, 100) {
		t.Errorf("threads: %v", m.out.Threads)
	}
}
