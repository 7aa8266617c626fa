package cgroup

import (
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

var (
	symlink  = os.Symlink
	hardlink = os.Link
	itoa     = strconv.Itoa
)

func TestCausesSumToSteal(t *testing.T) {
	f, s, path := one(t)
	f.write("sys/fs/cgroup"+path+"/cpu.stat", "usage_usec 3000000\nnr_periods 10\nnr_throttled 9\nthrottled_usec 6000000\n")
	f.thread(100, 52, 28, time.Minute)
	g := f.read(s)["web"]
	sum := 0.0
	for _, part := range g.CPU.StealBy {
		sum += part.Seconds
	}
	want(t, "steal", g.CPU.Steal, sum)
	if got := g.CPU.StealBy[0]; got.Cause != model.CauseThrottle || got.Seconds != 6 {
		t.Errorf("throttle explains %+v, want 6 s", got)
	}
	want(t, "periods", g.CPU.Periods, 10)
	want(t, "throttled periods", g.CPU.ThrottledPeriods, 9)
}

func TestThrottlingCountsTheLevelsAbove(t *testing.T) {
	levels := func(f *fake) {
		f.write("sys/fs/cgroup/kubepods/cpu.stat", "usage_usec 1\nnr_periods 5\nnr_throttled 1\nthrottled_usec 1000000\n")
		f.write("sys/fs/cgroup/kubepods/pod1d1f1a4c-21a4-4c54-a2dc-0c1b36eb3cb8/cpu.stat", "usage_usec 1\nnr_periods 5\nnr_throttled 1\nthrottled_usec 2000000\n")
	}
	path := "/kubepods/pod1d1f1a4c-21a4-4c54-a2dc-0c1b36eb3cb8/" + id("dd")
	t.Run("before cpu.stat.local the levels are added", func(t *testing.T) {
		f := newFake(t)
		f.cgroup(path)
		f.write("sys/fs/cgroup"+path+"/cpu.stat", "usage_usec 1\nnr_periods 5\nnr_throttled 1\nthrottled_usec 4000000\n")
		levels(f)
		want(t, "throttled", f.read(f.open())[id("dd")[:12]].CPU.Throttled, 7)
	})
	t.Run("cpu.stat.local has added them already", func(t *testing.T) {
		f := newFake(t)
		f.cgroup(path)
		levels(f)
		f.write("sys/fs/cgroup"+path+"/cpu.stat.local", "throttled_usec 2500000\n")
		s := f.open()
		want(t, "throttled", f.read(s)[id("dd")[:12]].CPU.Throttled, 2.5)
		f.write("sys/fs/cgroup"+path+"/cpu.stat.local", "")
		wantAbsent(t, "throttled when its source is lost", f.read(s)[id("dd")[:12]].CPU.Throttled)
	})
}

func TestLimitsAreTheSmallestOverTheLevels(t *testing.T) {
	f := newFake(t)
	path := "/kubepods/burstable/pod1d1f1a4c-21a4-4c54-a2dc-0c1b36eb3cb8/" + id("ee")
	f.cgroup(path)
	f.write("sys/fs/cgroup/cpuset.cpus.effective", "0-3\n")
	f.write("sys/fs/cgroup/kubepods/cpu.max", "max 100000\n")
	f.write("sys/fs/cgroup/kubepods/memory.max", "1000\n")
	f.write("sys/fs/cgroup/kubepods/burstable/cpu.max", "150000 100000\n")
	f.write("sys/fs/cgroup/kubepods/burstable/cpuset.cpus.effective", "1-2\n")
	f.write("sys/fs/cgroup"+path+"/cpu.max", "200000 100000\n")
	f.write("sys/fs/cgroup"+path+"/memory.max", "max\n")
	f.write("sys/fs/cgroup"+path+"/cpu.weight", "39\n")
	s := f.open()
	g := f.read(s)[id("ee")[:12]]
	want(t, "cores", g.CPU.LimitCores, 1.5)
	want(t, "memory", g.Memory.Limit, 1000)
	want(t, "cpus", g.CPU.CPUs, 2)
	want(t, "weight", g.CPU.Weight, 39)

	f.write("sys/fs/cgroup/kubepods/burstable/cpu.max", "max 100000\n")
	f.write("sys/fs/cgroup/kubepods/memory.max", "max\n")
	g = f.read(s)[id("ee")[:12]]
	want(t, "cores after a change", g.CPU.LimitCores, 2)
	wantAbsent(t, "memory without a limit", g.Memory.Limit)
}

func TestV1SpeaksTheSameLanguage(t *testing.T) {
	f := newFakeV1(t)
	path := "/docker/" + id("ff")
	file := func(name, text string) {
		controller := name[:len(name)-len(after(name))-1]
		f.write("sys/fs/cgroup/"+controller+path+"/"+after(name), text)
	}
	file("cpuacct/cpuacct.usage", "3000000000\n")
	file("cpu/cpu.stat", "nr_periods 4\nnr_throttled 2\nthrottled_time 500000000\n")
	file("cpu/cpu.shares", "2048\n")
	file("cpu/cpu.cfs_quota_us", "50000\n")
	file("cpu/cpu.cfs_period_us", "100000\n")
	file("cpu/tasks", "300\n")
	file("memory/memory.usage_in_bytes", "1000\n")
	file("memory/memory.limit_in_bytes", "9223372036854771712\n")
	file("memory/memory.failcnt", "3\n")
	file("memory/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n")
	file("memory/memory.stat", "total_rss 400\ntotal_inactive_file 100\ntotal_pgmajfault 7\n")
	file("blkio/blkio.throttle.io_service_bytes_recursive", "8:0 Read 4096\n8:0 Write 8192\nTotal 12288\n")
	file("blkio/blkio.throttle.io_serviced_recursive", "8:0 Read 1\n8:0 Write 2\nTotal 3\n")
	file("blkio/blkio.throttle.read_iops_device", "8:0 50\n")
	file("freezer/freezer.state", "FROZEN\n")
	f.thread(300, 1, 1, time.Minute)
	s := f.open()
	g := f.read(s)[id("ff")[:12]]
	want(t, "usage", g.CPU.Usage, 3)
	want(t, "throttled", g.CPU.Throttled, 0.5)
	want(t, "weight", g.CPU.Weight, 200)
	want(t, "cores", g.CPU.LimitCores, 0.5)
	want(t, "memory", g.Memory.Usage, 1000)
	want(t, "working set", g.Memory.WorkingSet, 900)
	wantAbsent(t, "memory limit", g.Memory.Limit)
	want(t, "max events", g.Memory.Events.Max, 3)
	want(t, "kills before the exporter", g.Memory.Events.OOMKill, 0)
	if g.State != model.Paused {
		t.Errorf("state is %q", g.State)
	}
	wantAbsent(t, "pressure", g.Pressure.CPUWaiting)

	file("blkio/blkio.throttle.io_service_bytes_recursive", "8:0 Read 100\n8:0 Write 9192\nTotal 12288\n")
	file("memory/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n")
	g = f.read(s)[id("ff")[:12]]
	if len(g.IO) != 1 || g.IO[0].Device != "8:0" {
		t.Fatalf("I/O is %+v", g.IO)
	}
	want(t, "bytes read, less than before", g.IO[0].Read.Bytes, 0)
	want(t, "bytes written", g.IO[0].Write.Bytes, 1000)
	want(t, "read limit", g.IO[0].ReadLimit.RequestsPerSecond, 50)
	want(t, "kills", g.Memory.Events.OOMKill, 2)
}

func after(name string) string {
	for i := range name {
		if name[i] == '/' {
			return name[i+1:]
		}
	}
	return name
}

func TestNoPartOfStealGoesBack(t *testing.T) {
	f, s, path := one(t)
	stat := func(throttled string) {
		f.write("sys/fs/cgroup"+path+"/cpu.stat", "usage_usec 3000000\nnr_periods 10\nnr_throttled 9\n"+throttled)
	}
	last := make(map[model.Cause]float64)
	wait := 20.0
	for i := range 40 {
		wait += 0.1234567
		f.thread(100, 50, wait, time.Minute)
		if stat("throttled_usec 6000000\n"); i%3 == 1 {
			f.write("sys/fs/cgroup"+path+"/cpu.stat", "usage_usec 3000000\n") // its controller is off for a moment
		}
		g := f.read(s)["web"]
		sum := 0.0
		for _, part := range g.CPU.StealBy {
			if part.Seconds < last[part.Cause] {
				t.Errorf("%s fell from %v to %v", part.Cause, last[part.Cause], part.Seconds)
			}
			last[part.Cause] = part.Seconds
			sum += part.Seconds
		}
		want(t, "steal", g.CPU.Steal, sum)
	}
}

func TestThrottledTimeDoesNotFallWithALevelThatCannotBeRead(t *testing.T) {
	f := newFake(t)
	path := "/kubepods/pod1d1f1a4c-21a4-4c54-a2dc-0c1b36eb3cb8/" + id("dd")
	level := "sys/fs/cgroup/kubepods/cpu.stat"
	f.cgroup(path)
	f.write(level, "usage_usec 1\nnr_periods 5\nnr_throttled 1\nthrottled_usec 500000000\n")
	s := f.open()
	for range 3 {
		want(t, "throttled", f.read(s)[id("dd")[:12]].CPU.Throttled, 500)
		f.remove(level)
		want(t, "throttled with a level missing", f.read(s)[id("dd")[:12]].CPU.Throttled, 500)
		f.write(level, "usage_usec 1\nnr_periods 5\nnr_throttled 1\nthrottled_usec 500000000\n")
	}
}

func TestAQuotaExplainsWhatWasBeforeTheFirstReading(t *testing.T) {
	f, s, _ := one(t)
	path := "/docker/" + id("bb")
	f.cgroup(path)
	f.docker(id("bb"), "late")
	f.write("sys/fs/cgroup"+path+"/cpu.stat", "usage_usec 3000000\nnr_periods 10\nnr_throttled 9\nthrottled_usec 2500000\n")
	f.threads(path, 200)
	f.thread(200, 2, 4, f.now+time.Second)
	g := f.read(s)["late"]
	want(t, "steal", g.CPU.Steal, 4)
	if part := g.CPU.StealBy[0]; part.Seconds != 2.5 {
		t.Errorf("throttle explains %v, want 2.5", part.Seconds)
	}
}

func TestAQuotaExplainsTheFirstThreadsOfAGuestThatWasEmpty(t *testing.T) {
	f := newFake(t)
	path := "/docker/" + id("bb")
	f.cgroup(path)
	f.docker(id("bb"), "late")
	s := f.open()
	f.read(s) // nobody runs anywhere yet
	f.write("sys/fs/cgroup"+path+"/cpu.stat", "usage_usec 3000000\nnr_periods 10\nnr_throttled 9\nthrottled_usec 2500000\n")
	f.threads(path, 200)
	f.thread(200, 2, 4, f.now+time.Second)
	g := f.read(s)["late"]
	want(t, "steal", g.CPU.Steal, 4)
	if part := g.CPU.StealBy[0]; part.Seconds != 2.5 {
		t.Errorf("throttle explains %v, want 2.5", part.Seconds)
	}
}
