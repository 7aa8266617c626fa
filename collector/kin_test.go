package collector

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

const (
	uuidA = "11111111-0000-4000-8000-00000000000a"
	uuidB = "11111111-0000-4000-8000-00000000000b"
	scope = "/machine.slice/machine-qemu-1-web.scope"
)

// scrapes plays readings of the three sources that know virtual machines.
type scrapes struct {
	host host
	now  time.Duration
}

// said is what one source said: nil for one that is late.
type said map[string][]model.Guest

func (s *scrapes) next(what said) []model.Guest {
	s.now += 15 * time.Second
	views := []view{{source: "node", reading: model.Reading{Node: &model.Node{}}, answered: true, health: &health{}}}
	for _, source := range []string{sourceCgroup, sourceVMM, sourceLibvirt} {
		guests, on := what[source]
		if !on {
			continue // switched off
		}
		views = append(views, view{source: source, reading: model.Reading{Guests: guests}, answered: guests != nil, health: &health{}})
	}
	s.host.merge(views, s.now)
	var out []model.Guest
	for _, g := range s.host.guests {
		out = append(out, *g)
	}
	return out
}

func vm(name, uuid string, set ...func(*model.Guest)) model.Guest {
	g := model.Guest{Name: model.Name{Kind: model.VM, Runtime: "qemu", Guest: name}, Info: model.Info{UUID: uuid}}
	for _, f := range set {
		f(&g)
	}
	return g
}

func in(cgroup string) func(*model.Guest) { return func(g *model.Guest) { g.Info.Cgroup = cgroup } }
func used(seconds float64) func(*model.Guest) {
	return func(g *model.Guest) { g.CPU.Usage = model.Some(seconds) }
}

func stolen(run, steal float64) func(*model.Guest) {
	return func(g *model.Guest) { g.CPU.Run, g.CPU.Steal = model.Some(run), model.Some(steal) }
}

func is(state model.State) func(*model.Guest) { return func(g *model.Guest) { g.State = state } }
func started(at float64) func(*model.Guest) {
	return func(g *model.Guest) { g.StartTime = model.Some(at) }
}

// one returns the only guest, which must be there.
func one(t *testing.T, guests []model.Guest) model.Guest {
	t.Helper()
	if len(guests) != 1 {
		t.Fatalf("%d guests: %v", len(guests), names(guests))
	}
	return guests[0]
}

func names(guests []model.Guest) []string {
	var all []string
	for i := range guests {
		all = append(all, guests[i].Guest)
	}
	return all
}

func TestSourcesThatKnowOneMachine(t *testing.T) {
	tests := []struct {
		name  string
		said  said
		names []string
	}{
		{"by its cgroup and its UUID", said{
			sourceCgroup: {vm("1-we", "", in(scope))}, sourceVMM: {vm("web", uuidA, in(scope))}, sourceLibvirt: {vm("web", uuidA)},
		}, []string{"web"}},
		{"by its UUID where names differ", said{
			sourceVMM: {vm("instance-00000001", uuidA)}, sourceLibvirt: {vm("renamed", uuidA)},
		}, []string{"instance-00000001"}},
		{"by its name where nobody has a UUID", said{
			sourceVMM: {vm("web", "")}, sourceLibvirt: {vm("web", uuidA)},
		}, []string{"web"}},
		{"two machines of one UUID stay two", said{
			sourceVMM: {vm("a", uuidA), vm("b", uuidA)}, sourceLibvirt: {vm("b", uuidA), vm("a", uuidA)},
		}, []string{"a", "b"}},
		{"one name and two UUIDs are two, and the first has the name", said{
			sourceVMM: {vm("web", uuidA)}, sourceLibvirt: {vm("web", uuidB, is(model.ShutOff))},
		}, []string{"web"}},
		{"a domain that is shut off is there by libvirt's word alone", said{
			sourceCgroup: {}, sourceVMM: {}, sourceLibvirt: {vm("web", uuidA, is(model.ShutOff))},
		}, []string{"web"}},
		{"a directory without a machine is none", said{
			sourceCgroup: {vm("left-over", "", in("/firecracker/left-over"))}, sourceVMM: {}, sourceLibvirt: {},
		}, nil},
		{"a directory is a machine where processes are not looked at", said{
			sourceCgroup: {vm("fc1", "", in("/firecracker/fc1"))},
		}, []string{"fc1"}},
		{"a directory is a machine while the list of processes is late", said{
			sourceCgroup: {vm("fc1", "", in("/firecracker/fc1"))}, sourceVMM: nil,
		}, []string{"fc1"}},
		{"a domain that is off is not the process of that name", said{
			sourceVMM: {vm("web", "")}, sourceLibvirt: {vm("web", uuidA, is(model.ShutOff)), vm("db", uuidB, is(model.ShutOff))},
		}, []string{"web", "db"}},
		{"a machine on another host is another", said{
			sourceVMM:     {vm("web", uuidA)},
			sourceLibvirt: {vm("web", uuidA, func(g *model.Guest) { g.VMHost = "host2" })},
		}, []string{"web", "web"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.names, names(new(scrapes).next(tt.said))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestACounterKeepsItsSource(t *testing.T) {
	type scrape struct {
		said  said
		usage model.Opt
		steal model.Opt
	}
	cgroup := func(u float64) []model.Guest { return []model.Guest{vm("web", "", in(scope), used(u))} }
	vmm := func(u, steal float64) []model.Guest {
		return []model.Guest{vm("web", uuidA, in(scope), used(u), stolen(u, steal), started(1))}
	}
	libvirt := func(u, steal float64) []model.Guest {
		return []model.Guest{vm("web", uuidA, used(u), stolen(u, steal))}
	}
	tests := []struct {
		name    string
		scrapes []scrape
	}{
		{"usage is the cgroup's, steal the processes'", []scrape{
			{said{sourceCgroup: cgroup(10), sourceVMM: vmm(2, 1), sourceLibvirt: libvirt(30, 3)}, model.Some(10), model.Some(1)},
		}},
		{"what is late is absent and not another's", []scrape{
			{said{sourceCgroup: cgroup(10), sourceVMM: vmm(2, 1), sourceLibvirt: libvirt(30, 3)}, model.Some(10), model.Some(1)},
			{said{sourceCgroup: nil, sourceVMM: nil, sourceLibvirt: libvirt(31, 4)}, model.Opt{}, model.Opt{}},
			{said{sourceCgroup: cgroup(12), sourceVMM: vmm(3, 2), sourceLibvirt: nil}, model.Some(12), model.Some(2)},
		}},
		{"nobody takes a counter over from one of whom nothing was heard yet", []scrape{
			{said{sourceCgroup: nil, sourceVMM: nil, sourceLibvirt: libvirt(30, 3)}, model.Opt{}, model.Opt{}},
			{said{sourceCgroup: cgroup(12), sourceVMM: vmm(3, 2), sourceLibvirt: libvirt(31, 4)}, model.Some(12), model.Some(2)},
		}},
		{"libvirt's is taken where processes are not looked at, and then kept", []scrape{
			{said{sourceLibvirt: libvirt(30, 3)}, model.Some(30), model.Some(3)},
			{said{sourceCgroup: cgroup(12), sourceVMM: vmm(3, 2), sourceLibvirt: libvirt(31, 4)}, model.Some(31), model.Some(4)},
		}},
		{"a machine without a cgroup has what its processes used", []scrape{
			{said{sourceCgroup: {}, sourceVMM: {vm("web", uuidA, used(2), stolen(2, 1))}, sourceLibvirt: libvirt(30, 3)}, model.Some(2), model.Some(1)},
		}},
		{"one whose process was missed once is not libvirt's for that", []scrape{
			{said{sourceCgroup: {}, sourceVMM: {}, sourceLibvirt: libvirt(30, 3)}, model.Opt{}, model.Opt{}},
			{said{sourceCgroup: {}, sourceVMM: {vm("web", uuidA, used(2), stolen(2, 1), started(1))}, sourceLibvirt: libvirt(31, 4)}, model.Some(2), model.Some(1)},
			{said{sourceCgroup: {}, sourceVMM: {vm("web", uuidA, used(3), stolen(3, 2), started(1))}, sourceLibvirt: nil}, model.Some(3), model.Some(2)},
		}},
		{"one that was started again begins anew", []scrape{
			{said{sourceCgroup: {}, sourceVMM: {vm("web", uuidA, used(2), stolen(2, 1), started(1))}}, model.Some(2), model.Some(1)},
			{said{
				sourceCgroup: cgroup(1),
				sourceVMM:    {vm("web", uuidA, in(scope), used(7), stolen(1, 0.5), started(2))},
			}, model.Some(1), model.Some(0.5)},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var s scrapes
			for i, sc := range tt.scrapes {
				g := one(t, s.next(sc.said))
				if diff := cmp.Diff([]model.Opt{sc.usage, sc.steal}, []model.Opt{g.CPU.Usage, g.CPU.Steal}, cmp.AllowUnexported(model.Opt{})); diff != "" {
					t.Errorf("scrape %d: %s", i, diff)
				}
			}
		})
	}
}

func TestNameOfAMachineStays(t *testing.T) {
	var s scrapes
	all := said{
		sourceCgroup: {vm("1-we", "", in(scope))}, sourceVMM: {vm("web", uuidA, in(scope))}, sourceLibvirt: {vm("web", uuidA)},
	}
	late := said{sourceCgroup: {vm("1-we", "", in(scope))}, sourceVMM: nil, sourceLibvirt: nil}
	killed := said{
		sourceCgroup: {vm("1-we", "", in(scope), func(g *model.Guest) { g.Ended = true; g.Memory.Events.OOMKill = model.Some(1) })},
		sourceVMM:    {}, sourceLibvirt: {},
	}
	for i, what := range []said{all, late, all, killed} {
		if g := one(t, s.next(what)); g.Guest != "web" {
			t.Errorf("scrape %d: the name is %q", i, g.Guest)
		}
	}
	if g := one(t, s.next(killed)); !g.Ended || g.Memory.Events.OOMKill != model.Some(1) {
		t.Errorf("what it was killed for is lost: %+v", g)
	}
}

func TestADomainThatIsRenamedIsANewSeries(t *testing.T) {
	var s scrapes
	s.next(said{sourceVMM: {vm("old", uuidA)}, sourceLibvirt: {vm("old", uuidA)}})
	off := s.next(said{sourceVMM: {}, sourceLibvirt: {vm("new", uuidA, is(model.ShutOff))}})
	on := s.next(said{sourceVMM: {vm("new", uuidA)}, sourceLibvirt: {vm("new", uuidA)}})
	if one(t, off).Guest != "new" || one(t, on).Guest != "new" {
		t.Errorf("the names are %v and %v", names(off), names(on))
	}
}

func TestStateIsLibvirtsUnlessItIsFrozen(t *testing.T) {
	tests := []struct {
		name string
		said said
		want model.State
	}{
		{"running", said{sourceVMM: {vm("web", uuidA)}, sourceLibvirt: {vm("web", uuidA, is(model.Running))}}, model.Running},
		{"paused by a migration", said{sourceVMM: {vm("web", uuidA)}, sourceLibvirt: {vm("web", uuidA, is(model.Paused))}}, model.Paused},
		{"nobody says", said{sourceVMM: {vm("web", uuidA)}}, ""},
		{"frozen by its cgroup", said{
			sourceCgroup: {vm("x", "", in(scope), is(model.Paused))},
			sourceVMM:    {vm("web", uuidA, in(scope))}, sourceLibvirt: {vm("web", uuidA, is(model.Running))},
		}, model.Paused},
		{"the daemon has not noticed that it was started", said{sourceVMM: {vm("web", uuidA)}, sourceLibvirt: {vm("web", uuidA, is(model.ShutOff))}}, ""},
		{"not frozen says nothing of what it does", said{
			sourceCgroup: {vm("x", "", in(scope), is(model.Running))}, sourceVMM: {vm("web", uuidA, in(scope))},
		}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if g := one(t, new(scrapes).next(tt.said)); g.State != tt.want {
				t.Errorf("it is %q, want %q", g.State, tt.want)
			}
		})
	}
}

func TestMemoryOfAMachine(t *testing.T) {
	some := model.Some
	cgroup := vm("web", "", in(scope), func(g *model.Guest) {
		g.Memory = model.Memory{Usage: some(900), WorkingSet: some(800), Anon: some(700), Swap: some(5), Limit: some(1000), MajorFaults: some(1)}
	})
	vmm := vm("web", uuidA, in(scope), func(g *model.Guest) {
		g.Memory = model.Memory{Usage: some(2000), Anon: some(600), Swap: some(4), BalloonMaximum: some(4096), MajorFaults: some(2)}
	})
	libvirt := vm("web", uuidA, func(g *model.Guest) {
		g.Memory = model.Memory{Usage: some(1), Balloon: some(2048), BalloonMaximum: some(4000), Available: some(100)}
	})
	want := model.Memory{
		Usage: some(2000), WorkingSet: some(800), Anon: some(700), Limit: some(1000), Swap: some(5), MajorFaults: some(1),
		Balloon: some(2048), BalloonMaximum: some(4000), Available: some(100),
	}
	got := one(t, new(scrapes).next(said{sourceCgroup: {cgroup}, sourceVMM: {vmm}, sourceLibvirt: {libvirt}}))
	if diff := cmp.Diff(want, got.Memory, cmp.AllowUnexported(model.Opt{}), cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
}

func TestAMachineInAContainerNamesIt(t *testing.T) {
	pod := model.Guest{
		Name: model.Name{Kind: model.Container, Runtime: "containerd", Guest: "ns/virt-launcher/compute"},
		Info: model.Info{Cgroup: "/kubepods/pod1/c1"},
	}
	inner := vm("ns/vmi", uuidA, func(g *model.Guest) { g.Within = "/kubepods/pod1/c1/emulator" })
	beside := vm("other", uuidB, func(g *model.Guest) { g.Within = "/kubepods/pod1/c10" })
	got := new(scrapes).next(said{sourceCgroup: {pod}, sourceVMM: {inner, beside}})
	if len(got) != 3 || got[1].Info.Parent != "container/containerd/ns/virt-launcher/compute" || got[2].Info.Parent != "" {
		t.Errorf("parents: %q, %q", got[1].Info.Parent, got[2].Info.Parent)
	}
}

func TestWhatIsAllocated(t *testing.T) {
	sized := func(cpus, memory float64) func(*model.Guest) {
		return func(g *model.Guest) {
			g.CPU.CPUs = model.Some(cpus)
			if memory > 0 {
				g.Memory.BalloonMaximum = model.Some(memory)
			}
		}
	}
	tests := []struct {
		name         string
		said         said
		cpus, memory model.Opt
	}{
		{"machines that are on", said{sourceVMM: {vm("a", uuidA, sized(4, 100)), vm("b", uuidB, sized(2, 50))}}, model.Some(6), model.Some(150)},
		{"not those that are off", said{
			sourceVMM:     {vm("a", uuidA, sized(4, 100))},
			sourceLibvirt: {vm("a", uuidA, sized(4, 100), is(model.Running)), vm("b", uuidB, sized(2, 50), is(model.ShutOff))},
		}, model.Some(4), model.Some(100)},
		{"memory only if all of it is known", said{sourceVMM: {vm("a", uuidA, sized(4, 100)), vm("b", uuidB, sized(2, 0))}}, model.Some(6), model.Opt{}},
		{"none", said{sourceVMM: {}}, model.Some(0), model.Some(0)},
		{"unknown", said{sourceVMM: nil}, model.Opt{}, model.Opt{}},
		{"not those of other hosts", said{
			sourceLibvirt: {vm("a", uuidA, sized(4, 100), func(g *model.Guest) { g.VMHost = "elsewhere" })},
		}, model.Some(0), model.Some(0)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var s scrapes
			s.next(tt.said)
			got := []model.Opt{s.host.node.VCPUsAllocated, s.host.node.MemoryAllocated}
			if diff := cmp.Diff([]model.Opt{tt.cpus, tt.memory}, got, cmp.AllowUnexported(model.Opt{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestStealOfAMachineIsSplit(t *testing.T) {
	var s scrapes
	held := func(seconds float64) func(*model.Guest) {
		return func(g *model.Guest) { g.CPU.Throttled = model.Some(seconds) }
	}
	s.next(said{sourceCgroup: {vm("web", "", in(scope), held(100))}, sourceVMM: {vm("web", uuidA, in(scope), stolen(0, 0))}})
	g := one(t, s.next(said{
		sourceCgroup: {vm("web", "", in(scope), held(102))},
		sourceVMM:    {vm("web", uuidA, in(scope), stolen(5, 6), func(g *model.Guest) { g.CPU.CPUs = model.Some(1) })},
	}))
	want := []model.Stolen{
		{Cause: model.CauseThrottle, Method: model.Estimated, Seconds: 2},
		{Cause: model.CauseUnexplained, Method: model.Estimated, Seconds: 4},
	}
	if diff := cmp.Diff(want, g.CPU.StealBy); diff != "" {
		t.Error(diff)
	}
}

// What the quota of the emulator held explains nothing of the vCPUs' steal.
func TestOnlyQuotasOnVCPUsExplainTheirSteal(t *testing.T) {
	var s scrapes
	held := func(all, vcpus float64) func(*model.Guest) {
		return func(g *model.Guest) { g.CPU.Throttled, g.CPU.ThrottledVCPUs = model.Some(all), model.Some(vcpus) }
	}
	s.next(said{sourceCgroup: {vm("web", "", in(scope), held(0, 0))}, sourceVMM: {vm("web", uuidA, in(scope), stolen(0, 0))}})
	g := one(t, s.next(said{
		sourceCgroup: {vm("web", "", in(scope), held(50, 0))}, sourceVMM: {vm("web", uuidA, in(scope), stolen(1, 10))},
	}))
	if len(g.CPU.StealBy) != 2 || g.CPU.StealBy[0].Seconds != 0 || g.CPU.StealBy[1].Seconds != 10 {
		t.Errorf("the causes are %+v", g.CPU.StealBy)
	}
	if g.CPU.Throttled != model.Some(50) {
		t.Errorf("throttled: %v", g.CPU.Throttled)
	}
}

func TestAMachineIsRememberedOverALongPause(t *testing.T) {
	var s scrapes
	reading := func(steal float64) said {
		return said{
			sourceCgroup: {vm("web", "", in(scope), func(g *model.Guest) { g.CPU.Throttled = model.Some(5000) })},
			sourceVMM:    {vm("web", uuidA, in(scope), stolen(steal, steal))},
		}
	}
	s.next(reading(0))
	s.next(reading(10))
	s.now += time.Hour // nobody scrapes
	if g := one(t, s.next(reading(20))); g.CPU.StealBy[0].Seconds != 0 {
		t.Errorf("a quota that did nothing explains %v", g.CPU.StealBy[0].Seconds)
	}
}

func TestMachinesDoNotPileUp(t *testing.T) {
	var s scrapes
	elsewhere := func(g *model.Guest) { g.Within = "/system.slice/lab.service" }
	for range 40 {
		s.next(said{sourceCgroup: {vm("web", "", in(scope))}, sourceVMM: {vm("web", "", elsewhere)}})
	}
	if n := len(s.host.kin.machines); n > 2 {
		t.Errorf("%d machines are remembered", n)
	}
}

// A bare QEMU that is called like a domain which is off is not that domain, in
// whatever order and however often they are seen.
func TestAProcessDoesNotBecomeADomainThatIsOff(t *testing.T) {
	both := said{sourceVMM: {vm("web", "", started(7))}, sourceLibvirt: {vm("web", uuidA, is(model.ShutOff))}}
	late := said{sourceVMM: {vm("web", "", started(7))}, sourceLibvirt: nil}
	off := said{sourceVMM: {}, sourceLibvirt: {vm("web", uuidA, is(model.ShutOff))}}
	for _, order := range [][]said{{both, both, late, both}, {off, both, both, late}} {
		var s scrapes
		for i, what := range order {
			g := one(t, s.next(what))
			if ran := g.StartTime != (model.Opt{}); ran == (g.Info.UUID != "") {
				t.Errorf("scrape %d: a process: %t, with the UUID %q", i, ran, g.Info.UUID)
			}
		}
	}
}

func TestLibvirtsGuestsOfAnotherHostAreWaitedForByNobody(t *testing.T) {
	remote := vm("web", uuidA, is(model.Running), used(7), stolen(3, 2))
	remote.VMHost = "elsewhere"
	g := one(t, new(scrapes).next(said{sourceVMM: {}, sourceLibvirt: {remote}}))
	if g.CPU.Usage != model.Some(7) || g.CPU.Steal != model.Some(2) {
		t.Errorf("usage %v, steal %v", g.CPU.Usage, g.CPU.Steal)
	}
}

// Who sees some processes only must not take what others see for left-overs.
func TestAPartOfTheProcessesIsNotAll(t *testing.T) {
	var h host
	h.merge([]view{
		{source: "node", reading: model.Reading{Node: &model.Node{}}, answered: true, health: &health{}},
		{source: sourceCgroup, reading: model.Reading{Guests: []model.Guest{vm("system", "", in(scope))}}, answered: true, health: &health{}},
		{source: sourceVMM, reading: model.Reading{Guests: []model.Guest{vm("mine", "")}, Partial: true}, answered: true, health: &health{}},
	}, time.Second)
	if len(h.guests) != 2 || h.node.VCPUsAllocated != (model.Opt{}) {
		t.Errorf("%d guests, %v vCPUs are allocated", len(h.guests), h.node.VCPUsAllocated)
	}
}
