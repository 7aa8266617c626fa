package cgroup

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/source"
)

func TestContainersComeAndGo(t *testing.T) {
	f, s, path := one(t)
	f.cgroup("/docker/" + id("bb"))
	f.docker(id("bb"), "db")
	if guests := f.read(s); len(guests) != 2 || guests["db"].Info.ID != id("bb") {
		t.Errorf("guests after one was added: %v", guests)
	}
	f.remove("sys/fs/cgroup" + path)
	if guests := f.read(s); len(guests) != 1 || guests["db"].Guest == "" {
		t.Errorf("guests after one was removed: %v", guests)
	}
	if s.files.Open() > 8 {
		t.Errorf("%d files are open for one container", s.files.Open())
	}
}

func TestARestartedContainerIsANewGuestOfTheSameName(t *testing.T) {
	f, s, path := one(t)
	f.thread(100, 55, 27, time.Minute)
	want(t, "steal", f.read(s)["web"].CPU.Steal, 7)
	f.remove("sys/fs/cgroup" + path)
	f.mkdir("sys/fs/cgroup/other") // takes the inode that was free
	f.cgroup(path)
	f.threads(path, 200)
	f.thread(200, 1, 2, f.now)
	g := f.read(s)["web"]
	want(t, "steal of the new life", g.CPU.Steal, 2)
}

func TestTheEnginesFileMayComeAfterTheCgroup(t *testing.T) {
	f := newFake(t)
	path := "/custom/" + id("ab")
	f.cgroup(path)
	s := f.open()
	short := id("ab")[:12]
	if guests := f.read(s); guests[short].Guest == "" {
		t.Fatalf("a container without a name has no series: %v", guests)
	}
	f.docker(id("ab"), "late")
	guests := f.read(s)
	if g := guests["late"]; g.Runtime != "docker" || len(guests) != 1 {
		t.Errorf("guests after the name was found: %v", guests)
	}
	f.docker(id("ab"), "renamed")
	if guests := f.read(s); guests["late"].Guest == "" {
		t.Errorf("a name changed twice: %v", guests)
	}
}

func TestTheOldestKeepsItsName(t *testing.T) {
	f := newFake(t)
	for i, prefix := range []string{"cc", "aa", "bb"} {
		path := "/docker/" + id(prefix)
		f.cgroup(path)
		f.docker(id(prefix), "web")
		f.threads(path, 100+i)
		f.thread(100+i, 1, 1, time.Duration(10-i)*time.Minute) // bb is the oldest
	}
	f.cgroup("/docker/" + id("a0")) // sorts first, but nothing runs in it
	f.docker(id("a0"), "web")
	s := f.open()
	f.now += time.Second
	r, err := s.Read(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	guests := byName(r)
	if guests["web"].Info.ID != id("bb") || guests["web~"+id("aa")[:12]].Info.ID != id("aa") || len(guests) != 4 {
		t.Errorf("guests: %v", guests)
	}
	if r.Collisions != 3 {
		t.Errorf("%d collisions, want 3", r.Collisions)
	}
	f.remove("sys/fs/cgroup/docker/" + id("bb"))
	if guests := f.read(s); guests["web"].Guest != "" || guests["web~"+id("cc")[:12]].Guest == "" {
		t.Errorf("a guest's name changed when another went: %v", guests)
	}
}

func TestIdsThatBeginAlikeAreToldApart(t *testing.T) {
	f := newFake(t)
	for _, last := range []string{"a", "b", "c", "d"} {
		f.cgroup("/docker/" + id("")[:63] + last)
	}
	if guests := f.read(f.open()); len(guests) != 4 {
		t.Errorf("guests: %v", guests)
	}
}

func TestGuestsBeyondTheLimitAreCountedAndGetInLater(t *testing.T) {
	f := newFake(t)
	for _, prefix := range []string{"aa", "bb", "cc"} {
		f.cgroup("/docker/" + id(prefix))
	}
	s := f.open(func(o *Options) { o.MaxGuests = 2 })
	guests := f.read(s)
	if len(guests) != 2 || s.dropped["limit"] != 1 {
		t.Fatalf("%d guests, %d dropped", len(guests), s.dropped["limit"])
	}
	for name := range guests {
		f.remove("sys/fs/cgroup/docker/" + guests[name].Info.ID)
		break
	}
	f.read(s) // the room is seen when the walk has ended
	if guests := f.read(s); len(guests) != 2 {
		t.Errorf("%d guests after one went", len(guests))
	}
	if s.dropped["limit"] != 1 {
		t.Errorf("%d dropped", s.dropped["limit"])
	}
}

func TestADeadlineCostsNoIdentityAndNoCounter(t *testing.T) {
	f, s, _ := one(t)
	f.thread(100, 51, 22, time.Minute)
	f.now += time.Second
	ended, cancel := context.WithCancelCause(context.Background())
	cancel(errors.New("the scrape is over"))
	r, err := s.Read(ended)
	if err == nil || !strings.Contains(err.Error(), "the scrape is over") || len(r.Guests) != 0 {
		t.Errorf("reading after the deadline: %v, %v", r.Guests, err)
	}
	want(t, "steal", f.read(s)["web"].CPU.Steal, 2)
}

func TestAHostWithoutCgroupsIsUnavailable(t *testing.T) {
	f := newFake(t)
	f.remove("sys/fs")
	_, err := New(Options{ProcFS: f.path("proc"), SysFS: f.path("sys"), RootFS: f.path("rootfs")})
	var unavailable *source.Unavailable
	if !errors.As(err, &unavailable) {
		t.Errorf("got %v", err)
	}
}

func TestATreeOfThirtyLevelsIsWalked(t *testing.T) {
	f := newFake(t)
	f.cgroup(strings.Repeat("/deep", 30) + "/docker/" + id("aa"))
	f.docker(id("aa"), "deep")
	if guests := f.read(f.open()); guests["deep"].Guest == "" {
		t.Errorf("guests: %v", guests)
	}
}

func TestAControllerMayBeSwitchedOff(t *testing.T) {
	f, _, path := one(t)
	s := f.open(func(o *Options) { o.OpenFiles = 0 }) // a regular file that is open outlives its name
	f.read(s)
	f.remove("sys/fs/cgroup" + path + "/memory.current")
	g, ok := f.read(s)["web"]
	if !ok {
		t.Fatal("a guest is gone with one of its files")
	}
	wantAbsent(t, "memory", g.Memory.Usage)
	f.write("sys/fs/cgroup"+path+"/memory.current", "8192\n")
	want(t, "memory when it is back", f.read(s)["web"].Memory.Usage, 8192)
}

func TestNothingIsReadTwice(t *testing.T) {
	f := newFake(t)
	for i, path := range []string{
		"/kubepods/pod1d1f1a4c-21a4-4c54-a2dc-0c1b36eb3cb8/" + id("aa"),
		"/kubepods/pod1d1f1a4c-21a4-4c54-a2dc-0c1b36eb3cb8/" + id("bb"),
		"/lxc.payload.c1", "/lxc.payload.c1/docker/" + id("cc"),
	} {
		f.cgroup(path)
		f.threads(path, 1000+i)
		f.thread(1000+i, 1, 1, time.Minute)
	}
	s := f.open(func(o *Options) { o.OpenFiles = 0 })
	f.read(s)
	f.charge()
	f.idle = true // charging opens files too
	opened := watchOpens(t, f.root)
	f.read(s)
	for name, times := range opened() {
		if times > 1 && !strings.Contains(name, "/rootfs/") {
			t.Errorf("%s was opened %d times", strings.TrimPrefix(name, f.root), times)
		}
	}
}

// countdown is a context that ends after it was asked a number of times.
type countdown struct {
	context.Context
	left int
}

func (c *countdown) Err() error {
	if c.left--; c.left < 0 {
		return context.DeadlineExceeded
	}
	return nil
}

func TestADeadlineIsFair(t *testing.T) {
	const count = 30
	f := newFake(t)
	for i := range count {
		f.cgroup(fmt.Sprintf("/docker/%064x", i))
	}
	s := f.open()
	f.read(s)
	seen := make(map[string]int)
	for range 6 {
		f.now += 15 * time.Second
		f.charge()
		r, err := s.Read(&countdown{context.Background(), count + 2 + 5}) // the walk, and five guests
		if err == nil {
			t.Fatal("the deadline was not met")
		}
		for _, g := range r.Guests {
			seen[g.Info.ID]++
		}
	}
	if len(seen) != count {
		t.Errorf("%d of %d guests were read in six readings of five", len(seen), count)
	}
}
