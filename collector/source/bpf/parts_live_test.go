package bpf

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
	"github.com/virt-exporter/virt_exporter/collector/source"
)

// schedOf returns the program of a source, and its place in the table.
func schedOf(t *testing.T, s *Source) (*sched, *loaded) {
	t.Helper()
	for _, l := range s.programs {
		if p, ok := l.program.(*sched); ok {
			return p, l
		}
	}
	t.Fatal("the program is not loaded")
	return nil, nil
}

// shardAs loads the program anew, so that CPUs share its maps in this way.
func (s *Source) shardAs(t *testing.T, how sharding) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	_, l := schedOf(t, s)
	e, err := s.env()
	if err != nil {
		t.Fatal(err)
	}
	e.shards = &how
	if replaced, err := l.reload(s.now(), e); err != nil || !replaced {
		t.Fatalf("%v, replaced %v", err, replaced)
	}
}

// seen is what was seen of a guest's waits, in seconds.
func seen(m model.MeasuredGuest) (waits, parts, unknown float64) {
	for _, w := range m.Waits {
		parts += w.Seconds
		if w.Cause == model.CauseUnexplained {
			unknown += w.Seconds
		}
	}
	if m.Latency != nil {
		waits = m.Latency.Sum
	}
	return waits, parts, unknown
}

// delayOf is how long the processes of a group have waited.
func (g *loadGroup) delay() (s float64) {
	g.t.Helper()
	for _, c := range g.cmds {
		_, d := schedstat(g.t, fmt.Sprintf("/proc/%d/schedstat", c.Process.Pid))
		s += d
	}
	return s
}

// On both CPUs threads of a wait for those of b, however the CPUs share the maps.
func TestWaitsInMapsThatCPUsShare(t *testing.T) {
	s := opened(t, Options{Without: only("sched")})
	a, b := newLoadGroup(t, "sharesa"), newLoadGroup(t, "sharesb")
	s.around(t, container("a", a.path, ""), container("b", b.path, ""))
	for cpu := range lastCPU(t) + 1 {
		pin(t, a.start(spinning).Process.Pid, cpu)
		pin(t, b.start(spinning).Process.Pid, cpu)
	}
	for _, how := range []sharding{
		{waited: 1, pairs: 1, mask: 0, shared: true},
		{waited: 4, pairs: 2, mask: 3, shared: true},
		{waited: max(3, lastCPU(t)+1), pairs: 4, mask: powerAbove(max(3, lastCPU(t)+1)) - 1}, // wider than the shards are many
	} {
		s.shardAs(t, how)
		time.Sleep(100 * time.Millisecond) // waits of before end
		_, parts0, _ := seen(s.measuredOf(t, "a"))
		delay0 := a.delay()
		time.Sleep(1500 * time.Millisecond)
		waits, parts1, _ := seen(s.measuredOf(t, "a"))
		delay := a.delay() - delay0
		t.Logf("%+v: parts of %.3f s, the truth is %.3f s", how, parts1-parts0, delay)
		if parts := parts1 - parts0; math.Abs(parts-delay) > 0.05*delay+0.1 {
			t.Errorf("%+v: parts of %.3f s, the truth is %.3f s", how, parts, delay)
		}
		if math.Abs(waits-parts1) > 1e-6 {
			t.Errorf("%+v: waits of %.6f s have parts of %.6f s", how, waits, parts1)
		}
	}
}

// Where more take turns than a block has room for, each part is still counted once.
func TestPartsOfLongWaitsForMany(t *testing.T) {
	const many = 24
	s := opened(t, Options{Without: only("sched")})
	if s.places.hierarchies.cpu.v2 {
		t.Skip("needs the CPU controller of cgroup v1")
	}
	a, cpu := newLoadGroup(t, "manya"), lastCPU(t)
	// It has the CPU for a little of the time, and waits for many turns of the others.
	if err := os.WriteFile(filepath.Join(a.dir, "cpu.shares"), []byte("50"), 0); err != nil {
		t.Skipf("needs shares: %v", err)
	}
	guests := []source.Guest{container("a", a.path, "")}
	var others []*loadGroup
	for i := range many {
		g := newLoadGroup(t, fmt.Sprintf("many%d", i))
		others = append(others, g)
		guests = append(guests, container(g.path, g.path, ""))
	}
	s.around(t, guests...)
	for _, g := range append(others, a) {
		pin(t, g.start(spinning).Process.Pid, cpu)
	}
	time.Sleep(3 * time.Second)
	figures := func() (f [3]float64, delay float64) {
		for { // until no wait ends meanwhile
			delay = a.delay()
			f[0], f[1], f[2] = seen(s.measuredOf(t, "a"))
			if a.delay() == delay {
				return f, delay
			}
		}
	}
	before, delay0 := figures()
	n0 := s.measuredOf(t, "a").Latency.Count()
	time.Sleep(12 * time.Second)
	after, delay1 := figures()
	waited, n := delay1-delay0, s.measuredOf(t, "a").Latency.Count()-n0
	parts, unknown := after[1]-before[1], after[2]-before[2]
	t.Logf("%v waits of %.3f s, parts of %.6f s (%+.3f %%), %.2f %% are not known", n, waited, parts, 100*(parts/waited-1), 100*unknown/waited)
	if n == 0 || waited/float64(n) < 0.3 {
		t.Skipf("%v waits of %.3f s: they are too short for what is tested", n, waited)
	}
	if math.Abs(parts-waited) > 0.002*waited {
		t.Errorf("parts of %.3f s, the truth is %.3f s", parts, waited)
	}
	if unknown > 0.3*waited { // less far back is remembered the more there are
		t.Errorf("%.3f s of %.3f s are not known", unknown, waited)
	}
}

// What waits while the program is loaded anew is counted by one of the two.
func TestLittleIsLostWhenTheProgramIsLoadedAnew(t *testing.T) {
	const times = 5
	s := opened(t, Options{Without: only("sched")})
	a, b := newLoadGroup(t, "anewa"), newLoadGroup(t, "anewb")
	s.around(t, container("a", a.path, ""), container("b", b.path, ""))
	cpu := lastCPU(t)
	pin(t, a.start(spinning).Process.Pid, cpu)
	pin(t, b.start(spinning).Process.Pid, cpu)
	p, _ := schedOf(t, s)
	how := sharding{waited: p.shards, pairs: 1, mask: powerAbove(p.shards) - 1}
	time.Sleep(200 * time.Millisecond)
	_, parts0, _ := seen(s.measuredOf(t, "a"))
	delay0, began := a.delay(), time.Now()
	for range times {
		s.shardAs(t, how)
		time.Sleep(200 * time.Millisecond)
	}
	_, parts1, unknown := seen(s.measuredOf(t, "a"))
	parts, delay := parts1-parts0, a.delay()-delay0
	t.Logf("in %v parts of %.4f s, the truth is %.4f s (%+.2f %%), %.4f s are not known", time.Since(began), parts, delay, 100*(parts/delay-1), unknown)
	if math.Abs(parts-delay) > 0.01*delay+0.03 {
		t.Errorf("parts of %.4f s, the truth is %.4f s", parts, delay)
	}
	if unknown > times*0.05 {
		t.Errorf("%.4f s are not known: more than the waits that were under way", unknown)
	}
}

// A program that cannot have more slots goes on with those that it has, and so do all.
func TestProgramGoesOnIfItCannotBeLoadedAnew(t *testing.T) {
	s := opened(t, Options{Without: only("sched", "reclaim"), Slots: 64})
	s.mu.Lock()
	p, _ := schedOf(t, s)
	s.programs = append(s.programs, &loaded{kind: kind{name: "stubborn"}, program: &stubborn{}})
	s.mu.Unlock()
	var guests []source.Guest
	for i := range 70 {
		guests = append(guests, container(fmt.Sprint(i), "", ""))
	}
	s.around(t, guests...)
	if _, err := s.Read(t.Context()); !errors.Is(err, os.ErrClosed) {
		t.Errorf("error %v, want that of the program", err)
	}
	if s.opts.Slots != 64 || s.places.slots.most != 64 || !s.places.full || p.objects == nil {
		t.Errorf("there are %d slots, up to %d are given", s.opts.Slots, s.places.slots.most)
	}
	side := p.blamed.side
	if _, err := s.Read(t.Context()); err != nil || p.blamed.side != side {
		t.Errorf("error %v: it is tried again at once", err)
	}
	s.around(t, guests...)
	if s.places.noSlot != 70-(64-slotsReserved) {
		t.Errorf("%d guests have no slot", s.places.noSlot)
	}
	s.programs = s.programs[:len(s.programs)-1]
	s.growAfter = 0
	if _, err := s.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.around(t, guests...)
	if s.places.full || s.opts.Slots <= 70 || s.places.unplaced != 0 || p.blamed.side != s.opts.Slots {
		t.Errorf("of %d slots, %d guests have none", s.opts.Slots, s.places.unplaced)
	}
}

// stubborn is a program that cannot be loaded anew.
type stubborn struct{ program }

func (*stubborn) reload(*env, func() error) (bool, error) { return false, os.ErrClosed }

func (*stubborn) read(time.Duration, *places) error { return nil }

func (*stubborn) report(*guest, *model.MeasuredGuest) {}
