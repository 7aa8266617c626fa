package vmm

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

func TestWhatArgumentsSayOfAMachine(t *testing.T) {
	f := newFake(t)
	p := libvirtQEMU(f, 100, "web", "-uuid", "5c6f1d8e-0506-4708-890a-0b0c0d0e0f10")
	f.put(p)
	g := only(t, f.read(f.open()))
	if want := (model.Name{Kind: model.VM, Runtime: "qemu", Guest: "web"}); g.Name != want {
		t.Errorf("name: got %v, want %v", g.Name, want)
	}
	own := strings.TrimSuffix(p.cgroup, "/libvirt/emulator")
	if g.Info.UUID != "5c6f1d8e-0506-4708-890a-0b0c0d0e0f10" || g.Info.VMKey == "" || g.Info.Accelerator != "kvm" || g.Info.Cgroup != own || g.Within != p.cgroup {
		t.Errorf("info: %+v within %s", g.Info, g.Within)
	}
}

func TestTheCgroupIsThatOfV1WhereNoOtherIsThere(t *testing.T) {
	f := newFake(t)
	f.put(f.qemu(100, "web"))
	f.write("proc/100/cgroup", "5:memory:/qemu.slice/101.scope\n4:cpu,cpuacct:/../../qemu.slice/101.scope\n0::/\n")
	if g := only(t, f.read(f.open())); g.Info.Cgroup != "/qemu.slice/101.scope" {
		t.Errorf("cgroup: %q", g.Info.Cgroup)
	}
}

func TestOfTwoMachinesOfOneNameTheOlderKeepsIt(t *testing.T) {
	f := newFake(t)
	younger := f.qemu(100, "web", "-uuid", "00000000-0000-0000-0000-000000000002").from(2 * time.Minute)
	older := f.qemu(200, "web", "-uuid", "00000000-0000-0000-0000-000000000001").from(time.Minute)
	f.put(younger, older)
	s := f.open()
	guests := f.read(s)
	if len(guests) != 2 || guests["web"].Info.UUID != older.argv[len(older.argv)-1] {
		t.Fatalf("machines: %v", guests)
	}
	other := "web~00000000-000"
	if _, ok := guests[other]; !ok || s.collisions != 1 {
		t.Errorf("there is no %s, with %d collisions: %v", other, s.collisions, guests)
	}
	f.end(older)
	if g := only(t, f.read(s)); g.Guest != other {
		t.Errorf("the younger one became %q when the other had gone", g.Guest)
	}
	f.put(f.qemu(300, "web").from(f.now + time.Second))
	if _, ok := f.read(s)["web"]; !ok {
		t.Error("a successor does not get the name")
	}
}

func TestManyMachinesOfOneNameAndUUID(t *testing.T) {
	f := newFake(t)
	for i := range 5 {
		f.put(f.qemu(100*(i+1), "web", "-uuid", "00000000-0000-0000-0000-000000000001"))
	}
	s := f.open()
	if guests := f.read(s); len(guests) != 5 {
		t.Errorf("%d names, want 5: %v", len(guests), guests)
	}
}

func TestASuccessorInTheSameIntervalGetsTheName(t *testing.T) {
	f, s, p := one(t)
	f.end(p)
	f.put(f.qemu(200, "web").from(f.now + time.Second))
	if g := only(t, f.read(s)); g.Guest != "web" {
		t.Errorf("it is called %q", g.Guest)
	}
}

func TestAMachineWithoutANameIsKnownByADigestThatStays(t *testing.T) {
	f := newFake(t)
	f.put(f.proc(100, "qemu-system-x86", "/usr/bin/qemu-system-x86_64", "-m", "1G"))
	name := only(t, f.read(f.open())).Guest
	if len(name) != 12 {
		t.Errorf("it is called %q", name)
	}
	if again := only(t, f.read(f.open())).Guest; again != name {
		t.Errorf("it is called %q after a restart and was %q", again, name)
	}
}

func TestASandboxOfKataIsCalledLikeItsPod(t *testing.T) {
	f := newFake(t)
	sandbox := id("5a")
	f.write("rootfs/run/containerd/io.containerd.runtime.v2.task/k8s.io/"+sandbox+"/config.json", `{"annotations":{
		"io.kubernetes.cri.container-type":"sandbox","io.kubernetes.cri.sandbox-name":"api-0","io.kubernetes.cri.sandbox-namespace":"shop"}}`)
	p := f.qemu(100, "sandbox-"+sandbox, "-qmp", "unix:/run/vc/vm/"+sandbox+"/qmp.sock,server=on")
	p.cgroup = "/kubepods.slice/kata_" + sandbox
	unknown := f.qemu(200, "sandbox-"+id("66"))
	f.put(p, unknown)
	guests := f.read(f.open())
	g, ok := guests["shop/api-0"]
	if !ok || g.Info.KubeNamespace != "shop" || g.Info.KubePod != "api-0" || g.Info.ID != sandbox {
		t.Errorf("found %v with %+v", guests, g.Info)
	}
	if _, ok := guests[id("66")[:12]]; !ok {
		t.Errorf("a sandbox of which no file tells is not called by its id: %v", guests)
	}
}

func TestAMachineOfLibkrunIsCalledLikeItsContainer(t *testing.T) {
	for _, below := range []string{"", "/container"} {
		t.Run("below"+below, func(t *testing.T) {
			f := newFake(t)
			container := id("c0")
			f.write("rootfs/var/lib/docker/containers/"+container+"/config.v2.json",
				fmt.Sprintf(`{"ID":%q,"Name":"/secret-box","Config":{"Image":"img"}}`, container))
			p := f.proc(100, "krun", "[libcrun:krun] sh")
			p.task(101, "fc_vcpu 0")
			p.cgroup = "/system.slice/docker-" + container + ".scope" + below
			f.put(p)
			g := only(t, f.read(f.open()))
			if g.Guest != "secret-box" || g.Info.ID != container || g.Info.Image != "img" || g.Runtime != "libkrun" {
				t.Errorf("found %v with %+v", g.Name, g.Info)
			}
		})
	}
}

// hangingQEMU makes a machine whose command line makes a reader wait until
// somebody writes it, as the kernel does.
func hangingQEMU(f *fake, pid int, name string) (p *proc, write func()) {
	f.t.Helper()
	p = f.qemu(pid, name)
	f.mkdir(fmt.Sprintf("proc/%d", pid))
	fifo := f.path(fmt.Sprintf("proc/%d/cmdline", pid))
	if err := unix.Mkfifo(fifo, 0o644); err != nil {
		f.t.Fatal(err)
	}
	written := false
	write = func() {
		f.t.Helper()
		if written {
			return
		}
		written = true
		w, err := os.OpenFile(fifo, os.O_WRONLY|unix.O_NONBLOCK, 0)
		if err != nil {
			return // nobody reads
		}
		_, _ = w.WriteString(strings.Join(append(p.argv, ""), "\x00"))
		_ = w.Close()
	}
	f.t.Cleanup(write)
	return p, write
}

// awaitAnswer waits until the arguments of a process are there.
func awaitAnswer(t *testing.T, s *Source, pid int32) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		w := s.args.waiting[pid]
		if w == nil || len(w.answer) > 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the arguments did not come")
		}
	}
}

func TestArgumentsThatHangCostLittleAndComeLater(t *testing.T) {
	f := newFake(t)
	p, write := hangingQEMU(f, 100, "web")
	p.start = f.now
	f.put(p)
	s := f.open()
	began := time.Now()
	f.now += time.Second
	if guests := f.readNow(s); len(guests) != 0 {
		t.Errorf("found %v at once", guests)
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("reading took %v", took)
	}
	f.read(s)
	g := only(t, f.read(s))
	if len(g.Guest) != 12 || g.Runtime != "qemu" {
		t.Errorf("while its arguments hang it is called %v", g.Name)
	}
	p.find(101).wait = 3
	f.put(p)
	want(t, "steal while arguments hang", only(t, f.read(s)).CPU.Steal, 3)

	write()
	awaitAnswer(t, s, 100)
	p.find(101).wait = 5
	f.put(p)
	g = only(t, f.read(s))
	if g.Guest != "web" || g.Info.Accelerator != "kvm" {
		t.Errorf("with its arguments it is called %v, with %+v", g.Name, g.Info)
	}
	want(t, "steal", g.CPU.Steal, 5)
	if len(s.names) != 1 || len(s.args.waiting) != 0 {
		t.Errorf("%d names and %d waiting are remembered", len(s.names), len(s.args.waiting))
	}
}

func TestAMachineMetInTheMiddleOfItsExecve(t *testing.T) {
	f := newFake(t)
	s := f.open()
	f.read(s)
	p := f.qemu(100, "web").from(f.now + interval)
	argv := p.argv
	p.argv = nil
	f.put(p)
	if guests := f.read(s); len(guests) != 0 {
		t.Errorf("found without its arguments, that are yet to come: %v", guests)
	}
	p.argv = argv
	f.put(p)
	if g := only(t, f.read(s)); g.Guest != "web" {
		t.Errorf("it is called %v", g.Name)
	}
}

func TestADaemonMetInTheMiddleOfItsExecve(t *testing.T) {
	f := newFake(t)
	f.put(f.qemu(100, "web", sharing(socket)...))
	s := f.open()
	f.read(s)
	daemon := f.proc(90, "virtiofsd").from(f.now + interval)
	f.put(daemon)
	f.read(s)
	daemon.argv = []string{"virtiofsd", "--socket-path=" + socket, "--shared-dir=/srv"}
	f.put(daemon)
	f.read(s)
	f.read(s)
	daemon.find(90).run = 2
	f.put(daemon)
	within(t, "virtiofsd", f.read(s)["web"].VMM[model.Virtiofsd].CPU, 2, 1e-3)
}

func TestAMachineWhoseArgumentsMayNotBeReadIsThereAllTheSame(t *testing.T) {
	f := newFake(t)
	p := libvirtQEMU(f, 100, "web")
	p.argv = nil
	f.put(p)
	s := f.open()
	if g := only(t, f.pass(s, 4*interval)); g.Guest != "web" { // by its cgroup
		t.Errorf("it is called %v", g.Name)
	}
}

func TestArgumentsThatHangAreBounded(t *testing.T) {
	f := newFake(t)
	for i := range 30 {
		p, _ := hangingQEMU(f, 100*(i+1), fmt.Sprint("vm", i))
		f.put(p)
	}
	f.put(f.qemu(9000, "fine").from(0)) // the oldest
	s := f.open()
	f.read(s)
	if n := len(s.args.waiting); n > maxWaiting {
		t.Errorf("%d readings of arguments hang, want at most %d", n, maxWaiting)
	}
	began := time.Now()
	guests := f.read(s)
	if took := time.Since(began); took > maxWaiting*argumentPatience/2 {
		t.Errorf("a later reading took %v: it waits anew for what it has waited for", took)
	}
	if len(guests) != 31 {
		t.Errorf("%d machines, want 31", len(guests))
	}
	if _, ok := guests["fine"]; !ok {
		t.Error("the one that can be read has no name")
	}
}

func TestArgumentsThatComeLateAndRunNoMachine(t *testing.T) {
	f := newFake(t)
	p, write := hangingQEMU(f, 100, "probe")
	p.argv = []string{"/usr/bin/qemu-system-x86_64", "-machine", "none"}
	f.put(p)
	s := f.open()
	f.read(s)
	f.read(s)
	write()
	awaitAnswer(t, s, 100)
	f.read(s)
	if guests := f.read(s); len(guests) != 0 {
		t.Errorf("found %v", guests)
	}
}

func TestAnEndedMachineWhoseArgumentsHungIsForgotten(t *testing.T) {
	f := newFake(t)
	p, write := hangingQEMU(f, 100, "web")
	f.put(p)
	s := f.open()
	f.read(s)
	write()
	awaitAnswer(t, s, 100)
	f.end(p)
	f.read(s)
	another := f.qemu(100, "another").from(f.now + time.Second)
	f.put(another)
	if g := only(t, f.read(s)); g.Guest != "another" {
		t.Errorf("the next by its number is called %q", g.Guest)
	}
}
