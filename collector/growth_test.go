package collector_test

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/virt-exporter/virt_exporter/fixtures/hostfs"
)

// box is a host with one container of a quota and two threads.
const box = `
-- proc/stat --
cpu  100 0 100 9000 0 0 0 0 0 0
cpu0 100 0 100 9000 0 0 0 0 0 0
btime 1795252976
-- proc/1/stat --
1 (init) S 0 1 1 0 -1 4194560 1 0 0 0 1 1 0 0 20 0 1 0 2 1 1 0
-- sys/fs/cgroup/cgroup.controllers --
cpu
-- sys/fs/cgroup/lxc.payload.box/cgroup.threads --
31
32
-- sys/fs/cgroup/lxc.payload.box/cpu.stat --
usage_usec 70000000
nr_periods 10
nr_throttled 5
throttled_usec 9000000
-- sys/fs/cgroup/lxc.payload.box/cpu.stat.local --
throttled_usec 9000000
-- sys/fs/cgroup/lxc.payload.box/cpu.max --
50000 100000
-- sys/fs/cgroup/lxc.payload.box/inner/cgroup.threads --
33
`

// thread returns the files of a thread that has run and waited for so many
// seconds and was started so long after the first scrape, or before it.
func thread(tid int, run, wait float64, started time.Duration) string {
	const ticks = 100
	return fmt.Sprintf("-- proc/%d/schedstat --\n%.0f %.0f 7\n-- proc/%d/stat --\n%d (a) b) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 %.0f 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0\n",
		tid, run*1e9, wait*1e9, tid, tid, ((uptime + started).Seconds() * ticks))
}

// charged returns the CPU time of the guest, a little more with each step:
// without, the exporter takes it that nothing ran.
func charged(step int) string {
	return fmt.Sprintf("-- sys/fs/cgroup/lxc.payload.box/cpu.stat --\nusage_usec %d\nnr_periods 10\nnr_throttled 5\nthrottled_usec 9000000\n", 70_000_000+step)
}

// What holds state of ours must grow by exactly what happened, whatever threads
// and sub-cgroups come and go meanwhile.
func TestCountersGrowWithTheirFiles(t *testing.T) {
	const cgroup = "-- sys/fs/cgroup/lxc.payload.box"
	throttled := func(sec int) string {
		return fmt.Sprintf(cgroup+"/cpu.stat.local --\nthrottled_usec %d000000\n", sec)
	}
	steps := []struct {
		name       string
		change     string
		run, steal float64 // afterwards
		throttle   float64 // at most this much of the steal
		periods    string
		gone       bool
	}{
		{name: "what was before the exporter's start is no burst", periods: "10"},
		{
			name:   "threads run and wait",
			change: thread(31, 1003, 102, -time.Hour) + thread(32, 501, 50.5, -time.Hour) + throttled(10),
			run:    4, steal: 2.5, throttle: 1, periods: "10",
		},
		{
			name:   "a thread exits and another is born, which counts with all it has",
			change: cgroup + "/cgroup.threads --\n31\n34\n" + thread(34, 0.25, 0.125, 25*time.Second) + "-- proc/32 removed --\n",
			run:    4.25, steal: 2.625, throttle: 1, periods: "10",
		},
		{
			name:   "a thread that did its work elsewhere counts from here on",
			change: cgroup + "/cgroup.threads --\n31\n34\n35\n" + thread(35, 900, 900, -time.Hour),
			run:    4.25, steal: 2.625, throttle: 1, periods: "10",
		},
		{
			name:   "the number of a thread that has exited is another's",
			change: thread(31, 0.5, 0.25, 55*time.Second) + thread(35, 901, 901, -time.Hour),
			run:    5.75, steal: 3.875, throttle: 1, periods: "10",
		},
		{
			name:   "a sub-cgroup goes and takes its threads with it",
			change: cgroup + "/inner removed --\n-- proc/33 removed --\n",
			run:    5.75, steal: 3.875, throttle: 1, periods: "10",
		},
		{
			name:   "quotas hold the guest longer than its threads waited",
			change: throttled(90) + thread(31, 1.5, 1.25, 55*time.Second),
			run:    6.75, steal: 4.875, throttle: 2, periods: "10",
		},
		{name: "the guest goes", change: cgroup + " removed --\n", gone: true},
		{
			name:   "one of its name comes, and counts with all it has",
			change: cgroup + "/cgroup.threads --\n36\n" + thread(36, 0.75, 0.5, 115*time.Second),
			run:    0.75, steal: 0.5,
		},
	}
	h := hostfs.New(t)
	h.ApplyText(t, box+thread(31, 1000, 100, -time.Hour)+thread(32, 500, 50, -time.Hour)+thread(33, 300, 30, -time.Hour))
	synctest.Test(t, func(t *testing.T) {
		e := start(t, h)
		for i, step := range steps {
			if step.periods != "" {
				h.ApplyText(t, charged(i))
			}
			h.ApplyText(t, step.change)
			got := e.scrape(t)
			run, there := value(t, got, "virt_guest_cpu_run_seconds_total")
			if there == step.gone {
				t.Fatalf("%s: the guest is there: %t", step.name, there)
			}
			time.Sleep(between)
			if step.gone {
				continue
			}
			steal, _ := value(t, got, "virt_guest_cpu_steal_seconds_total")
			throttle, _ := value(t, got, "virt_guest_cpu_steal_by_seconds_total", `cause="throttle"`)
			rest := -throttle // of all other causes
			for _, cause := range []string{"throttle", "self", "hypervisor", "wakeup", "unexplained"} {
				part, _ := value(t, got, "virt_guest_cpu_steal_by_seconds_total", `cause="`+cause+`"`)
				rest += part
			}
			if !near(run, step.run) || !near(steal, step.steal) {
				t.Errorf("%s: run is %v and steal %v, want %v and %v", step.name, run, steal, step.run, step.steal)
			}
			if !near(throttle+rest, steal) || throttle < 0 || rest < 0 || throttle > step.throttle+1e-9 {
				t.Errorf("%s: steal %v is split into throttle %v, at most %v, and the rest %v", step.name, steal, throttle, step.throttle, rest)
			}
			if step.periods != "" && !strings.Contains(got, "virt_guest_cpu_periods_total{guest=\"box\",kind=\"container\",runtime=\"lxc\"} "+step.periods+"\n") {
				t.Errorf("%s: the kernel's own counter is not passed on as it is", step.name)
			}
		}
	})
}

// An exporter that was started anew begins at 0, so that rate() sees a reset
// and never a burst.
func TestCountersBeginAtZeroAfterARestart(t *testing.T) {
	h := hostfs.New(t)
	h.ApplyText(t, box+thread(31, 1000, 100, -time.Hour)+thread(32, 500, 50, -time.Hour)+thread(33, 300, 30, -time.Hour))
	for restart := range 2 {
		synctest.Test(t, func(t *testing.T) {
			got := start(t, h).scrape(t)
			for _, name := range []string{"virt_guest_cpu_run_seconds_total", "virt_guest_cpu_steal_seconds_total"} {
				if v, there := value(t, got, name); v != 0 || !there {
					t.Errorf("after restart %d %s is %v (there: %t)", restart, name, v, there)
				}
			}
		})
		h.ApplyText(t, thread(31, 2000, 200, -time.Hour))
	}
}

// Two servers that scrape within a second share one reading.
func TestScrapesCloseTogetherShareAReading(t *testing.T) {
	h := hostfs.New(t)
	h.ApplyText(t, box+thread(31, 1000, 100, -time.Hour)+thread(32, 500, 50, -time.Hour)+thread(33, 300, 30, -time.Hour))
	synctest.Test(t, func(t *testing.T) {
		e := start(t, h)
		first := e.scrape(t)
		h.ApplyText(t, charged(1)+thread(31, 1001, 100, -time.Hour))
		time.Sleep(time.Second / 2)
		if e.scrape(t) != first {
			t.Error("the second scrape read anew")
		}
		time.Sleep(time.Second)
		if v, _ := value(t, e.scrape(t), "virt_guest_cpu_run_seconds_total"); !near(v, 1) {
			t.Errorf("the third scrape still has the old reading: run is %v", v)
		}
	})
}

// value returns the value of the one series of a family that has the labels.
func value(t *testing.T, exposition, family string, labels ...string) (v float64, there bool) {
	t.Helper()
	for line := range strings.Lines(exposition) {
		if !strings.HasPrefix(line, family+"{") {
			continue
		}
		has := true
		for _, l := range labels {
			has = has && strings.Contains(line, l)
		}
		if !has {
			continue
		}
		if there {
			t.Fatalf("%s %v has more than one series:\n%s", family, labels, exposition)
		}
		text := strings.TrimSpace(line[strings.LastIndexByte(line, ' ')+1:])
		var err error
		if v, err = strconv.ParseFloat(text, 64); err != nil {
			t.Fatal(err)
		}
		there = true
	}
	return v, there
}

func near(a, b float64) bool { return math.Abs(a-b) < 1e-6 }
