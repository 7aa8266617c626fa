package bpf

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/source"
)

// Containers come and go all the time: what is kept of them here and in the kernel
// must not grow with how many there have been.
func TestThousandsOfGuestsLeaveNothing(t *testing.T) {
	requireBPF(t)
	const alive, rounds = 100, 30
	s, err := New(Options{ProcFS: "/proc", SysFS: "/sys"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	root, top := s.places.hierarchies.cpu.root, fmt.Sprintf("/virt_bpf_churn_%d", os.Getpid())
	if err := os.Mkdir(root+top, 0o755); err != nil {
		t.Skipf("needs write access to the cgroups at %s: %v", root, err)
	}
	t.Cleanup(func() {
		left, _ := filepath.Glob(root + top + "/*")
		for _, dir := range append(left, root+top) {
			_ = os.Remove(dir)
		}
	})
	var now time.Duration
	for round := range rounds {
		var around source.Surroundings
		for i := range alive {
			path := fmt.Sprintf("%s/%d-%d", top, round, i)
			if err := os.Mkdir(root+path, 0o755); err != nil {
				t.Fatal(err)
			}
			around.Guests = append(around.Guests, container(path, path, ""))
		}
		now += 5 * time.Second
		s.mu.Lock()
		err := s.places.put(now, around)
		s.mu.Unlock()
		if err != nil {
			t.Fatal(err)
		}
		s.began = time.Now().Add(-now) // time passes faster here
		r, err := s.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Measured) != alive {
			t.Fatalf("round %d: %d guests are measured, %d are there", round, len(r.Measured), alive)
		}
		for _, g := range around.Guests {
			if err := os.Remove(root + g.Cgroup); err != nil {
				t.Fatal(err)
			}
		}
	}
	if s.opts.Slots != defaultSlots || s.places.unplaced != 0 {
		t.Errorf("%d slots are there for %d guests at a time, %d have none", s.opts.Slots, alive, s.places.unplaced)
	}
	s.mu.Lock()
	err = s.places.put(now+time.Second, source.Surroundings{})
	s.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	var key uint64
	var place uint32
	n := 0
	for it := s.places.hierarchies.cpu.places.Iterate(); it.Next(&key, &place); {
		n++
	}
	if n > 1 { // the root
		t.Errorf("%d cgroups are left in the kernel's map", n)
	}
	if len(s.places.guests) != 0 || len(s.places.byLabel) != 0 {
		t.Errorf("%d guests are remembered", len(s.places.guests))
	}
	for _, l := range s.programs {
		if p, ok := l.program.(*sched); ok && (len(p.guests) > 12*alive || len(p.waits.by) > 12*alive) {
			t.Errorf("waits of %d guests are remembered", len(p.guests))
		}
	}
}
