package bpf

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// Threads that never sleep on one CPU, and two that switch all the time: the truth is
// that each thread of A waits for as long as others run there, whoever else does.
func TestSchedSaysWhoRan(t *testing.T) {
	s := opened(t, Options{Without: only("sched")})
	a, c := newLoadGroup(t, "a"), newLoadGroup(t, "c")
	b := startLoad(t)
	s.around(t, container("a", a.path, ""), container("b", b.path, ""), container("c", c.path, ""))
	cpu := lastCPU(t)
	const threads = 2 // of a
	for range threads {
		pin(t, a.start(spinning).Process.Pid, cpu)
	}
	pin(t, c.start(spinning).Process.Pid, cpu)
	b.round(t) // each is in its place

	ran := func(pids ...int32) (run, wait float64) {
		for _, pid := range pids {
			r, w := schedstat(t, fmt.Sprintf("/proc/%d/schedstat", pid))
			run, wait = run+r, wait+w
		}
		return run, wait
	}
	figures := func() map[string]float64 {
		time.Sleep(100 * time.Millisecond) // b sleeps now, and long waits end
		f := make(map[string]float64)
		m := s.measuredOf(t, "a")
		for _, w := range m.Waits {
			f[string(w.Cause)+" "+w.Culprit] += w.Seconds
			f["sum of parts"] += w.Seconds
		}
		if m.Latency != nil {
			f["sum of waits"] = m.Latency.Sum
		}
		f["a ran"], f["a waited"] = ran(int32(a.cmds[0].Process.Pid), int32(a.cmds[1].Process.Pid))
		f["b ran"], _ = ran(b.threads[:]...)
		f["c ran"], _ = ran(int32(c.cmds[0].Process.Pid))
		return f
	}
	var before, after map[string]float64
	grown := func(name string) float64 { return after[name] - before[name] }
	for tries := 0; ; tries++ {
		if tries == 5 {
			t.Skip("waits were moved from one queue to another: their first parts are not seen")
		}
		before = figures()
		for range 8 {
			b.round(t)
		}
		after = figures()
		if all := grown("a waited"); math.Abs(grown("sum of parts")-all) < 0.005*all {
			break
		}
	}

	neighbour := func(name, path string) string {
		return string(model.CauseNeighbour) + " " + container(name, path, "").String()
	}
	for _, is := range []struct {
		what      string
		got, want float64
	}{
		{"the sum of its waits", grown("sum of waits"), grown("sum of parts")},
		{"its own threads", grown(string(model.CauseSelf) + " "), (threads - 1) * grown("a ran")},
		{"b", grown(neighbour("b", b.path)), threads * grown("b ran")},
		{"c", grown(neighbour("c", c.path)), threads * grown("c ran")},
	} {
		// 2 %, and the waits under way at either end.
		if math.Abs(is.got-is.want) > is.want*0.02+0.1 {
			t.Errorf("%s: a was seen to wait for %.3f s, the truth is %.3f s", is.what, is.got, is.want)
		}
		t.Logf("%s: %.3f s, the truth is %.3f s (%+.1f %%)", is.what, is.got, is.want, 100*(is.got/is.want-1))
	}
	if math.Abs(grown("sum of waits")-grown("sum of parts")) > 1e-6 {
		t.Errorf("waits of %.6f s have parts of %.6f s", grown("sum of waits"), grown("sum of parts"))
	}
	if t.Failed() {
		t.Log(after)
	}
}
