package vmm

import (
	"fmt"
	"testing"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

const inDocker = "/docker/c0ffee11c0ffee11c0ffee11c0ffee11c0ffee11c0ffee11c0ffee11c0ffee11"

func TestATenantCannotTakeAMachinesName(t *testing.T) {
	f := newFake(t)
	s := f.open()
	impostor := f.qemu(100, "web").in(inDocker)
	f.put(impostor)
	if _, ok := f.read(s)["web"]; !ok {
		t.Fatal("it has no name while nobody else claims it")
	}
	host := f.qemu(200, "web").in("/machine.slice/machine-qemu\\x2d1\\x2dweb.scope")
	host.task(299, "worker")
	f.put(host)
	if g := f.read(s)["web"]; g.Info.Cgroup == "" {
		t.Error("a process in a container keeps the name of the host's machine")
	}
}

func TestATenantHasRoomForSomeMachinesOnly(t *testing.T) {
	f := newFake(t)
	for i := range maxInside + 10 {
		f.put(f.proc(1000+i, "qemu-system-x86", "/usr/bin/qemu-system-x86_64", "-name", fmt.Sprintf("vm%d", i)).in(inDocker))
	}
	f.put(f.qemu(9000, "web"))
	s := f.open()
	s.opts.MaxGuests = 1000
	guests := f.read(s)
	if _, ok := guests["web"]; !ok || len(guests) != maxInside+1 {
		t.Errorf("%d machines, the host's among them: %t", len(guests), ok)
	}
	if s.dropped["limit"] != 10 {
		t.Errorf("%d are counted as left out", s.dropped["limit"])
	}
}

func TestAStrangerIsNotCharged(t *testing.T) {
	tests := []struct {
		name   string
		uid    int
		cgroup string
		want   bool
	}{
		{"root's daemon", 0, "/system.slice/libvirtd.service", true},
		{"the system's user", 110, "/system.slice/libvirtd.service", true},
		{"a person's process", 1001, "/user.slice/user-1001.slice/session-2.scope", false},
		{"root of a container", 0, inDocker, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFake(t)
			f.put(f.qemu(100, "web"))
			d := f.proc(300, "virtiofsd", "/usr/libexec/virtiofsd", "--shared-dir", "/etc", "--log", "/var/lib/libvirt/qemu/domain-1-web/x").in(tt.cgroup)
			d.uid = tt.uid
			f.put(d)
			s := f.open()
			f.read(s)
			f.pass(s, time.Minute)
			_, charged := f.read(s)["web"].VMM[model.Virtiofsd].CPU.Get()
			if charged != tt.want {
				t.Errorf("charged: %t, want %t", charged, tt.want)
			}
		})
	}
}

func TestAScriptThatStartsAHypervisorIsNone(t *testing.T) {
	f := newFake(t)
	f.put(f.proc(100, "qemu-system-x86", "/bin/sh", "/usr/local/bin/qemu-system-x86_64", "-name", "web"))
	child := f.qemu(101, "web")
	child.ppid = 100
	f.put(child)
	s := f.open()
	g := f.read(s)["web"]
	want(t, "vCPUs", g.CPU.CPUs, 2)
}

func TestSwapOfSharedMemoryIsUnknown(t *testing.T) {
	f := newFake(t)
	p := f.qemu(100, "web")
	f.put(p)
	f.write("proc/100/status", "Name:\tqemu\nUid:\t0\t0\t0\t0\nVmRSS:\t100 kB\nRssAnon:\t10 kB\nRssFile:\t0 kB\nRssShmem:\t90 kB\nVmSwap:\t0 kB\nThreads:\t4\n")
	wantAbsent(t, "swap", f.read(f.open())["web"].Memory.Swap)
}

func (p *proc) in(cgroup string) *proc {
	p.cgroup = cgroup
	return p
}
