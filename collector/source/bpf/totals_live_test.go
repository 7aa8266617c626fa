package bpf

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/virt-exporter/virt_exporter/collector/model"
	"github.com/virt-exporter/virt_exporter/collector/source"
)

// loadGroup is a cgroup of the CPU controller with processes of the test in it.
type loadGroup struct {
	t    *testing.T
	path string // from the hierarchy's root
	dir  string
	cmds []*exec.Cmd
}

func newLoadGroup(t *testing.T, name string) *loadGroup {
	t.Helper()
	root := findHierarchies("/sys").cpu.root
	g := &loadGroup{t: t, path: fmt.Sprintf("/virt_exporter_%s_%d", name, os.Getpid())}
	g.dir = root + g.path
	if err := os.Mkdir(g.dir, 0o755); err != nil {
		t.Skipf("cgroups cannot be made here: %v", err)
	}
	t.Cleanup(g.remove)
	return g
}

// remove ends what the test started in the group.
func (g *loadGroup) remove() {
	for _, c := range g.cmds {
		c.Process.Kill()
		c.Wait()
	}
	for range 100 {
		if err := os.Remove(g.dir); err == nil || os.IsNotExist(err) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	g.t.Errorf("%s could not be removed", g.dir)
}

// start runs a shell script whose process is in the group before it begins.
func (g *loadGroup) start(script string) *exec.Cmd {
	g.t.Helper()
	c := exec.CommandContext(g.t.Context(), "sh", "-c", `echo $$ >"$0/cgroup.procs" && `+script, g.dir)
	c.Stderr = os.Stderr
	if strings.Contains(script, "echo") {
		c.Stdout = new(strings.Builder)
	}
	if err := c.Start(); err != nil {
		g.t.Fatal(err)
	}
	g.cmds = append(g.cmds, c)
	return c
}

const spinning = `while :; do :; done`

// pin has a process run on one CPU only.
func pin(t *testing.T, pid, cpu int) {
	t.Helper()
	var set unix.CPUSet
	set.Set(cpu)
	if err := unix.SchedSetaffinity(pid, &set); err != nil {
		t.Fatal(err)
	}
}

// hold stops the processes, so that nothing is under way, and returns what the kernel
// counted of them.
func (g *loadGroup) hold() (run, delay float64) {
	g.t.Helper()
	for _, c := range g.cmds {
		if err := c.Process.Signal(unix.SIGSTOP); err != nil {
			g.t.Fatal(err)
		}
	}
	for _, c := range g.cmds {
		for range 200 {
			stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.Process.Pid))
			if err != nil {
				g.t.Fatal(err)
			}
			if strings.Contains(string(stat), ") T ") {
				break
			}
			time.Sleep(5 * time.Millisecond)
		}
		r, d := schedstat(g.t, fmt.Sprintf("/proc/%d/schedstat", c.Process.Pid))
		run, delay = run+r, delay+d
	}
	return run, delay
}

func schedstat(t *testing.T, name string) (run, delay float64) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(b))
	for i, to := range []*float64{&run, &delay} {
		ns, err := strconv.ParseUint(fields[i], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		*to = float64(ns) / 1e9
	}
	return run, delay
}

// opened is a source with the programs that a test needs, and places that it fills.
func opened(t *testing.T, opts Options) *Source {
	t.Helper()
	requireBPF(t)
	opts.ProcFS, opts.SysFS = "/proc", "/sys"
	s, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// around places the guests, without waiting for the source to do it.
func (s *Source) around(t *testing.T, guests ...source.Guest) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.places.put(s.now(), source.Surroundings{Guests: guests, Units: []model.Unit{{Path: "/", Name: rootUnit}}})
	if err != nil {
		t.Fatal(err)
	}
}

// measured reads the source and returns what it says of a guest.
func (s *Source) measuredOf(t *testing.T, name string) model.MeasuredGuest {
	t.Helper()
	r, err := s.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range r.Measured {
		if m.Name.Guest == name {
			return m
		}
	}
	t.Fatalf("nothing is measured of %s", name)
	return model.MeasuredGuest{}
}

func only(names ...string) (without []string) {
	for _, name := range ProgramNames() {
		wanted := false
		for _, n := range names {
			wanted = wanted || n == name
		}
		if !wanted {
			without = append(without, name)
		}
	}
	return without
}

// agree compares a total with the truth, in seconds.
func agree(t *testing.T, what string, got model.Opt, want, tolerance float64) {
	t.Helper()
	is, ok := got.Get()
	if !ok || math.Abs(is-want) > tolerance {
		t.Errorf("%s is %.6f s (%v), the kernel has %.6f s: they may differ by %.6f s", what, is, ok, want, tolerance)
		return
	}
	t.Logf("%s: %.6f s, the kernel has %.6f s", what, is, want)
}

func TestTotalsAreThoseOfSchedstat(t *testing.T) {
	s := opened(t, Options{Without: only("sched", "totals")})
	a, b := newLoadGroup(t, "a"), newLoadGroup(t, "b")
	s.around(t, container("a", a.path, ""), container("b", b.path, ""))
	for range 3 { // on all CPUs: they are moved while they wait
		a.start(spinning)
	}
	b.start(`while :; do sleep 0.01; done`).Process.Signal(unix.SIGCONT)
	b.start(spinning)
	time.Sleep(200 * time.Millisecond)
	s.measuredOf(t, "a")
	time.Sleep(1500 * time.Millisecond)

	run, delay := a.hold()
	m := s.measuredOf(t, "a")
	agree(t, "run", m.Run, run, 0.001*run)
	agree(t, "steal", m.Steal, delay, 0.001*delay)

	r, err := s.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range r.Programs {
		if p.Name != "sched" {
			continue
		}
		if c, ok := p.Coverage.Get(); !ok || c < 0.7 || c > 1 {
			t.Errorf("the coverage is %v (%v): want most of it", c, ok)
		} else {
			t.Logf("coverage %.4f", c)
		}
	}
}

// Processes that live for a moment, in a container that is known only after a while.
func TestTotalsOfShortLives(t *testing.T) {
	s := opened(t, Options{Mode: Sampled, Without: only("totals")})
	a := newLoadGroup(t, "short")
	inner := filepath.Join(a.dir, "inner")
	if err := os.Mkdir(inner, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(inner) })
	s.around(t)
	const storm = `n=0; while [ $n -lt 400 ]; do n=$((n+1)); [ $n = 100 ] && echo $$ >"$0/inner/cgroup.procs"
		sh -c 'i=0; while [ $i -lt 300 ]; do i=$((i+1)); done; read r d n </proc/self/schedstat; echo $r $d'; done
		read r d n </proc/self/schedstat; echo $r $d`
	began := time.Now()
	c := a.start(storm)
	time.Sleep(100 * time.Millisecond)
	if _, err := s.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err != nil {
		t.Fatal(err)
	}
	a.cmds = nil
	wall := time.Since(began)
	var delay float64
	for line := range strings.Lines(c.Stdout.(*strings.Builder).String()) {
		var r, d float64
		if _, err := fmt.Sscan(line, &r, &d); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		delay += d / 1e9
	}
	if err := os.Remove(inner); err != nil {
		t.Fatal(err)
	}

	s.around(t, container("short", a.path, ""))
	used := c.ProcessState.UserTime() + c.ProcessState.SystemTime() // with all that it waited for
	var m model.MeasuredGuest
	for range 50 { // the kernel forgets a process a moment after its end
		if m = s.measuredOf(t, "short"); m.Run.Or(0) >= 0.99*used.Seconds() {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	agree(t, "run", m.Run, used.Seconds(), 0.01*used.Seconds())
	// What each waited after it had read its own figures is not in that truth: one of
	// the two always waited for the other.
	if is := m.Steal.Or(0); is < 0.999*delay || is > 2*wall.Seconds() {
		t.Errorf("steal is %.6f s, the processes read %.6f s of themselves in %v", is, delay, wall)
	}
}

// totalsOf returns the program of a source.
func totalsOf(t testing.TB, s *Source) *totals {
	t.Helper()
	for _, l := range s.programs {
		if p, ok := l.program.(*totals); ok {
			return p
		}
	}
	t.Fatal("the program is not loaded")
	return nil
}

// A container and one inside it, both of which are known only when they have done
// something, in either order.
func TestTotalsOfWhatWasNotKnownYet(t *testing.T) {
	for _, innerFirst := range []bool{true, false} {
		t.Run(fmt.Sprintf("inner first %v", innerFirst), func(t *testing.T) {
			s := opened(t, Options{Mode: Sampled, Without: only("totals")})
			s.around(t)
			outer := newLoadGroup(t, "outer")
			inner := &loadGroup{t: t, path: outer.path + "/inner", dir: outer.dir + "/inner"}
			if err := os.Mkdir(inner.dir, 0o755); err != nil {
				t.Fatal(err)
			}
			outer.start(spinning)
			inner.start(spinning)
			t.Cleanup(inner.remove)
			time.Sleep(200 * time.Millisecond)
			if _, err := s.Read(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(200 * time.Millisecond)
			runOuter, delayOuter := outer.hold()
			runInner, delayInner := inner.hold()
			if _, err := s.Read(t.Context()); err != nil {
				t.Fatal(err)
			}

			out, in := container("outer", outer.path, ""), container("inner", inner.path, "outer")
			if first := out; innerFirst {
				s.around(t, container("inner", inner.path, ""))
				s.measuredOf(t, "inner")
			} else {
				s.around(t, first)
				s.measuredOf(t, "outer")
			}
			in.Parent = out.String()
			s.around(t, out, in)
			m, of := s.measuredOf(t, "outer"), s.measuredOf(t, "inner")
			agree(t, "run of the inner", of.Run, runInner, 0.001*runInner)
			agree(t, "steal of the inner", of.Steal, delayInner, 0.001*delayInner)
			agree(t, "run of both", m.Run, runInner+runOuter, 0.001*runOuter)
			agree(t, "steal of both", m.Steal, delayInner+delayOuter, 0.001*delayOuter)
		})
	}
}

func TestTotalsBeginWithTheExporter(t *testing.T) {
	a := newLoadGroup(t, "old")
	a.start(spinning)
	time.Sleep(200 * time.Millisecond)
	run0, _ := a.hold()
	s := opened(t, Options{Mode: Sampled, Without: only("totals")})
	s.around(t, container("old", a.path, ""))
	agree(t, "run at the start", s.measuredOf(t, "old").Run, 0, 0)
	a.cmds[0].Process.Signal(unix.SIGCONT)
	time.Sleep(200 * time.Millisecond)
	run1, _ := a.hold()
	agree(t, "run since", s.measuredOf(t, "old").Run, run1-run0, 0.001*(run1-run0))
}

func TestCgroupsThatNobodyAskedForAreForgotten(t *testing.T) {
	s := opened(t, Options{Mode: Sampled, Without: only("totals")})
	p := totalsOf(t, s)
	m := p.objects.Maps["nameless"]
	clock, err := monotonic()
	if err != nil {
		t.Fatal(err)
	}
	const recent = 3
	for id := range uint64(1000) {
		at := uint64(1)
		if id < recent {
			at = uint64(clock)
		}
		if err := m.Put(1<<40+id, nameless{At: at}); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.sweep(2 * namelessEvery); err != nil {
		t.Fatal(err)
	}
	left := 0
	var id uint64
	var is nameless
	for entries := m.Iterate(); entries.Next(&id, &is); {
		if id >= 1<<40 {
			left++
		}
	}
	if left != recent {
		t.Errorf("%d are left, want the %d that still grow", left, recent)
	}
}

// Looking at all threads of a host: this process has so many.
func BenchmarkLookAtThreads(b *testing.B) {
	for _, threads := range []int{100, 4000} {
		b.Run(strconv.Itoa(threads), func(b *testing.B) {
			requireBPF(b)
			s, err := New(Options{ProcFS: "/proc", SysFS: "/sys", Mode: Sampled, Without: only("totals")})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			var there sync.WaitGroup
			end := make(chan struct{})
			defer close(end)
			for range threads {
				there.Add(1)
				go func() {
					runtime.LockOSThread() // the thread ends with it
					there.Done()
					<-end
				}()
			}
			there.Wait()
			p := totalsOf(b, s)
			if err := p.look(); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := p.look(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(threads), "ns/thread")
		})
	}
}
