package cgroup

import (
	"fmt"
	"testing"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

func TestALeftoverIsNoVirtualMachineUntilOneStartsInIt(t *testing.T) {
	f := newFake(t)
	const path = "/firecracker/fc1"
	f.cgroup(path)
	f.events(path, 0, 0)
	f.oomKills(path, 2, 3) // of one that ran there once
	s := f.open()
	if guests := f.read(s); len(guests) != 0 {
		t.Fatalf("guests: %v", guests)
	}
	f.events(path, 1, 0)
	g := f.read(s)["fc1"]
	want(t, "kills of another", g.Memory.Events.OOMKill, 0)
	f.oomKills(path, 2, 4)
	want(t, "kills", f.read(s)["fc1"].Memory.Events.OOMKill, 1)

	f.oomKills(path, 2, 5)
	f.events(path, 0, 0)
	g = f.read(s)["fc1"]
	if !g.Ended || g.Info.Cgroup != path || g.Kind != model.VM {
		t.Fatalf("after its end it is %+v", g)
	}
	want(t, "kills of one that has ended", g.Memory.Events.OOMKill, 2)

	f.events(path, 1, 0)
	g = f.read(s)["fc1"]
	if g.Ended {
		t.Error("what was started there again is marked as ended")
	}
	want(t, "kills go on counting", g.Memory.Events.OOMKill, 2)
	f.oomKills(path, 2, 6)
	want(t, "kills of the next", f.read(s)["fc1"].Memory.Events.OOMKill, 3)

	f.events(path, 0, 0)
	f.read(s)
	f.now += 16 * time.Minute
	if guests := f.read(s); len(guests) != 0 {
		t.Errorf("guests after 16 minutes: %v", guests)
	}
	f.remove("sys/fs/cgroup" + path)
	if f.read(s); len(s.vacant) != 0 {
		t.Errorf("%d directories are remembered", len(s.vacant))
	}
}

func TestALeftoverDoesNotKeepTheNameOfItsSuccessor(t *testing.T) {
	f := newFake(t)
	next := `/machine.slice/machine-qemu\x2d2\x2dweb.scope`
	f.libvirtVM(scope, "/libvirt")
	s := f.open()
	if guests := f.read(s); guests["web"].Info.Cgroup != scope {
		t.Fatalf("guests: %v", guests)
	}
	f.events(scope, 0, 0)
	f.libvirtVM(next, "/libvirt")
	if guests := f.read(s); guests["web"].Info.Cgroup != next || len(guests) != 1 || s.collisions != 0 {
		t.Errorf("%d collisions, guests: %v", s.collisions, guests)
	}
}

func TestKillsInAVirtualMachineOutliveIt(t *testing.T) {
	f := newFake(t)
	f.libvirtVM(scope, "/libvirt")
	s := f.open()
	f.read(s)
	s.logged(scope)
	f.remove("sys/fs/cgroup" + scope)
	g := f.read(s)["web"]
	want(t, "kills", g.Memory.Events.OOMKill, 1)
	if !g.Ended || g.Info.Cgroup != scope {
		t.Errorf("the machine is %+v", g)
	}
	s.logged("/qemu.slice/200.scope") // came and went between two readings
	g = f.read(s)["200"]
	want(t, "kills of one that was never seen", g.Memory.Events.OOMKill, 1)
	if g.Kind != model.VM || g.Info.Cgroup != "/qemu.slice/200.scope" {
		t.Errorf("the machine is %+v", g)
	}
}

func TestWhereItCannotBeSeenSomethingRuns(t *testing.T) {
	f := newFake(t)
	f.cgroup("/qemu.slice/100.scope") // without cgroup.events
	if guests := f.read(f.open()); len(guests) != 1 {
		t.Errorf("guests: %v", guests)
	}
}

func TestVirtualMachinesCountAgainstTheLimit(t *testing.T) {
	f := newFake(t)
	for i := range 4 {
		path := fmt.Sprintf("/qemu.slice/10%d.scope", i)
		f.cgroup(path)
		f.events(path, min(i, 1), 0)
	}
	s := f.open(func(o *Options) { o.MaxGuests = 2 })
	if guests := f.read(s); len(guests) != 2 || s.dropped["limit"] != 1 {
		t.Fatalf("%d dropped, guests: %v", s.dropped["limit"], guests)
	}
	for _, g := range s.guests {
		f.events(g.node.path, 0, 0)
	}
	f.read(s) // the room is seen when the walk has ended
	if guests := f.read(s); len(guests) != 1 {
		t.Errorf("guests after two ended: %v", guests)
	}
}

func TestManyLeftoversAreLookedAtInTurn(t *testing.T) {
	f := newFake(t)
	for i := range vacantMost + 50 {
		path := fmt.Sprintf("/firecracker/vm%d", i)
		f.cgroup(path)
		f.events(path, 0, 0)
	}
	s := f.open(func(o *Options) { o.MaxGuests = 1000 })
	f.read(s)
	for i := range vacantMost + 50 {
		f.events(fmt.Sprintf("/firecracker/vm%d", i), 1, 0)
	}
	if guests := f.read(s); len(guests) != vacantMost {
		t.Errorf("%d guests after one reading", len(guests))
	}
	if guests := f.read(s); len(guests) != vacantMost+50 {
		t.Errorf("%d guests after two readings", len(guests))
	}
}
