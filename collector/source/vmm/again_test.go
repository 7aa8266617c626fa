package vmm

import (
	"fmt"
	"testing"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// What a daemon did for one machine is not given to the next one that it serves.
func TestADaemonThatOutlivesItsMachineBeginsAnew(t *testing.T) {
	served := []string{"-chardev", "socket,id=c0,path=/run/fs.sock", "-device", "vhost-user-fs-pci,chardev=c0,tag=x"}
	f := newFake(t)
	s := f.open()
	f.read(s)
	f.pass(s, 15*time.Second)
	d := f.proc(300, "virtiofsd", "/usr/libexec/virtiofsd", "--shared-dir", "/srv", "--socket-path", "/run/fs.sock").from(f.now + 5*time.Second)
	f.put(d, f.qemu(100, "web", served...).from(f.now+5*time.Second))
	f.read(s)
	f.pass(s, 15*time.Second)
	d.tasks[0].run = 1000
	f.put(d)
	want(t, "virtiofsd", f.read(s)["web"].VMM[model.Virtiofsd].CPU, 1000)
	f.remove("proc/100")
	f.pass(s, 15*time.Second)
	f.put(f.qemu(200, "web", served...).from(f.now + 5*time.Second))
	for range 4 {
		g := f.read(s)["web"]
		if v := g.VMM[model.Virtiofsd].CPU.Or(0); v != 0 {
			t.Errorf("the next machine has %v s of it", v)
		}
		f.pass(s, 15*time.Second)
	}
}

func TestAMachineThatFoundNoRoomBeginsAnew(t *testing.T) {
	f := newFake(t)
	f.put(f.qemu(100, "a"))
	s := f.open()
	s.opts.MaxGuests = 1
	f.read(s)
	f.pass(s, 15*time.Second)
	b := f.qemu(200, "b").from(f.now + 5*time.Second)
	f.put(b)
	f.read(s)
	f.pass(s, time.Hour)
	b.find(201).run, b.find(201).wait = 3000, 500
	f.put(b)
	f.read(s)
	f.remove("proc/100")
	f.pass(s, 15*time.Second)
	g, ok := f.read(s)["b"]
	if v := g.CPU.Steal.Or(-1); !ok || v != 0 {
		t.Errorf("there: %t, and its steal is %v", ok, v)
	}
}

func TestTheHostsOwnMachinesAreNoTenants(t *testing.T) {
	const many = maxOfUser + 50
	f := newFake(t)
	for i := range many {
		p := f.proc(1000+i, "qemu-system-x86", "/usr/bin/qemu-system-x86_64", "-name", fmt.Sprintf("vm%d", i))
		p.in(fmt.Sprintf(`/machine.slice/machine-qemu\x2d%d\x2dvm%d.scope`, i, i)).uid = 64055
		f.put(p)
	}
	s := f.open()
	s.opts.MaxGuests = 20_000
	n := len(f.read(s))
	for range 10 {
		if n < many { // arguments that came late, on a busy machine, are there for the next reading
			n = len(f.read(s))
		}
	}
	if n != many {
		t.Errorf("%d of %d machines of libvirt's user", n, many)
	}
}

func TestAUsersOwnScopeClaimsNoMachinesName(t *testing.T) {
	f := newFake(t)
	impostor := f.qemu(100, "web").in(`/user.slice/user-1001.slice/user@1001.service/machine-qemu\x2d1\x2dweb.scope`)
	impostor.uid = 1001
	f.put(impostor)
	s := f.open()
	f.read(s)
	host := f.qemu(200, "web").in(`/machine.slice/machine-qemu\x2d1\x2dweb.scope`)
	host.uid = 64055
	f.put(host)
	if g := f.read(s)["web"]; g.Within != host.cgroup {
		t.Errorf("web is the one in %s", g.Within)
	}
}
