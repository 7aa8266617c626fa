package vmm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
	"github.com/virt-exporter/virt_exporter/collector/source"
)

func TestMachinesAppearAndVanish(t *testing.T) {
	f, s, p := one(t)
	f.put(f.qemu(200, "late").from(f.now))
	if guests := f.read(s); len(guests) != 2 {
		t.Fatalf("%d machines, want 2", len(guests))
	}
	f.end(p)
	if g := only(t, f.read(s)); g.Guest != "late" {
		t.Errorf("%v is left", g.Name)
	}
	if len(s.threads) != 4 || len(s.machines) != 1 {
		t.Errorf("%d threads and %d machines are remembered", len(s.threads), len(s.machines))
	}
}

func TestThingsThatRunNoMachineAreNone(t *testing.T) {
	f := newFake(t)
	f.put(
		f.proc(100, "bash", "bash"),
		f.proc(101, "qemu-system-x86", "/usr/bin/qemu-system-x86_64", "-version"),
		f.proc(102, "qemu-system-x86", "/usr/bin/qemu-system-x86_64", "-S", "-machine", "none,accel=kvm:tcg"),
		f.proc(103, "containerd-shim", "/usr/bin/containerd-shim-runc-v2", "-id", id("aa")),
		f.proc(104, "containerd-shim", "/usr/bin/containerd-shim-kata-v2", "-id", id("bb")),
		f.proc(105, "crosvm", "/usr/bin/crosvm", "disk", "resize"),
	)
	k := f.proc(106, "qemu-system-x86")
	k.flags = kthread
	f.put(k)
	s := f.open()
	if guests := f.pass(s, 10*time.Minute); len(guests) != 0 {
		t.Errorf("found %v", guests)
	}
}

func TestDragonballIsAMachineOnceItHasVCPUs(t *testing.T) {
	f := newFake(t)
	p := f.proc(100, "containerd-shim", "/usr/bin/containerd-shim-kata-v2", "-id", id("bb")).from(f.now)
	f.put(p)
	s := f.open()
	if guests := f.read(s); len(guests) != 0 {
		t.Fatalf("found %v", guests)
	}
	v := p.task(101, "db_vcpu0")
	v.run, v.guest = 2, 1
	f.put(p)
	g := only(t, f.pass(s, time.Minute))
	if g.Runtime != "dragonball" || g.Guest != id("bb")[:12] {
		t.Errorf("found %v", g.Name)
	}
}

func TestANumberOfAMachineIsBashsByTheNextReading(t *testing.T) {
	f, s, p := one(t)
	f.end(p)
	bash := f.proc(100, "bash", "bash").from(f.now + time.Second)
	bash.find(100).run = 100
	f.put(bash)
	if guests := f.read(s); len(guests) != 0 {
		t.Errorf("found %v", guests)
	}
}

func TestANumberOfBashIsAMachinesByTheNextReading(t *testing.T) {
	f := newFake(t)
	bash := f.proc(100, "bash", "bash")
	f.put(bash)
	s := f.open()
	f.pass(s, 10*time.Minute)
	f.end(bash)
	p := f.qemu(100, "web").from(f.now + time.Second)
	p.find(101).run, p.find(101).wait = 2, 1
	f.put(p)
	g := only(t, f.read(s))
	want(t, "run", g.CPU.Run, 2)
	want(t, "steal", g.CPU.Steal, 1)
}

func TestANumberOfAMachineIsAnothersByTheNextReading(t *testing.T) {
	f, s, p := one(t)
	p.find(101).wait += 3
	f.put(p)
	f.read(s)
	f.end(p)
	p = f.qemu(100, "web").from(f.now + time.Second)
	p.find(101).run, p.find(101).wait = 2, 1
	f.put(p)
	g := only(t, f.read(s))
	want(t, "run", g.CPU.Run, 2)
	want(t, "steal", g.CPU.Steal, 1)
}

func TestAShellThatBecomesAMachine(t *testing.T) {
	for _, age := range []time.Duration{8 * time.Second, time.Minute, time.Hour} {
		t.Run("at the age of "+age.String(), func(t *testing.T) {
			f := newFake(t)
			shell := f.proc(100, "bash", "bash", "-c", "exec qemu").from(f.now)
			f.put(shell)
			s := f.open()
			f.now += age
			f.readNow(s)
			p := f.qemu(100, "web").from(shell.start)
			f.put(p)
			patience := interval
			switch {
			case age > grown:
				patience = 4*time.Minute + interval // two minutes, and as long to spread it
			case age > young:
				patience = youngStep + interval
			}
			if only(t, f.pass(s, patience)).Guest != "web" {
				t.Errorf("it is not found within %v", patience)
			}
		})
	}
}

func TestAMachineThatWasAScriptFirst(t *testing.T) {
	f := newFake(t)
	s := f.open()
	f.read(s)
	p := f.proc(100, "kvm", "/bin/sh", "/usr/bin/kvm", "-name", "web").from(f.now + interval)
	f.put(p)
	f.read(s)
	qemu := f.qemu(100, "web").from(p.start)
	qemu.argv = []string{"qemu-system-x86_64", "-enable-kvm", "-name", "web"}
	f.put(qemu)
	f.read(s)
	if g := only(t, f.read(s)); g.Guest != "web" || g.Info.Accelerator != "kvm" {
		t.Errorf("found %v with %+v", g.Name, g.Info)
	}
}

func TestAHypervisorThatGoesIntoTheBackground(t *testing.T) {
	f := newFake(t)
	s := f.open()
	f.read(s)
	parent := f.qemu(100, "web", "-daemonize").from(f.now + interval - 2*time.Second)
	child := f.qemu(200, "web", "-daemonize").from(f.now + interval - time.Second)
	child.ppid = 100
	f.put(parent, child)
	if len(f.read(s)) != 1 {
		t.Error("parent and child are two machines")
	}
	f.end(parent)
	child.ppid = 1
	child.find(201).run, child.find(201).wait = 9, 1
	f.put(child)
	only(t, f.read(s))
	child.find(201).wait = 4
	f.put(child)
	g := only(t, f.read(s))
	steal, _ := g.CPU.Steal.Get()
	if g.Guest != "web" || steal < 3 {
		t.Errorf("%v has a steal of %v", g.Name, steal)
	}
}

// TestAMachineThatVanishesWhileItIsRead removes a machine when the one before
// it is read, after the list of processes was made.
func TestAMachineThatVanishesWhileItIsRead(t *testing.T) {
	for _, keep := range []int{0, 100} {
		f := newFake(t)
		a, b := f.qemu(100, "a"), f.qemu(200, "b").from(2*time.Minute)
		f.put(a, b)
		calls, at := 0, 0
		s := f.open(func(o *Options) {
			o.OpenFiles = keep
			o.Now = func() time.Duration {
				if calls++; calls == at {
					f.end(b)
				}
				return f.now
			}
		})
		f.read(s)
		f.read(s)
		calls, at = 0, 2 // the first is that of the whole reading
		guests := f.read(s)
		if _, ok := guests["a"]; !ok {
			t.Errorf("the one that is left is not there: %v", guests)
		}
		f.read(s)
		if g := only(t, f.read(s)); g.Guest != "a" {
			t.Errorf("%v is left", g.Name)
		}
	}
}

func TestAMachineThatNobodyHasReapedIsGone(t *testing.T) {
	f, s, p := one(t)
	p.state, p.memory, p.argv = "Z", "", nil
	for _, tid := range []int{101, 102, 103} {
		p.exit(tid)
	}
	f.put(p)
	if guests := f.read(s); len(guests) != 0 {
		t.Errorf("found %v", guests)
	}
	f.put(f.qemu(200, "web").from(f.now))
	if g := only(t, f.read(s)); g.Guest != "web" {
		t.Errorf("its successor is called %v", g.Name)
	}
	f.end(p)
	if g := only(t, f.read(s)); g.Guest != "web" {
		t.Errorf("its successor is called %v afterwards", g.Name)
	}
}

func TestMachinesBeyondTheLimitAreCountedOnceAndGetInLater(t *testing.T) {
	f := newFake(t)
	first := f.qemu(100, "vm1").from(f.now)
	f.put(first)
	for i := 2; i <= 3; i++ {
		f.put(f.qemu(100*i, fmt.Sprint("vm", i)).from(f.now + time.Duration(i)*time.Second))
	}
	f.now += interval
	s := f.open(func(o *Options) { o.MaxGuests = 2 })
	guests := f.pass(s, 10*time.Minute)
	if _, oldest := guests["vm1"]; len(guests) != 2 || !oldest {
		t.Errorf("found %v", guests)
	}
	if s.dropped["limit"] != 1 {
		t.Errorf("%d dropped, want 1", s.dropped["limit"])
	}
	f.end(first)
	if guests := f.pass(s, 2*interval); len(guests) != 2 {
		t.Errorf("%d machines after one went", len(guests))
	}
}

// ends is a context that ends when it has been asked often enough.
type ends struct {
	context.Context
	after, asked int
}

var errLate = errors.New("the scrape is over")

func (e *ends) Err() error {
	if e.asked++; e.asked > e.after {
		return context.DeadlineExceeded
	}
	return nil
}

func TestADeadlineIsFair(t *testing.T) {
	f := newFake(t)
	for i := range 10 {
		f.put(f.qemu(100*(i+1), fmt.Sprint("vm", i)))
	}
	s := f.open()
	f.read(s)
	f.now += interval
	f.readNow(s) // nothing is to be examined from here on
	reached := make(map[string]int)
	for range 5 {
		f.now += time.Second
		r, err := s.Read(&ends{Context: context.Background(), after: 4})
		if err == nil || !strings.Contains(err.Error(), "not reached") {
			t.Errorf("a reading that was cut off: %v", err)
		}
		for name := range byName(r) {
			reached[name]++
		}
	}
	if len(reached) != 10 {
		t.Errorf("reached %v in 5 readings of 4, want all 10", reached)
	}
	if len(f.read(s)) != 10 {
		t.Error("a reading without a deadline does not have all")
	}
}

func TestADeadlineCostsNoIdentityAndNoCounter(t *testing.T) {
	f, s, p := one(t)
	p.find(101).wait += 2
	late := f.qemu(200, "late").from(f.now + time.Second)
	late.find(201).wait = 5
	f.put(p, late)
	f.now += interval
	ended, cancel := context.WithCancelCause(context.Background())
	cancel(errLate)
	r, err := s.Read(ended)
	if !errors.Is(err, errLate) || len(r.Guests) != 0 {
		t.Errorf("reading after the deadline: %v, %v", r.Guests, err)
	}
	guests := f.read(s)
	want(t, "steal", guests["web"].CPU.Steal, 2)
	want(t, "steal of one born meanwhile", guests["late"].CPU.Steal, 5)
}

func TestADeadlineWhileLookingForMachinesLosesNone(t *testing.T) {
	f := newFake(t)
	for i := range 20 {
		f.put(f.qemu(100*(i+1), fmt.Sprint("vm", i)))
	}
	s := f.open()
	f.now += interval
	if _, err := s.Read(&ends{Context: context.Background(), after: 7}); err == nil {
		t.Error("a reading that was cut off has no error")
	}
	if guests := f.read(s); len(guests) != 20 {
		t.Errorf("%d machines, want 20", len(guests))
	}
}

func TestAHostWithoutProcIsUnavailable(t *testing.T) {
	_, err := New(Options{ProcFS: t.TempDir(), RootFS: "/"})
	var unavailable *source.Unavailable
	if !errors.As(err, &unavailable) || unavailable.Reason != model.NotMounted || unavailable.Remedy == "" {
		t.Errorf("got %v", err)
	}
}

func TestWhatIsKnownIsBoundedByWhatIsThere(t *testing.T) {
	f, s, _ := one(t)
	for i := range 30 {
		p := f.qemu(1000+10*i, fmt.Sprint("vm", i), sharing(fmt.Sprintf("/run/%d.sock", i))...).from(f.now)
		v := vhost(f, 5000+i, p.pid).from(f.now)
		orphan := vhost(f, 6000+i, 9).from(f.now)
		f.put(p, v, orphan)
		f.read(s)
		f.end(p)
		f.end(v)
		f.end(orphan)
	}
	f.read(s)
	got := []int{len(s.processes), len(s.threads), len(s.machines), len(s.names), len(s.orphans), len(s.sockets)}
	if want := []int{3, 4, 1, 1, 0, 0}; !slices.Equal(got, want) {
		t.Errorf("processes, threads, machines, names, orphans, sockets: got %v, want %v", got, want)
	}
	if open := s.files.Open(); open > 6 {
		t.Errorf("%d files are open", open)
	}
}
