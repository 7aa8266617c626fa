package cgroup

import (
	"fmt"
	"testing"
	"time"
)

func TestATenantsGuestDoesNotTakeTheNameOfTheHosts(t *testing.T) {
	f := newFake(t)
	f.cgroup("/lxc.payload.tenant")
	f.cgroup("/lxc.payload.tenant/lxc.payload.proddb")
	f.threads("/lxc.payload.tenant/lxc.payload.proddb", 100)
	f.thread(100, 1, 1, time.Minute)
	s := f.open()
	if g := f.read(s)["proddb"]; g.Info.Parent == "" {
		t.Fatalf("the tenant's guest: %+v", g.Info)
	}
	f.cgroup("/lxc.payload.proddb")
	guests := f.read(s)
	if g := guests["proddb"]; g.Info.Cgroup != "/lxc.payload.proddb" {
		t.Errorf("the name belongs to %+v", g.Info)
	}
	if len(guests) != 3 {
		t.Errorf("guests: %v", guests)
	}
}

func TestATenantCannotFillTheHost(t *testing.T) {
	f := newFake(t)
	f.cgroup("/lxc.payload.tenant")
	for i := range innerGuest + 10 {
		f.mkdir(fmt.Sprintf("sys/fs/cgroup/lxc.payload.tenant/docker/%064x", i))
	}
	s := f.open(func(o *Options) { o.MaxGuests = 1000 })
	guests := f.read(s)
	if len(guests) != innerGuest+1 {
		t.Errorf("%d guests", len(guests))
	}
	if s.dropped["limit"] != 10 {
		t.Errorf("%d dropped", s.dropped["limit"])
	}
	f.remove("sys/fs/cgroup/lxc.payload.tenant")
	f.read(s)
	if r := s.root.room; r.dirs != 0 || r.guests != 0 || s.live != 0 || len(s.refused) != 0 {
		t.Errorf("when all are gone: %+v, %d guests, %d refused", r, s.live, len(s.refused))
	}
}

func TestNamesAreValid(t *testing.T) {
	f := newFake(t)
	f.mkdir("sys/fs/cgroup/ecs/\xff/\xff-1")
	f.mkdir("sys/fs/cgroup/lxc.payload.\xff\xfe")
	for name, g := range f.read(f.open()) {
		for _, text := range []string{name, g.Info.ID, g.Info.Cgroup, g.Runtime} {
			if text != valid(text) {
				t.Errorf("%q is not valid", text)
			}
		}
	}
}

func TestRefusedGuestsThatAreGoneHoldNoPlace(t *testing.T) {
	f := newFake(t)
	for _, prefix := range []string{"aa", "bb", "cc", "dd"} {
		f.cgroup("/docker/" + id(prefix))
	}
	s := f.open(func(o *Options) { o.MaxGuests = 2 })
	f.read(s)
	for _, prefix := range []string{"aa", "bb", "cc", "dd"} {
		f.remove("sys/fs/cgroup/docker/" + id(prefix))
	}
	f.read(s)
	f.cgroup("/docker/" + id("ee"))
	f.cgroup("/docker/" + id("ff"))
	if guests := f.read(s); len(guests) != 2 {
		t.Errorf("guests: %v", guests)
	}
}

// A file system may hang for hours. Once it answers, the names come with the next
// reading.
func TestALateNameIsAskedForAgainSoon(t *testing.T) {
	f := newFake(t)
	f.cgroup("/lxc/101")
	f.write("rootfs/usr/bin/pmxcfs", "") // whose /etc/pve is not there yet
	s := f.open()
	for range 6 {
		f.now += time.Hour
		if guests := f.read(s); len(guests) != 1 || guests["101"].Info.Cgroup != "/lxc/101" {
			t.Fatalf("meanwhile: %v", guests)
		}
	}
	f.write("rootfs/etc/pve/.version", "")
	f.write("rootfs/etc/pve/lxc/101.conf", "hostname: db\n")
	if guests := f.read(s); len(guests) != 1 || guests["db"].Info.Cgroup != "/lxc/101" {
		t.Errorf("15 seconds after it answers: %v", guests)
	}
}
