package bpf

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
	"github.com/virt-exporter/virt_exporter/collector/source"
)

// A process of a machine ends, and one of another has its number. Nothing that the
// exporter is told of has changed meanwhile.
func TestNumberOfAThreadThatIsUsedAgain(t *testing.T) {
	s := opened(t, Options{Without: only("sched", "totals")})
	before, after, waits := newLoadGroup(t, "before"), newLoadGroup(t, "after"), newLoadGroup(t, "waits")
	cpu := runtime.NumCPU() - 1
	s.around(t, machine("before", before.path, nil, nil), machine("after", after.path, nil, nil), container("waits", waits.path, ""))
	pin(t, waits.start(spinning).Process.Pid, cpu)

	first := before.start(spinning)
	pin(t, first.Process.Pid, cpu)
	time.Sleep(300 * time.Millisecond)
	first.Process.Kill()
	first.Wait()
	pin(t, startAs(t, after, first.Process.Pid), cpu)
	base := blamedOn(s.measuredOf(t, "waits"))
	time.Sleep(1500 * time.Millisecond)
	now := blamedOn(s.measuredOf(t, "waits"))
	if wrong := now["vm/qemu/before"] - base["vm/qemu/before"]; wrong > 0.01 {
		t.Errorf("%.3f s are put on the machine that ran nothing", wrong)
	}
	if right := now["vm/qemu/after"] - base["vm/qemu/after"]; right < 0.3 {
		t.Errorf("%.3f s are put on the machine that ran", right)
	}
}

// startAs starts a process that has this number.
func startAs(t *testing.T, g *loadGroup, pid int) int {
	t.Helper()
	for range 200 {
		if err := os.WriteFile("/proc/sys/kernel/ns_last_pid", []byte(strconv.Itoa(pid-1)), 0); err != nil {
			t.Skipf("numbers of processes cannot be chosen here: %v", err)
		}
		c := g.start(spinning)
		if c.Process.Pid == pid {
			return pid
		}
		c.Process.Kill() // another process was faster
		c.Wait()
	}
	t.Skip("no process has the number that it was to have")
	return 0
}

func blamedOn(m model.MeasuredGuest) map[string]float64 {
	by := make(map[string]float64)
	for _, w := range m.Waits {
		by[w.Culprit] += w.Seconds
	}
	return by
}

// Every container of a node may have a quota, and a CPU may see them all.
func TestQuotasOfManyCgroups(t *testing.T) {
	const many = 300
	s := opened(t, Options{Without: only("sched", "totals")})
	cpu := runtime.NumCPU() - 1
	if s.places.hierarchies.cpu.v2 {
		t.Skip("needs the CPU controller of cgroup v1")
	}
	groups := make([]*loadGroup, many)
	for i := range groups {
		groups[i] = newLoadGroup(t, fmt.Sprintf("quota%d", i))
		for file, value := range map[string]string{"cpu.cfs_period_us": "500000", "cpu.cfs_quota_us": "1000"} {
			if err := os.WriteFile(filepath.Join(groups[i].dir, file), []byte(value), 0); err != nil {
				t.Skipf("needs quotas: %v", err)
			}
		}
	}
	var guests []source.Guest
	for _, g := range groups {
		guests = append(guests, container(g.path, g.path, ""))
	}
	s.around(t, guests...)
	for _, g := range groups {
		pin(t, g.start(spinning).Process.Pid, cpu)
	}
	time.Sleep(2 * time.Second)
	sums := func() (all, unknown, throttle float64) {
		r, err := s.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range r.Measured {
			for _, w := range m.Waits {
				all += w.Seconds
				switch w.Cause {
				case model.CauseUnexplained:
					unknown += w.Seconds
				case model.CauseThrottle:
					throttle += w.Seconds
				}
			}
		}
		return all, unknown, throttle
	}
	all0, unknown0, throttle0 := sums()
	time.Sleep(3 * time.Second)
	all1, unknown1, throttle1 := sums()
	all, unknown, throttle := all1-all0, unknown1-unknown0, throttle1-throttle0
	t.Logf("of %.1f s of waits %.1f %% are because of a quota, %.2f %% are not known", all, 100*throttle/all, 100*unknown/all)
	if unknown > 0.02*all || all < many {
		t.Errorf("%.2f s of %.2f s of waits are not known", unknown, all)
	}
}
