package cgroup

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// events says whether something runs in a v2 directory.
func (f *fake) events(path string, populated, frozen int) {
	f.t.Helper()
	f.write("sys/fs/cgroup"+path+"/cgroup.events", fmt.Sprintf("populated %d\nfrozen %d\n", populated, frozen))
}

// libvirtVM makes the directories of a virtual machine of two vCPUs, and returns
// that in which its parts lie.
func (f *fake) libvirtVM(path, between string) string {
	f.t.Helper()
	f.cgroup(path)
	f.events(path, 1, 0)
	f.write("sys/fs/cgroup"+path+"/memory.stat", "anon 1000\nfile 300\ninactive_file 100\npgmajfault 7\nworkingset_refault_anon 1\nworkingset_refault_file 2\n")
	f.write("sys/fs/cgroup"+path+"/io.stat", "8:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0\n")
	for _, part := range []string{"emulator", "iothread1", "vcpu0", "vcpu1"} {
		f.cgroup(path + between + "/" + part)
	}
	return path + between
}

// held sets how long a part was held, as of Linux 6.6 and later.
func (f *fake) held(path string, usec int) {
	f.t.Helper()
	f.write("sys/fs/cgroup"+path+"/cpu.stat.local", fmt.Sprintf("throttled_usec %d\n", usec))
}

const scope = `/machine.slice/machine-qemu\x2d1\x2dweb.scope`

func TestVirtualMachinesAreNamedByTheirPaths(t *testing.T) {
	f := newFake(t)
	vm := func(runtime, guest string) model.Name {
		return model.Name{Kind: model.VM, Runtime: runtime, Guest: guest}
	}
	paths := map[string]model.Name{
		scope:                                           vm("qemu", "web"),
		"/machine/qemu-1-db.libvirt-qemu":               vm("qemu", "db"),
		"/qemu.slice/100.scope":                         vm("qemu", "mail"),
		"/qemu.slice/101.scope":                         vm("qemu", "101"),
		"/firecracker/fc1":                              vm("firecracker", "fc1"),
		"/kata_overhead/" + id("aa"):                    vm("unknown", id("aa")),
		"/system.slice/systemd-vmspawn@f.service":       vm("qemu", "f"),
		`/machine.slice/machine-ch\x2d3\x2dcloud.scope`: vm("cloud-hypervisor", "cloud"),
	}
	f.write("rootfs/etc/pve/qemu-server/100.conf", "name: mail\n")
	for path := range paths {
		f.cgroup(path)
		f.events(path, 1, 0)
	}
	f.cgroup(scope + "/docker/" + id("bb")) // nothing below a virtual machine is a guest
	guests := f.read(f.open())
	got := make(map[string]model.Name)
	for _, g := range guests {
		got[g.Info.Cgroup] = g.Name
		if g.State != "" {
			t.Errorf("%s is %q; its hypervisor may have paused it", g.Name, g.State)
		}
	}
	if diff := cmp.Diff(paths, got); diff != "" {
		t.Errorf("virtual machines differ (-want +got):\n%s", diff)
	}
}

func TestAVirtualMachineHasWhatItsDirectorySays(t *testing.T) {
	for _, between := range []string{"/libvirt", ""} {
		f := newFake(t)
		f.libvirtVM(scope, between)
		f.threads(scope+between+"/vcpu0", 100)
		f.thread(100, 50, 20, time.Minute)
		f.write("proc/sys/kernel/task_delayacct", "1\n")
		f.write("proc/1/net/dev", "")
		f.write("sys/fs/cgroup"+scope+"/memory.max", "8192\n")
		f.write("sys/fs/cgroup"+scope+"/memory.swap.current", "512\n")
		f.write("sys/fs/cgroup"+scope+"/io.max", "8:0 rbps=max wbps=max riops=500 wiops=max\n")
		f.write("sys/fs/cgroup"+scope+"/cpu.weight", "200\n")
		f.write("sys/fs/cgroup"+scope+"/cpu.stat", "usage_usec 3000000\nnr_periods 5\nnr_throttled 1\nthrottled_usec 0\n")
		f.oomKills(scope, 1, 0)
		s := f.open()
		f.read(s)
		f.thread(100, 60, 25, time.Minute)
		g := f.read(s)["web"]
		want(t, "usage", g.CPU.Usage, 3)
		want(t, "periods", g.CPU.Periods, 5)
		want(t, "throttled periods", g.CPU.ThrottledPeriods, 1)
		want(t, "weight", g.CPU.Weight, 200)
		want(t, "pressure", g.Pressure.CPUWaiting, 2)
		want(t, "working set", g.Memory.WorkingSet, 3996)
		want(t, "anon", g.Memory.Anon, 1000)
		want(t, "limit", g.Memory.Limit, 8192)
		want(t, "swap", g.Memory.Swap, 512)
		want(t, "major faults", g.Memory.MajorFaults, 7)
		want(t, "refaults", g.Memory.RefaultsFile, 2)
		want(t, "low events", g.Memory.Events.Low, 1)
		if len(g.IO) != 1 || g.IO[0].Layer != model.LayerHost {
			t.Fatalf("I/O is %+v", g.IO)
		}
		want(t, "bytes read", g.IO[0].Read.Bytes, 4096)
		want(t, "read limit", g.IO[0].ReadLimit.RequestsPerSecond, 500)

		wantAbsent(t, "memory usage", g.Memory.Usage)
		wantAbsent(t, "run", g.CPU.Run)
		wantAbsent(t, "steal", g.CPU.Steal)
		wantAbsent(t, "coverage", g.CPU.StealCoverage)
		wantAbsent(t, "cpus", g.CPU.CPUs)
		wantAbsent(t, "I/O delay", g.IODelay)
		wantAbsent(t, "start time", g.StartTime)
		if len(g.CPU.StealBy)+len(g.Network) > 0 || len(s.threads) > 0 {
			t.Errorf("what its threads say was read: %+v, %+v, %d threads", g.CPU.StealBy, g.Network, len(s.threads))
		}
		f.events(scope, 1, 1)
		if g := f.read(s)["web"]; g.State != model.Paused {
			t.Errorf("the state is %q when it is frozen", g.State)
		}
	}
}

func TestAVirtualMachineInAContainerRunsThere(t *testing.T) {
	f, s, path := one(t)
	vm := path + "/machine/qemu-1-inner.libvirt-qemu"
	f.libvirtVM(vm, "")
	f.threads(vm+"/vcpu0", 200)
	f.thread(200, 3, 2, f.now+time.Second)
	before := f.read(s)["web"]
	f.thread(200, 5, 6, f.now)
	guests := f.read(s)
	run, steal := before.CPU.Run.Or(0), before.CPU.Steal.Or(0)
	want(t, "run of the container", guests["web"].CPU.Run, run+2)
	want(t, "steal of the container", guests["web"].CPU.Steal, steal+4)
	inner := guests["inner"]
	wantAbsent(t, "steal of the machine", inner.CPU.Steal)
	if inner.Kind != model.VM || inner.Info.Parent != "container/docker/web" {
		t.Errorf("the machine is %+v", inner)
	}
}

func TestThrottledTimeOfAVirtualMachineIsThatOfItsParts(t *testing.T) {
	throttled := func(n int) string {
		return fmt.Sprintf("usage_usec 1\nnr_periods 5\nnr_throttled 1\nthrottled_usec %d\n", n)
	}
	t.Run("the kernel has added the levels", func(t *testing.T) {
		f := newFake(t)
		parts := f.libvirtVM(scope, "/libvirt")
		f.held(scope, 77_000_000)
		for _, part := range []string{"emulator", "iothread1", "vcpu0", "vcpu1"} {
			f.held(parts+"/"+part, 5_000_000)
		}
		s := f.open()
		want(t, "throttled since the exporter's start", f.read(s)["web"].CPU.Throttled, 0)
		f.held(parts+"/emulator", 6_000_000)
		f.held(parts+"/vcpu1", 7_000_000)
		want(t, "throttled", f.read(s)["web"].CPU.Throttled, 3)
		f.remove("sys/fs/cgroup" + parts + "/vcpu1")
		want(t, "throttled after a vCPU was unplugged", f.read(s)["web"].CPU.Throttled, 3)
		f.cgroup(parts + "/vcpu1")
		f.held(parts+"/vcpu1", 500_000)
		want(t, "throttled after it was plugged again", f.read(s)["web"].CPU.Throttled, 3.5)
		f.write("sys/fs/cgroup"+parts+"/vcpu1/cpu.stat.local", "")
		want(t, "throttled when a part cannot be read", f.read(s)["web"].CPU.Throttled, 3.5)
		f.remove("sys/fs/cgroup" + scope + "/libvirt")
		want(t, "throttled when all parts are gone", f.read(s)["web"].CPU.Throttled, 3.5)
	})
	t.Run("the levels are added here", func(t *testing.T) {
		f := newFake(t)
		f.write("sys/fs/cgroup/machine.slice/cpu.stat", throttled(900_000_000))
		s := f.open()
		f.read(s)
		parts := f.libvirtVM(scope, "/libvirt")
		f.write("sys/fs/cgroup"+parts+"/vcpu0/cpu.stat", throttled(1_000_000))
		f.write("sys/fs/cgroup"+scope+"/cpu.stat", throttled(2_000_000))
		want(t, "throttled of a new machine", f.read(s)["web"].CPU.Throttled, 3)
		f.write("sys/fs/cgroup/machine.slice/cpu.stat", throttled(904_000_000))
		f.write("sys/fs/cgroup"+parts+"/vcpu0/cpu.stat", throttled(9_000_000))
		want(t, "throttled", f.read(s)["web"].CPU.Throttled, 15)
		f.remove("sys/fs/cgroup/machine.slice/cpu.stat")
		want(t, "throttled when a level cannot be read", f.read(s)["web"].CPU.Throttled, 15)
	})
	t.Run("the parts come after the directory", func(t *testing.T) {
		f := newFake(t)
		s := f.open()
		f.read(s)
		f.cgroup(scope)
		f.events(scope, 1, 0)
		f.held(scope, 250_000)
		want(t, "throttled without parts", f.read(s)["web"].CPU.Throttled, 0.25)
		parts := f.libvirtVM(scope, "/libvirt")
		f.held(parts+"/vcpu0", 1_000_000)
		want(t, "throttled", f.read(s)["web"].CPU.Throttled, 1.25)
	})
	t.Run("parts that do not have the controller", func(t *testing.T) {
		f := newFake(t)
		parts := f.libvirtVM(scope, "/libvirt")
		for _, part := range []string{"emulator", "iothread1", "vcpu0", "vcpu1"} {
			f.write("sys/fs/cgroup"+parts+"/"+part+"/cpu.stat", "usage_usec 1\nuser_usec 1\nsystem_usec 0\n")
			f.write("sys/fs/cgroup"+parts+"/"+part+"/cpu.stat.local", "")
		}
		f.held(scope, 2_500_000)
		want(t, "throttled", f.read(f.open())["web"].CPU.Throttled, 2.5)
	})
	t.Run("a machine without parts", func(t *testing.T) {
		f := newFake(t)
		f.cgroup("/qemu.slice/100.scope")
		f.held("/qemu.slice/100.scope", 2_500_000)
		want(t, "throttled", f.read(f.open())["100"].CPU.Throttled, 2.5)
	})
}

func TestQuotasOfVCPUsLimitAVirtualMachine(t *testing.T) {
	f := newFake(t)
	parts := f.libvirtVM(scope, "/libvirt")
	quota := func(dir, text string) { f.write("sys/fs/cgroup"+dir+"/cpu.max", text+" 100000\n") }
	quota(parts+"/emulator", "10000")
	quota(parts+"/iothread1", "10000")
	quota(parts+"/vcpu0", "50000")
	quota(parts+"/vcpu1", "max")
	s := f.open()
	wantAbsent(t, "cores when a vCPU has no quota", f.read(s)["web"].CPU.LimitCores)
	quota(parts+"/vcpu1", "75000")
	want(t, "cores", f.read(s)["web"].CPU.LimitCores, 1.25)
	quota(scope, "100000")
	want(t, "cores with a smaller quota on all", f.read(s)["web"].CPU.LimitCores, 1)
	quota("/machine.slice", "30000")
	want(t, "cores with a smaller one above", f.read(s)["web"].CPU.LimitCores, 0.3)
}

func TestPartsAreKnownByTheirNames(t *testing.T) {
	for name, want := range map[string]bool{
		"vcpu0": true, "vcpu12": true, "emulator": true, "iothread1": true,
		"vcpu": false, "vcpux": false, "vcpu-1": false, "iothread": false, "emulator2": false, "libvirt": false, "": false,
	} {
		if got := isPart(name); got != want {
			t.Errorf("%q: %t", name, got)
		}
	}
}
