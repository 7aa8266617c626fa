package vmm

import (
	"testing"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// nameless makes a QEMU that gives its threads no names, as Incus starts it.
func nameless(f *fake, pid int, name string) *proc {
	p := f.proc(pid, "qemu-system-x86", "/usr/bin/qemu-system-x86_64", "-name", name, "-accel", "kvm", "-smp", "2")
	p.task(pid+1, "qemu-system-x86")
	p.task(pid+2, "qemu-system-x86")
	return p
}

func TestVCPUsWithoutNamesAreKnownByGuestTime(t *testing.T) {
	f := newFake(t)
	p := nameless(f, 100, "web")
	p.find(101).guest, p.find(102).guest = 5, 5
	f.put(p)
	s := f.open()
	f.read(s)
	p.find(100).run = 1
	p.find(101).run, p.find(101).guest = 3, 7
	p.find(102).run, p.find(102).wait, p.find(102).guest = 4, 9, 8
	f.put(p)
	g := f.read(s)["web"]
	want(t, "run", g.CPU.Run, 7)
	want(t, "steal", g.CPU.Steal, 9)
	want(t, "vCPUs", g.CPU.CPUs, 2)
	want(t, "emulator", g.VMM[model.Emulator].CPU, 1)
	want(t, "vCPUs outside guest mode", g.VMM[model.VCPUHost].CPU, 2)
}

func TestAVCPUWithoutANameThatRunsLateCountsFromItsFirstGuestTime(t *testing.T) {
	f := newFake(t)
	s := f.open()
	f.read(s)
	p := nameless(f, 100, "web").from(f.now)
	p.find(101).run, p.find(101).guest = 2, 1 // the other waits in the boot loader
	f.put(p)
	f.read(s)
	f.pass(s, time.Minute)
	v := p.find(102)
	v.run, v.guest = 10, 9
	f.put(p)
	f.read(s)
	v.run, v.guest = 20, 18
	f.put(p)
	g := f.read(s)["web"] // known for a vCPU by now
	want(t, "vCPUs", g.CPU.CPUs, 2)
	checkGoesOn(f, s, p, v, g)
}

// checkGoesOn checks that a vCPU which was found late counts as others from then
// on, where g is the reading that found it.
func checkGoesOn(f *fake, s *Source, p *proc, v *task, g model.Guest) {
	f.t.Helper()
	run, _ := g.CPU.Run.Get()
	steal, _ := g.CPU.Steal.Get()
	outside, _ := g.VMM[model.VCPUHost].CPU.Get()
	for range 3 {
		v.run, v.wait, v.guest = v.run+10, v.wait+3, v.guest+8
		run, steal, outside = run+10, steal+3, outside+2
		f.put(p)
		g = f.read(s)["web"]
		within(f.t, "run", g.CPU.Run, run, 0.02)
		within(f.t, "steal", g.CPU.Steal, steal, 0.02)
		within(f.t, "vCPUs outside guest mode", g.VMM[model.VCPUHost].CPU, outside, 0.02)
	}
}

func TestAPausedMachineWithoutThreadNamesThatIsResumedLate(t *testing.T) {
	f := newFake(t)
	s := f.open()
	f.read(s)
	p := nameless(f, 100, "web").from(f.now)
	f.put(p)
	f.pass(s, 5*time.Minute)
	if reason, known := f.feature(s, "vcpu_threads"); !known || reason != model.NotSupported {
		t.Errorf("vCPU threads that cannot be told: %v (known: %v)", reason, known)
	}
	v := p.find(101)
	v.run, v.guest = 10, 8
	f.put(p)
	f.read(s)
	v.run, v.guest = 20, 16
	f.put(p)
	g := f.read(s)["web"]           // known for a vCPU by now
	want(t, "vCPUs", g.CPU.CPUs, 2) // as its arguments say: one has not run yet
	checkGoesOn(f, s, p, v, g)
}

func TestAThreadThatGetsItsNameLate(t *testing.T) {
	f, s, p := one(t)
	v := p.task(104, "qemu-system-x86")
	v.start = f.now + interval - time.Second
	v.run, v.wait = 0.5, 0.25
	f.put(p)
	f.read(s)
	v.comm, v.run, v.wait = "CPU 2/KVM", 0.6, 0.5
	f.put(p)
	f.read(s)
	v.run, v.wait = 1.6, 2.5
	f.put(p)
	g := f.read(s)["web"]
	want(t, "vCPUs", g.CPU.CPUs, 3)
	want(t, "run", g.CPU.Run, 1)
	want(t, "steal", g.CPU.Steal, 2)
	want(t, "usage", g.CPU.Usage, 1.6)
}

func TestVCPUsComeAndGoAndNothingFalls(t *testing.T) {
	f, s, p := one(t)
	v := p.task(104, "CPU 2/KVM")
	v.start, v.run, v.wait, v.guest = f.now+time.Second, 6, 3, 4
	f.put(p)
	g := f.read(s)["web"]
	want(t, "run with a third", g.CPU.Run, 6)
	want(t, "steal with a third", g.CPU.Steal, 3)
	want(t, "vCPUs with a third", g.CPU.CPUs, 3)
	want(t, "vCPUs outside guest mode with a third", g.VMM[model.VCPUHost].CPU, 2)

	p.exit(104)
	f.put(p)
	g = f.read(s)["web"]
	want(t, "run without it", g.CPU.Run, 6)
	want(t, "steal without it", g.CPU.Steal, 3)
	want(t, "vCPUs without it", g.CPU.CPUs, 2)
	want(t, "guest without it", g.CPU.Guest, 744)
	want(t, "vCPUs outside guest mode without it", g.VMM[model.VCPUHost].CPU, 2)
	wantAbsent(t, "workers without it", g.VMM[model.Worker].CPU)

	v = p.task(104, "CPU 2/KVM") // the number is used again
	v.start, v.run, v.wait, v.guest = f.now+time.Second, 1, 1, 1
	f.put(p)
	g = f.read(s)["web"]
	want(t, "run with another third", g.CPU.Run, 7)
	want(t, "steal with another third", g.CPU.Steal, 4)
}

func TestTimeOutsideGuestModeIsAHighWaterMark(t *testing.T) {
	f, s, p := one(t)
	v := p.find(101)
	v.run, v.guest = 510, 455
	f.put(p)
	want(t, "outside", f.read(s)["web"].VMM[model.VCPUHost].CPU, 5)
	v.run, v.guest = 511, 460 // ticks were late
	f.put(p)
	want(t, "outside when ticks come late", f.read(s)["web"].VMM[model.VCPUHost].CPU, 5)
	v.run, v.guest = 518, 461
	f.put(p)
	want(t, "outside when it has grown", f.read(s)["web"].VMM[model.VCPUHost].CPU, 7)
}

func TestWithoutKVMTheComponentIsWholeVCPUs(t *testing.T) {
	f := newFake(t)
	s := f.open()
	f.read(s)
	for _, name := range []string{"tcg", "unsaid"} {
		pid := map[string]int{"tcg": 100, "unsaid": 200}[name]
		p := f.proc(pid, "qemu-system-x86", "/usr/bin/qemu-system-x86_64", "-name", name, "-accel", "tcg", "-smp", "2").from(f.now + time.Second)
		if name == "unsaid" {
			p.comm, p.argv = "VirtualBoxVM", []string{"/usr/lib/virtualbox/VirtualBoxVM", "--comment", name, "--startvm", "x"}
		}
		p.tasks[0].comm = p.comm
		v := p.task(pid+1, map[string]string{"tcg": "CPU 0/TCG", "unsaid": "EMT-0"}[name])
		v.run, v.wait = 8, 2
		f.put(p)
	}
	guests := f.read(s)
	for _, name := range []string{"tcg", "unsaid"} {
		g := guests[name]
		want(t, name+" vCPUs", g.VMM[model.VCPU].CPU, 8)
		wantAbsent(t, name+" steal of a component", g.VMM[model.VCPU].Steal)
		want(t, name+" steal", g.CPU.Steal, 2)
		wantAbsent(t, name+" guest time", g.CPU.Guest)
		wantAbsent(t, name+" vCPUs outside guest mode", g.VMM[model.VCPUHost].CPU)
		want(t, name+" usage", g.CPU.Usage, 8)
	}
}

func TestOneThreadThatRunsAllVCPUs(t *testing.T) {
	f := newFake(t)
	p := f.proc(100, "qemu-system-x86", "/usr/bin/qemu-system-x86_64", "-name", "rr", "-accel", "tcg,thread=single", "-smp", "4")
	p.task(101, "ALL CPUs/TCG")
	f.put(p)
	g := f.read(f.open())["rr"]
	want(t, "vCPUs", g.CPU.CPUs, 4)
	want(t, "steal", g.CPU.Steal, 0)
}

func TestKVMWithoutGuestTimeIsNotSplit(t *testing.T) {
	f := newFake(t)
	s := f.open()
	f.read(s)
	p := f.qemu(100, "web").from(f.now + time.Second)
	p.find(101).run = 7 // emulated, it may be: nothing is said yet
	f.put(p)
	g := f.read(s)["web"]
	wantAbsent(t, "whole vCPUs", g.VMM[model.VCPU].CPU)
	wantAbsent(t, "vCPUs outside guest mode", g.VMM[model.VCPUHost].CPU)
	p.find(101).run = 70
	f.put(p)
	g = f.read(s)["web"]
	want(t, "whole vCPUs", g.VMM[model.VCPU].CPU, 70)
	wantAbsent(t, "guest", g.CPU.Guest)
}

func TestAMachineWithoutVCPUThreadsHasNoSteal(t *testing.T) {
	f := newFake(t)
	p := nameless(f, 100, "web")
	f.put(p)
	s := f.open()
	g := f.read(s)["web"]
	wantAbsent(t, "steal", g.CPU.Steal)
	wantAbsent(t, "run", g.CPU.Run)
	want(t, "usage", g.CPU.Usage, 0)
	want(t, "vCPUs by the arguments", g.CPU.CPUs, 2)
}
