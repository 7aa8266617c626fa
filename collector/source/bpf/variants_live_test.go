package bpf

import (
	"testing"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// Hosts with cgroups of the other version than this one's have another part of the
// programs.
func TestProgramsLoadForBothVersionsOfCgroups(t *testing.T) {
	s := opened(t, Options{Without: only("reclaim")})
	for _, v2 := range []bool{false, true} {
		for name, open := range map[string]func(*env) (program, error){"reclaim": openReclaim, "kvm": openKVM} {
			h := *s.places.hierarchies.memory
			h.v2 = v2
			p := *s.places
			p.hierarchies = hierarchies{cpu: &h, memory: &h}
			opened, err := open(&env{opts: s.opts, kernel: kernelOf(t, s), places: &p})
			if reasonOf(err) == model.NotSupported {
				t.Logf("%s is not there: %v", name, err)
				continue
			}
			if err != nil {
				t.Errorf("%s, cgroup v2 %v: %v", name, v2, err)
				continue
			}
			if err := opened.close(); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestCountsStayWhenThereAreMoreSlots(t *testing.T) {
	s := opened(t, Options{Without: only("reclaim")})
	s.around(t, container("a", "", ""))
	s.mu.Lock()
	l := s.programs[indexOf(s, "reclaim")]
	r := l.program.(*reclaim)
	g := s.places.guests[container("a", "", "").Name]
	g.inMemory = true
	slot := int(g.slot)
	r.reclaimed.row(slot, reclaimScopes)[hostLimit] = 25e7
	_, err := l.reload(s.now(), &env{opts: Options{Slots: 2 * s.opts.Slots, SysFS: "/sys"}, kernel: kernelOf(t, s), places: s.places})
	s.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	if r.rows != 2*s.opts.Slots {
		t.Errorf("%d rows", r.rows)
	}
	if m := s.measuredOf(t, "a"); m.ReclaimHost != model.Some(0.25) {
		t.Errorf("%v, want 0.25 s", m.ReclaimHost)
	}
}

func indexOf(s *Source, name string) int {
	for i, l := range s.programs {
		if l.name == name {
			return i
		}
	}
	return -1
}

func TestRequestsOfLongAgoMakeRoom(t *testing.T) {
	s := opened(t, Options{Without: only("fuse")})
	f, ok := s.programs[indexOf(s, "fuse")].program.(*fuse)
	if !ok {
		t.Skip("the program is not available here")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	answered := f.objects.Maps["answered"]
	half := answered.MaxEntries() / 2
	put := func(device uint32, ns uint64) {
		t.Helper()
		if err := answered.Put(&requestKind{device, 3}, &requestLatency{NS: ns}); err != nil {
			t.Fatal(err)
		}
	}
	const first = 1 << 20 // no superblock of this machine's
	read := func(now time.Duration, want int) {
		t.Helper()
		if err := f.read(now, s.places); err != nil {
			t.Fatal(err)
		}
		ours := 0 // others may be at work meanwhile
		for key := range f.seen {
			if key.Device >= first {
				ours++
			}
		}
		if ours != want {
			t.Errorf("after %v %d kinds are kept, want %d", now, ours, want)
		}
	}
	for i := range half / 2 {
		put(first+i, 1)
	}
	read(0, int(half/2))
	read(2*forgotten, int(half/2)) // there is room
	put(first, 2)
	for i := range half/2 + 1 {
		put(2*first+i, 1)
	}
	read(2*forgotten, int(half/2)+2) // what is new, and what grew
}
