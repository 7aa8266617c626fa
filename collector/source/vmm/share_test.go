package vmm

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// sharingTwo are the arguments of a machine with shares a and b, as libvirt gives them.
func sharingTwo() []string {
	return []string{
		"-chardev", "socket,id=c0,path=/run/a.sock", "-device", `{"driver":"vhost-user-fs-pci","chardev":"c0","tag":"a"}`,
		"-chardev", "socket,id=c1,path=/run/b.sock", "-device", `{"driver":"vhost-user-fs-pci","chardev":"c1","tag":"b"}`,
	}
}

// virtiofsd makes a daemon and its sandboxed child, numbered after it.
func virtiofsd(f *fake, pid int, args ...string) (daemon, child *proc) {
	daemon = f.proc(pid, "virtiofsd", append([]string{"/usr/libexec/virtiofsd"}, args...)...)
	child = f.proc(pid+1, "virtiofsd", daemon.argv...)
	child.ppid = pid
	return daemon, child
}

// descriptors makes the links of /proc/PID/fd, and the file of limits.
func (f *fake) descriptors(pid, limit int, targets map[int]string) {
	f.t.Helper()
	dir := fmt.Sprintf("proc/%d/fd", pid)
	f.remove(dir)
	f.mkdir(dir)
	for fd, target := range targets {
		if err := os.Symlink(target, f.path(fmt.Sprintf("%s/%d", dir, fd))); err != nil {
			f.t.Fatal(err)
		}
	}
	f.write(fmt.Sprintf("proc/%d/limits", pid), "Limit                     Soft Limit           Hard Limit           Units     \n"+
		fmt.Sprintf("Max open files            %-20d 1048576              files     \n", limit))
}

// open makes that many descriptors.
func opened(n int) map[int]string {
	fds := make(map[int]string)
	for i := range n {
		fds[i] = "/dev/null"
	}
	return fds
}

// sockets writes the table of a network namespace, of path and inode.
func (f *fake) sockets(pid int, lines ...string) {
	f.t.Helper()
	text := "Num       RefCount Protocol Flags    Type St Inode Path\n"
	for _, line := range lines {
		text += "0000000000000000: 00000002 00000000 00010000 0001 01 " + line + "\n"
	}
	f.write(fmt.Sprintf("proc/%d/net/unix", pid), text)
}

// share returns the share of that tag.
func share(t *testing.T, g model.Guest, tag string) model.Share {
	t.Helper()
	for _, s := range g.Shares {
		if s.Tag == tag {
			return s
		}
	}
	t.Fatalf("no share %q: %+v", tag, g.Shares)
	return model.Share{}
}

// wantShares compares what shares are, without their figures.
func wantShares(t *testing.T, g model.Guest, want ...model.Share) {
	t.Helper()
	var got []model.Share
	for _, s := range g.Shares {
		got = append(got, model.Share{Tag: s.Tag, Source: s.Source, FSType: s.FSType, Cache: s.Cache})
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(model.Opt{})); diff != "" {
		t.Errorf("shares (-want +got):\n%s", diff)
	}
}

func wantNoDaemon(t *testing.T, s model.Share) {
	t.Helper()
	wantAbsent(t, s.Tag+": CPU", s.CPU)
	wantAbsent(t, s.Tag+": steal", s.Steal)
	wantAbsent(t, s.Tag+": open files", s.OpenFDs)
	wantAbsent(t, s.Tag+": limit of files", s.MaxFDs)
}

func TestWhatTheDaemonOfAShareDid(t *testing.T) {
	f := newFake(t)
	a, child := virtiofsd(f, 90, "--socket-path=/run/a.sock", "--shared-dir=/srv/a", "--cache=never")
	a.find(90).run, child.find(91).run, child.find(91).wait = 100, 200, 50
	f.put(f.qemu(100, "web", append(sharingTwo(), "-virtfs", "local,path=/p,mount_tag=p")...), a, child)
	f.descriptors(90, 1000, opened(7))
	f.descriptors(91, 500, opened(30))
	s := f.open()
	g := f.read(s)["web"]
	want(t, "CPU at the exporter's start", share(t, g, "a").CPU, 0)
	want(t, "steal at the exporter's start", share(t, g, "a").Steal, 0)
	want(t, "open files", share(t, g, "a").OpenFDs, 30)
	want(t, "limit of files", share(t, g, "a").MaxFDs, 500)
	wantNoDaemon(t, share(t, g, "b"))
	wantNoDaemon(t, share(t, g, "p"))

	a.find(90).run, child.find(91).run, child.find(91).wait = 101, 203, 54
	b, _ := virtiofsd(f, 95, "--socket-path=/run/b.sock", "--shared-dir=/srv/b")
	b.from(f.now + time.Second).find(95).run = 6
	f.put(a, child, b)
	f.descriptors(91, 500, opened(3))
	g = f.read(s)["web"]
	want(t, "CPU", share(t, g, "a").CPU, 4)
	want(t, "steal", share(t, g, "a").Steal, 4)
	want(t, "open files, now more in the first process", share(t, g, "a").OpenFDs, 7)
	want(t, "its limit", share(t, g, "a").MaxFDs, 1000)
	want(t, "CPU of a daemon born later", share(t, g, "b").CPU, 6)
	wantAbsent(t, "open files that may not be read", share(t, g, "b").OpenFDs)
	wantAbsent(t, "limit that may not be read", share(t, g, "b").MaxFDs)
	want(t, "CPU of the component", g.VMM[model.Virtiofsd].CPU, 10)
	wantShares(t, g, model.Share{Tag: "p", Source: "/p", FSType: "9p"},
		model.Share{Tag: "a", Source: "/srv/a", FSType: "virtiofs", Cache: "never"}, model.Share{Tag: "b", Source: "/srv/b", FSType: "virtiofs"})
}

func TestADaemonThatIsStartedAgainGoesOnCounting(t *testing.T) {
	f := newFake(t)
	daemon, child := virtiofsd(f, 90, "--socket-path=/run/a.sock", "--shared-dir=/srv/a", "--cache=auto")
	f.put(f.qemu(100, "web", sharingTwo()...), daemon, child)
	f.descriptors(90, 10, opened(1))
	s := f.open()
	f.read(s)
	child.find(91).run, child.find(91).wait = 5, 2
	f.put(child)
	f.read(s)
	f.end(child)
	daemon.state = "Z" // nobody has fetched its exit status
	f.put(daemon)
	wantAbsent(t, "open files of a zombie", share(t, f.read(s)["web"], "a").OpenFDs)
	f.end(daemon)
	g := f.read(s)["web"]
	want(t, "CPU without a daemon", share(t, g, "a").CPU, 5)
	want(t, "steal without a daemon", share(t, g, "a").Steal, 2)
	wantAbsent(t, "open files without a daemon", share(t, g, "a").OpenFDs)
	wantAbsent(t, "limit without a daemon", share(t, g, "a").MaxFDs)

	other, _ := virtiofsd(f, 190, "--socket-path=/run/b.sock", "--shared-dir=/srv/b")
	f.put(other.from(f.now + time.Second))
	g = f.read(s)["web"]
	wantShares(t, g, model.Share{Tag: "a", Source: "/srv/a", FSType: "virtiofs", Cache: "auto"}, model.Share{Tag: "b", Source: "/srv/b", FSType: "virtiofs"})

	again, _ := virtiofsd(f, 290, daemon.argv[1:]...)
	again.from(f.now + time.Second).find(290).run = 3
	f.put(again)
	g = f.read(s)["web"]
	want(t, "CPU with the next one", share(t, g, "a").CPU, 8)
	want(t, "steal with the next one", share(t, g, "a").Steal, 2)
}

func TestThreadsOfADaemonThatComeAndGoCount(t *testing.T) {
	f := newFake(t)
	daemon, _ := virtiofsd(f, 90, "--socket-path=/run/a.sock", "--shared-dir=/srv/a")
	worker := daemon.task(95, "fv_queue_worker")
	f.put(f.qemu(100, "web", sharingTwo()...), daemon)
	s := f.open()
	f.read(s)
	worker.run = 2
	f.put(daemon)
	f.read(s)
	worker.run = 4 // and 2 seconds that no reading sees
	daemon.exit(95)
	f.put(daemon)
	g := f.read(s)["web"]
	within(t, "CPU", share(t, g, "a").CPU, 4, 0.03)
	cpu, _ := share(t, g, "a").CPU.Get()
	want(t, "CPU of the component", g.VMM[model.Virtiofsd].CPU, cpu)
}

func TestDaemonsOfLibvirtAreKnownByTheSocketThatTheyWereHanded(t *testing.T) {
	for name, tt := range map[string]struct {
		fds     map[int]string // of the daemon of b; that of a has its socket at 9
		sockets []string
		known   bool
	}{
		"it waits for the hypervisor": {
			map[int]string{9: "socket:[22]"}, []string{"11 /run/a.sock", "22 /run/b.sock"}, true,
		},
		"it is connected, at another descriptor": {
			map[int]string{0: "/dev/null", 3: "socket:[77]", 5: "socket:[33]", 9: "/proc/self/fd"},
			[]string{"11 /run/a.sock", "22 /run/b.sock", "33 /run/b.sock", "77"},
			true,
		},
		"its links may not be read": {nil, []string{"11 /run/a.sock", "22 /run/b.sock"}, true}, // the one that is left
		"somebody made a line by a path with a newline": {
			map[int]string{9: "socket:[22]"},
			[]string{"11 /run/a.sock", "66 /tmp/x\n0000000000000000: 00000002 00000000 00010000 0001 01 22 /run/a.sock", "22 /run/b.sock"},
			true,
		},
		"a socket of another machine": {map[int]string{9: "socket:[22]"}, []string{"11 /run/a.sock", "22 /run/c.sock"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			p := libvirtQEMU(f, 100, "web", sharingTwo()...)
			a, childA := virtiofsd(f, 80, "--fd=9", "-o", "source=/srv/a")
			b, childB := virtiofsd(f, 90, "--fd=9", "-o", "source=/srv/b")
			a.cgroup, b.cgroup, childA.cgroup, childB.cgroup = p.cgroup, p.cgroup, p.cgroup, p.cgroup
			f.put(p, a, childA, b, childB)
			f.descriptors(80, 10, map[int]string{9: "socket:[11]"})
			if tt.fds != nil {
				f.descriptors(90, 10, tt.fds)
			}
			f.sockets(1, "55 /run/systemd/notify")
			f.sockets(100, tt.sockets...)
			for _, pid := range []int{80, 81, 90, 91} {
				f.sockets(pid) // the daemons have network namespaces of their own
			}
			s := f.open()
			f.read(s)
			childA.find(81).run, childB.find(91).run = 3, 4
			f.put(childA, childB)
			g := f.read(s)["web"]
			want(t, "CPU of a", share(t, g, "a").CPU, 3)
			if !tt.known {
				wantNoDaemon(t, share(t, g, "b"))
				want(t, "CPU of the directory", share(t, g, "").CPU, 4)
				return
			}
			want(t, "CPU of b", share(t, g, "b").CPU, 4)
			wantShares(t, g, model.Share{Tag: "a", Source: "/srv/a", FSType: "virtiofs"}, model.Share{Tag: "b", Source: "/srv/b", FSType: "virtiofs"})
		})
	}
}

func TestDaemonsThatCannotBeToldApartShareDirectoriesOfNoTag(t *testing.T) {
	f := newFake(t)
	p := libvirtQEMU(f, 100, "web", sharingTwo()...)
	a, _ := virtiofsd(f, 80, "--fd=9", "-o", "source=/srv/a")
	b, childB := virtiofsd(f, 90, "--fd=9", "-o", "source=/srv/b")
	a.cgroup, b.cgroup, childB.cgroup = p.cgroup, p.cgroup, p.cgroup
	f.put(p, a, b, childB)
	s := f.open()
	f.read(s)
	a.find(80).run, b.find(90).run, childB.find(91).run = 1, 2, 3
	f.put(a, b, childB)
	g := f.read(s)["web"]
	wantShares(t, g, model.Share{Tag: "a", FSType: "virtiofs"}, model.Share{Tag: "b", FSType: "virtiofs"},
		model.Share{Source: "/srv/a", FSType: "virtiofs"}, model.Share{Source: "/srv/b", FSType: "virtiofs"})
	want(t, "CPU of the first directory", g.Shares[2].CPU, 1)
	want(t, "CPU of the second directory", g.Shares[3].CPU, 5)
	f.end(a) // the one that is left may be either's
	g = f.read(s)["web"]
	wantNoDaemon(t, share(t, g, "a"))
	wantNoDaemon(t, share(t, g, "b"))
}

func TestProxmoxsDaemonIsItsMachinesByTheSocketAlone(t *testing.T) {
	f := newFake(t)
	p := f.qemu(100, "db", "-chardev", "socket,id=virtiofs0,path=/run/qemu-server/virtiofsd/vm101-fs0",
		"-device", "vhost-user-fs-pci,queue-size=1024,chardev=virtiofs0,tag=media")
	p.cgroup = "/qemu.slice/101.scope"
	daemon, child := virtiofsd(f, 90, "--fd=12", "--shared-dir=/tank/media", "--cache=metadata")
	daemon.cgroup, child.cgroup = "/system.slice/pvedaemon.service", "/system.slice/pvedaemon.service"
	f.put(p, daemon, child)
	f.descriptors(90, 10, map[int]string{12: "socket:[5]"})
	f.sockets(1, "5 /run/qemu-server/virtiofsd/vm101-fs0")
	s := f.open()
	f.read(s)
	child.find(91).run = 3
	f.put(child)
	g := f.read(s)["db"]
	want(t, "CPU", share(t, g, "media").CPU, 3)
	wantShares(t, g, model.Share{Tag: "media", Source: "/tank/media", FSType: "virtiofs", Cache: "metadata"})
}

func TestDaemonsOfIncusAndCrosvmKnowTheTag(t *testing.T) {
	f := newFake(t)
	incus := f.proc(100, "qemu-system-x86", "/opt/incus/bin/qemu-system-x86_64", "-name", "web", "-readconfig", "/run/incus/web/qemu.conf")
	incus.task(101, "CPU 0/KVM")
	a, _ := virtiofsd(f, 80, "--fd=3", "-o", "source=/var/lib/incus/devices/web/disk.data.srv")
	crosvm := f.proc(200, "crosvm", "/usr/bin/crosvm", "run", "--name", "arc", "--vhost-user", "type=fs,socket=/run/c.sock", "/vmlinuz")
	crosvm.task(201, "crosvm_vcpu0")
	b, _ := virtiofsd(f, 90, "--socket-path=/run/c.sock", "--shared-dir=/srv", "--tag", "root")
	f.put(incus, a, crosvm, b)
	s := f.open()
	f.read(s)
	a.find(80).run, b.find(90).run = 1, 2
	f.put(a, b)
	guests := f.read(s)
	want(t, "CPU of Incus'", share(t, guests["web"], "incus_data").CPU, 1)
	want(t, "CPU of crosvm's", share(t, guests["arc"], "root").CPU, 2)
	wantShares(t, guests["arc"], model.Share{Tag: "root", Source: "/srv", FSType: "virtiofs"})
}

func TestDaemonsOfKubeVirtAreInAnotherContainerOfThePod(t *testing.T) {
	f := newFake(t)
	cgroup := func(pod, container string) string {
		return "/kubepods.slice/kubepods-pod" + strings.Repeat(pod, 8) + "_1111_2222_3333_444444444444.slice/cri-containerd-" + id(container) + ".scope"
	}
	const path = "/var/run/kubevirt/virtiofs-containers/data.sock"
	var daemons []*proc
	for i, pod := range []string{"a", "b"} {
		p := f.qemu(100+10*i, "shop_"+pod, "-chardev", "socket,id=c,path="+path, "-device", "vhost-user-fs-pci,chardev=c,tag=data")
		p.cgroup, p.uid = cgroup(pod, "1"+pod), 107
		daemon, _ := virtiofsd(f, 200+10*i, "--socket-path="+path, "--shared-dir=/mnt/"+pod)
		daemon.cgroup = cgroup(pod, "2"+pod)
		daemons = append(daemons, daemon)
		f.put(p, daemon)
	}
	stranger, _ := virtiofsd(f, 300, "--socket-path="+path, "--shared-dir=/mnt/evil")
	stranger.cgroup = cgroup("c", "3c")
	f.put(stranger)
	s := f.open()
	f.read(s)
	daemons[0].find(200).run, daemons[1].find(210).run = 1, 2
	f.put(daemons...)
	guests := f.read(s)
	for i, pod := range []string{"a", "b"} {
		g := guests["shop/"+pod]
		want(t, "CPU in "+pod, share(t, g, "data").CPU, float64(i+1))
		wantShares(t, g, model.Share{Tag: "data", Source: "/mnt/" + pod, FSType: "virtiofs"})
	}
}

func TestSharesThatComeAndGoAreForgotten(t *testing.T) {
	f := newFake(t)
	p := libvirtQEMU(f, 100, "web")
	f.put(p)
	s := f.open()
	f.read(s)
	for i := range 3 * maxServed {
		daemon, _ := virtiofsd(f, 1000+i, "--fd=9", fmt.Sprintf("--shared-dir=/srv/%d", i))
		daemon.cgroup = p.cgroup
		f.put(daemon.from(f.now))
		g := f.read(s)["web"]
		if len(g.Shares) != 1 {
			t.Fatalf("shares: %+v", g.Shares)
		}
		f.end(daemon)
	}
	if n := len(s.machines[0].served); n > maxServed+1 {
		t.Errorf("%d shares are remembered", n)
	}
}
