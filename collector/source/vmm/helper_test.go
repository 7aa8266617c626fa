package vmm

import (
	"fmt"
	"testing"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// vhost makes the kernel thread that works for the thread of that number.
func vhost(f *fake, pid, owner int) *proc {
	p := f.proc(pid, fmt.Sprint("vhost-", owner))
	p.ppid, p.flags, p.memory = 2, kthread, ""
	return p
}

// libvirtQEMU makes a machine in a cgroup of its own.
func libvirtQEMU(f *fake, pid int, name string, more ...string) *proc {
	p := f.qemu(pid, name, more...)
	p.cgroup = fmt.Sprintf(`/machine.slice/machine-qemu\x2d%d\x2d%s.scope/libvirt/emulator`, pid, name)
	return p
}

const socket = "/run/fs0.sock"

// sharing are the arguments of a machine whose share is served at path.
func sharing(path string) []string {
	return []string{"-chardev", "socket,id=c0,path=" + path, "-device", "vhost-user-fs-pci,chardev=c0,tag=data"}
}

func TestVhostKernelThreadsAreTheirMachines(t *testing.T) {
	f, s, _ := one(t)
	v := vhost(f, 50, 100).from(f.now + time.Second)
	v.find(50).run, v.find(50).wait = 3, 2
	stranger := vhost(f, 51, 9999)
	stranger.find(51).run = 70
	f.put(v, stranger)
	g := f.read(s)["web"]
	want(t, "vhost", g.VMM[model.Vhost].CPU, 3)
	want(t, "steal of vhost", g.VMM[model.Vhost].Steal, 2)
	want(t, "usage", g.CPU.Usage, 3)
	wantAbsent(t, "workers", g.VMM[model.Worker].CPU)
}

func TestVhostOfAThreadThatLeadsNoProcess(t *testing.T) {
	f, s, _ := one(t)
	v := vhost(f, 50, 103).from(f.now + time.Second)
	v.find(50).run = 3
	f.put(v)
	want(t, "vhost", f.read(s)["web"].VMM[model.Vhost].CPU, 3)
}

func TestAUsersProcessCannotPassForVhost(t *testing.T) {
	f, s, _ := one(t)
	v := vhost(f, 50, 100).from(f.now + time.Second)
	v.ppid, v.flags, v.memory = 1, 0, memory
	v.find(50).run = 3
	f.put(v)
	g := f.read(s)["web"]
	wantAbsent(t, "vhost", g.VMM[model.Vhost].CPU)
	want(t, "usage", g.CPU.Usage, 0)
}

func TestVhostThreadsWithinTheHypervisorCountOnce(t *testing.T) {
	f, s, p := one(t)
	v := p.task(104, "vhost-100")
	v.start, v.run, v.wait = f.now+time.Second, 3, 2
	f.put(p)
	g := f.read(s)["web"]
	want(t, "vhost", g.VMM[model.Vhost].CPU, 3)
	want(t, "steal of vhost", g.VMM[model.Vhost].Steal, 2)
	want(t, "usage", g.CPU.Usage, 3)
	wantAbsent(t, "other", g.VMM[model.Other].CPU)
}

func TestVirtiofsdInTheCgroupOfItsMachine(t *testing.T) {
	f := newFake(t)
	p := libvirtQEMU(f, 100, "web")
	daemon := f.proc(90, "virtiofsd", "/usr/libexec/virtiofsd", "--fd=9", "-o", "source=/srv")
	daemon.cgroup = p.cgroup
	daemon.find(90).run = 40
	stranger := f.proc(91, "virtiofsd", "/usr/libexec/virtiofsd", "--fd=9", "-o", "source=/srv")
	stranger.cgroup = p.cgroup[:len(p.cgroup)-len(".scope/libvirt/emulator")] + "2.scope"
	f.put(p, daemon, stranger)
	s := f.open()
	g := f.read(s)["web"]
	if g.Info.Cgroup == "" {
		t.Errorf("the machine has no cgroup of its own: %+v", g.Info)
	}
	daemon.find(90).run, daemon.find(90).wait = 42, 1
	stranger.find(91).run = 9
	f.put(daemon, stranger)
	g = f.read(s)["web"]
	want(t, "virtiofsd", g.VMM[model.Virtiofsd].CPU, 2)
	want(t, "steal of virtiofsd", g.VMM[model.Virtiofsd].Steal, 1)
	want(t, "usage", g.CPU.Usage, 2)
}

func TestVirtiofsdByItsSocketWithItsForkedChild(t *testing.T) {
	for _, first := range []string{"daemon", "machine"} {
		t.Run(first+" first", func(t *testing.T) {
			f := newFake(t)
			p := f.qemu(100, "web", sharing(socket)...)
			daemon := f.proc(90, "virtiofsd", "/usr/libexec/virtiofsd", "--socket-path="+socket, "--shared-dir=/srv/data", "--cache=never")
			child := f.proc(91, "virtiofsd", daemon.argv...)
			child.ppid = 90
			s := f.open()
			f.read(s)
			for i, who := range []string{"daemon", "machine"} {
				if who != first {
					f.read(s)
				}
				if (i == 0) == (first == "daemon") {
					f.put(daemon.from(f.now+time.Second), child.from(f.now+2*time.Second))
				} else {
					f.put(p.from(f.now + time.Second))
				}
			}
			f.read(s)
			child.find(91).run += 5
			daemon.find(90).run++
			f.put(daemon, child)
			g := f.read(s)["web"]
			want(t, "virtiofsd", g.VMM[model.Virtiofsd].CPU, 6)
			want(t, "usage", g.CPU.Usage, 6)
			wantShare := model.Share{Tag: "data", Source: "/srv/data", FSType: "virtiofs", Cache: "never"}
			if len(g.Shares) != 1 || !wantShare.Same(g.Shares[0]) {
				t.Errorf("shares: got %+v, want %+v", g.Shares, wantShare)
			}
		})
	}
}

func TestASocketThatTwoMachinesNameIsNobodys(t *testing.T) {
	f := newFake(t)
	f.put(f.qemu(100, "a", sharing(socket)...), f.qemu(200, "b", sharing(socket)...))
	daemon := f.proc(90, "virtiofsd", "/usr/libexec/virtiofsd", "--socket-path="+socket, "--shared-dir=/srv")
	f.put(daemon)
	s := f.open()
	f.read(s)
	daemon.find(90).run = 5
	f.put(daemon)
	for name, g := range f.read(s) {
		wantAbsent(t, "virtiofsd of "+name, g.VMM[model.Virtiofsd].CPU)
		want(t, "usage of "+name, g.CPU.Usage, 0)
	}
}

func TestASocketIsKnownAgainWhenOneMachineIsLeft(t *testing.T) {
	f := newFake(t)
	a, b, c := f.qemu(100, "a", sharing(socket)...), f.qemu(200, "b", sharing(socket)...), f.qemu(300, "c", sharing(socket)...)
	f.put(a, b, c)
	s := f.open()
	f.read(s)
	f.end(a)
	f.read(s)
	daemon := f.proc(90, "virtiofsd", "/usr/libexec/virtiofsd", "--socket-path="+socket, "--shared-dir=/srv").from(f.now)
	f.put(daemon)
	for name, g := range f.read(s) {
		wantAbsent(t, "virtiofsd of "+name, g.VMM[model.Virtiofsd].CPU)
	}
	f.end(b)
	f.read(s)
	daemon.find(90).run = 5
	f.put(daemon)
	within(t, "virtiofsd of the last", f.read(s)["c"].VMM[model.Virtiofsd].CPU, 5, 1e-3)
}

func TestWhenAHelperExitsUsageStays(t *testing.T) {
	f, s, _ := one(t)
	v := vhost(f, 50, 100).from(f.now + time.Second)
	v.find(50).run, v.find(50).wait = 3, 1
	f.put(v)
	want(t, "usage", f.read(s)["web"].CPU.Usage, 3)
	f.end(v)
	for range 3 {
		g := f.read(s)["web"]
		want(t, "usage after the exit", g.CPU.Usage, 3)
		want(t, "vhost after the exit", g.VMM[model.Vhost].CPU, 3)
		want(t, "steal of vhost after the exit", g.VMM[model.Vhost].Steal, 1)
	}
	v = vhost(f, 50, 100).from(f.now + time.Second) // another by the same number
	v.find(50).run = 2
	f.put(v)
	g := f.read(s)["web"]
	want(t, "usage with another", g.CPU.Usage, 5)
	want(t, "vhost with another", g.VMM[model.Vhost].CPU, 5)
}

func TestAHelpersNumberIsAnotherProcessByTheNextReading(t *testing.T) {
	f, s, _ := one(t)
	v := vhost(f, 50, 100).from(f.now + time.Second)
	v.find(50).run = 3
	f.put(v)
	f.read(s)
	f.end(v)
	bash := f.proc(50, "bash", "bash").from(f.now + time.Second)
	bash.find(50).run = 100
	f.put(bash)
	g := f.read(s)["web"]
	want(t, "usage", g.CPU.Usage, 3)
	bash.find(50).run = 200
	f.put(bash)
	want(t, "usage later", f.read(s)["web"].CPU.Usage, 3)
}

func TestChildrenOfCrosvmAreItsOwn(t *testing.T) {
	f := newFake(t)
	p := f.proc(100, "crosvm", "/usr/bin/crosvm", "run", "--name", "arc", "-c", "1", "/vmlinuz")
	p.task(101, "crosvm_vcpu0")
	device := f.proc(110, "jail_warden", "/usr/bin/crosvm", "run", "--name", "arc", "-c", "1", "/vmlinuz")
	device.ppid = 100
	grandchild := f.proc(120, "pcivirtio-block", "/usr/bin/crosvm")
	grandchild.ppid = 110
	f.put(p, device, grandchild)
	s := f.open()
	f.read(s)
	device.find(110).run, grandchild.find(120).run = 2, 3
	f.put(device, grandchild)
	guests := f.read(s)
	g := only(t, guests)
	want(t, "usage", g.CPU.Usage, 5)
	want(t, "other", g.VMM[model.Other].CPU, 5)
	want(t, "vCPUs", g.CPU.CPUs, 1)
}

func TestHelpersByTheNameThatTheyCallTheirMachine(t *testing.T) {
	f := newFake(t)
	proxmox := f.qemu(100, "db")
	proxmox.comm, proxmox.argv = "kvm", []string{"/usr/bin/kvm", "-id", "101", "-name", "db,debug-threads=on", "-accel", "kvm"}
	proxmox.cgroup = "/qemu.slice/101.scope"
	long := libvirtQEMU(f, 200, "a-very-long-name-of-a-machine")
	swtpm := f.proc(90, "swtpm", "swtpm", "socket", "--ctrl", "type=unixio,path=/var/run/qemu-server/101.swtpm,mode=0600")
	passt := f.proc(91, "passt.avx2", "passt", "--socket", "/run/libvirt/qemu/passt/7-a-very-long-name-of--net0.socket")
	f.put(proxmox, long, swtpm, passt)
	s := f.open()
	f.read(s)
	swtpm.find(90).run, passt.find(91).run = 2, 3
	f.put(swtpm, passt)
	guests := f.read(s)
	want(t, "swtpm of Proxmox", guests["db"].VMM[model.Other].CPU, 2)
	want(t, "passt of libvirt", guests["a-very-long-name-of-a-machine"].VMM[model.Other].CPU, 3)
}

func TestOfTwoMachinesOfOneNameTheCgroupDecides(t *testing.T) {
	f := newFake(t)
	a, b, c := f.qemu(100, "web"), f.qemu(200, "web"), libvirtQEMU(f, 300, "web")
	helper := func(pid int, cgroup string) *proc {
		p := f.proc(pid, "swtpm", "swtpm", "--log", "file=/var/log/swtpm/libvirt/qemu/web-swtpm.log")
		p.cgroup = cgroup
		return p
	}
	sure, unsure := helper(90, c.cgroup), helper(91, "/system.slice/x.service")
	f.put(a, b, c, sure, unsure)
	s := f.open()
	f.read(s)
	sure.find(90).run, unsure.find(91).run = 2, 7
	f.put(sure, unsure)
	var used []float64
	for _, g := range f.read(s) {
		if v, ok := g.VMM[model.Other].CPU.Get(); ok {
			used = append(used, v)
			if g.Info.Cgroup == "" {
				t.Errorf("it is that of %v", g.Name)
			}
		}
	}
	if len(used) != 1 || used[0] != 2 {
		t.Errorf("helpers used %v, want 2 for one machine", used)
	}
}

func TestHelpersOutliveTheirMachineAndServeTheNext(t *testing.T) {
	f := newFake(t)
	p := f.qemu(100, "web", sharing(socket)...)
	daemon := f.proc(90, "virtiofsd", "/usr/libexec/virtiofsd", "--socket-path="+socket, "--shared-dir=/srv")
	f.put(p, daemon)
	s := f.open()
	f.read(s)
	daemon.find(90).run = 5
	f.put(daemon)
	want(t, "virtiofsd", f.read(s)["web"].VMM[model.Virtiofsd].CPU, 5)
	f.end(p)
	daemon.find(90).run = 6
	f.put(daemon)
	if guests := f.read(s); len(guests) != 0 {
		t.Fatalf("machines after the end: %v", guests)
	}
	f.put(f.qemu(200, "web", sharing(socket)...).from(f.now + time.Second))
	f.read(s)
	daemon.find(90).run = 8
	f.put(daemon)
	within(t, "virtiofsd of the next", f.read(s)["web"].VMM[model.Virtiofsd].CPU, 2, 0.001)
}
