package cgroup

import (
	"testing"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// vmV1 makes a virtual machine as libvirt has them without systemd: parts in
// cpu and cpuset alone, nothing in cpuacct.
func (f *fake) vmV1(path string) {
	f.t.Helper()
	for _, part := range []string{"emulator", "vcpu0"} {
		f.write("sys/fs/cgroup/cpu"+path+"/"+part+"/tasks", "300\n")
		f.write("sys/fs/cgroup/cpu"+path+"/"+part+"/cpu.stat", "nr_periods 0\nnr_throttled 0\nthrottled_time 1000000000\n")
		f.write("sys/fs/cgroup/cpu"+path+"/"+part+"/cpu.cfs_quota_us", "-1\n")
		f.write("sys/fs/cgroup/cpuset"+path+"/"+part+"/tasks", "300\n")
	}
	f.write("sys/fs/cgroup/cpu"+path+"/vcpu0/cpu.cfs_quota_us", "50000\n")
	f.write("sys/fs/cgroup/cpu"+path+"/vcpu0/cpu.cfs_period_us", "100000\n")
	f.write("sys/fs/cgroup/cpu"+path+"/tasks", "")
	f.write("sys/fs/cgroup/cpu"+path+"/cpu.shares", "2048\n")
	f.write("sys/fs/cgroup/cpu"+path+"/cpu.cfs_quota_us", "-1\n")
	f.write("sys/fs/cgroup/cpu"+path+"/cpu.stat", "nr_periods 4\nnr_throttled 2\nthrottled_time 500000000\n")
	f.write("sys/fs/cgroup/memory"+path+"/memory.usage_in_bytes", "1000\n")
	f.write("sys/fs/cgroup/memory"+path+"/memory.failcnt", "3\n")
	f.write("sys/fs/cgroup/memory"+path+"/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n")
	f.write("sys/fs/cgroup/memory"+path+"/memory.stat", "total_rss 400\ntotal_inactive_file 100\ntotal_pgmajfault 7\n")
	f.write("sys/fs/cgroup/memory"+path+"/memory.numa_stat", "total=3 N0=3\nhierarchical_total=5 N0=2 N1=3\n")
	f.write("sys/fs/cgroup/freezer"+path+"/freezer.state", "FROZEN\n")
	f.write("sys/fs/cgroup/blkio"+path+"/blkio.throttle.io_service_bytes_recursive", "8:0 Read 4096\n8:0 Write 8192\nTotal 12288\n")
	f.write("sys/fs/cgroup/blkio"+path+"/blkio.throttle.io_serviced_recursive", "8:0 Read 1\n8:0 Write 2\nTotal 3\n")
}

const plainVM = "/machine/qemu-1-tiny1.libvirt-qemu"

func TestAVirtualMachineOnCgroupV1(t *testing.T) {
	f := newFakeV1(t)
	s := f.open()
	f.read(s)
	f.vmV1(plainVM)
	g := f.read(s)["tiny1"]
	if g.Kind != model.VM || g.State != model.Paused || g.Info.Cgroup != plainVM {
		t.Fatalf("the machine is %+v", g)
	}
	wantAbsent(t, "usage where cpuacct has none of it", g.CPU.Usage)
	want(t, "throttled", g.CPU.Throttled, 2.5)
	want(t, "periods", g.CPU.Periods, 4)
	want(t, "weight", g.CPU.Weight, 200)
	want(t, "cores", g.CPU.LimitCores, 0.5)
	want(t, "working set", g.Memory.WorkingSet, 900)
	want(t, "max events", g.Memory.Events.Max, 3)
	want(t, "kills", g.Memory.Events.OOMKill, 1)
	wantAbsent(t, "memory usage", g.Memory.Usage)
	if len(g.IO) != 1 {
		t.Fatalf("I/O is %+v", g.IO)
	}
	want(t, "bytes written", g.IO[0].Write.Bytes, 8192)

	for _, part := range []string{"emulator", "vcpu0"} {
		f.write("sys/fs/cgroup/cpu"+plainVM+"/"+part+"/tasks", "")
	}
	if guests := f.read(s); !guests["tiny1"].Ended {
		t.Errorf("it is a guest although nothing runs in it: %+v", guests["tiny1"])
	}
	f.write("sys/fs/cgroup/cpu"+plainVM+"/vcpu0/tasks", "301\n")
	g = f.read(s)["tiny1"]
	want(t, "kills of what was started there again", g.Memory.Events.OOMKill, 1)
	f.write("sys/fs/cgroup/memory"+plainVM+"/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n")
	want(t, "kills after one more", f.read(s)["tiny1"].Memory.Events.OOMKill, 2)
}

func TestAVirtualMachineOnAHybridHost(t *testing.T) {
	f := newFakeV1(t)
	f.write("sys/fs/cgroup/unified/cgroup.controllers", "\n")
	f.vmV1(plainVM)
	f.cgroup("/unified" + plainVM)
	f.cgroup("/unified" + plainVM + "/emulator")
	f.events("/unified"+plainVM, 1, 0)
	s := f.open()
	g := f.read(s)["tiny1"]
	want(t, "usage, which is in the unified hierarchy alone", g.CPU.Usage, 1)
	want(t, "pressure", g.Pressure.CPUWaiting, 2)
	want(t, "cores", g.CPU.LimitCores, 0.5)
	want(t, "throttled since the exporter's start", g.CPU.Throttled, 0)
	f.write("sys/fs/cgroup/cpu"+plainVM+"/vcpu0/cpu.stat", "nr_periods 9\nnr_throttled 8\nthrottled_time 3000000000\n")
	want(t, "throttled", f.read(s)["tiny1"].CPU.Throttled, 2)

	t.Run("whose processes are in v1 alone", func(t *testing.T) {
		f.events("/unified"+plainVM, 0, 0)
		g := f.read(f.open())["tiny1"]
		wantAbsent(t, "usage", g.CPU.Usage)
		want(t, "cores", g.CPU.LimitCores, 0.5)
	})
}
