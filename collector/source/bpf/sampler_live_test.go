package bpf

import (
	"math"
	"strconv"
	"testing"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// Threads that never sleep on one CPU: the truth is that each thread of A waits for as
// long as the others' threads run.
func TestSamplerSaysWhoRan(t *testing.T) {
	s := opened(t, Options{Mode: Sampled, Without: only("sampler")})
	a, b, c := newLoadGroup(t, "a"), newLoadGroup(t, "b"), newLoadGroup(t, "c")
	s.around(t, container("a", a.path, ""), container("b", b.path, ""), container("c", c.path, ""))
	for _, g := range []struct {
		*loadGroup
		threads int
	}{{a, 1}, {b, 1}, {c, 3}} {
		for range g.threads {
			pin(t, g.start(spinning).Process.Pid, 0)
		}
	}
	time.Sleep(300 * time.Millisecond) // each is in its place
	of := func(m model.MeasuredGuest) (all float64, by map[string]float64) {
		by = make(map[string]float64)
		for _, w := range m.Waits {
			by[string(w.Cause)+" "+w.Culprit] += w.Seconds
			all += w.Seconds
		}
		return all, by
	}
	ran := func(g *loadGroup) (run float64) {
		for _, c := range g.cmds {
			r, _ := schedstat(t, "/proc/"+strconv.Itoa(c.Process.Pid)+"/schedstat")
			run += r
		}
		return run
	}
	all0, by0 := of(s.measuredOf(t, "a"))
	b0, c0 := ran(b), ran(c)
	_, d0 := schedstat(t, "/proc/"+strconv.Itoa(a.cmds[0].Process.Pid)+"/schedstat")
	began := time.Now()
	time.Sleep(4 * time.Second)
	all1, by1 := of(s.measuredOf(t, "a"))
	b1, c1 := ran(b), ran(c)
	wall := time.Since(began)
	_, d1 := schedstat(t, "/proc/"+strconv.Itoa(a.cmds[0].Process.Pid)+"/schedstat")

	for _, is := range []struct {
		what      string
		got, want float64
	}{
		{"all", all1 - all0, d1 - d0},
		{"for b", by1["neighbour "+container("b", "", "").String()] - by0["neighbour "+container("b", "", "").String()], b1 - b0},
		{"for c", by1["neighbour "+container("c", "", "").String()] - by0["neighbour "+container("c", "", "").String()], c1 - c0},
	} {
		// What chance may do to so many looks, four times, and 2 %.
		looks := is.want * looksPerSecond
		tolerance := is.want*0.02 + 4*math.Sqrt(looks*(1-is.want/wall.Seconds()))/looksPerSecond
		if math.Abs(is.got-is.want) > tolerance {
			t.Errorf("%s: a was seen to wait for %.3f s, the truth is %.3f s ± %.3f s", is.what, is.got, is.want, tolerance)
			continue
		}
		t.Logf("%s: %.3f s, the truth is %.3f s (%+.1f %%)", is.what, is.got, is.want, 100*(is.got/is.want-1))
	}
	if t.Failed() {
		t.Log(by1)
	}
}

// The programs have another part for hosts whose CPU controller is one of cgroup v2.
func TestProgramsLoadForEitherCPUController(t *testing.T) {
	s := opened(t, Options{Mode: Sampled, Without: only("totals", "sampler")})
	for _, v2 := range []bool{false, true} {
		for name, open := range map[string]func(*env) (program, error){"totals": openTotals, "sampler": openSampler} {
			p := *s.places
			h := *p.hierarchies.cpu
			h.v2 = v2
			p.hierarchies.cpu = &h
			opened, err := open(&env{opts: s.opts, kernel: kernelOf(t, s), places: &p})
			if err != nil {
				t.Errorf("%s, cgroup v2 %v: %v", name, v2, err)
				continue
			}
			if err := opened.read(s.now(), &p); err != nil {
				t.Errorf("%s, cgroup v2 %v: %v", name, v2, err)
			}
			if err := opened.close(); err != nil {
				t.Error(err)
			}
		}
	}
}
