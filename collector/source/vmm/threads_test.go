package vmm

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

func TestWorkersThatNoReadingSawAreFoundInTheTotal(t *testing.T) {
	f, s, p := one(t)
	p.ran += 3 // came and went
	w := p.task(104, "worker")
	w.start, w.run, w.wait = f.now+time.Second, 2, 1
	f.put(p)
	g := f.read(s)["web"]
	want(t, "workers", g.VMM[model.Worker].CPU, 5)
	want(t, "steal of workers", g.VMM[model.Worker].Steal, 1)
	want(t, "usage", g.CPU.Usage, 5)

	w.run = 6 // of which it showed 2 before it exited
	p.exit(104)
	f.put(p)
	g = f.read(s)["web"]
	want(t, "workers when it has exited", g.VMM[model.Worker].CPU, 9)
	want(t, "usage when it has exited", g.CPU.Usage, 9)
	want(t, "the same again", f.read(s)["web"].VMM[model.Worker].CPU, 9)
}

func TestWhatThreadsShowIsNeverBookedTwice(t *testing.T) {
	f, s, p := one(t)
	random := rand.New(rand.NewPCG(1, 2))
	next, used, ran := 1000, []int{}, 0.0
	was := make(map[model.Component]float64)
	for i := range 80 {
		for range random.IntN(4) {
			w := p.task(next, "worker")
			w.start = f.now + time.Second
			used = append(used, next)
			next++
		}
		for _, w := range p.tasks {
			d := random.Float64()
			w.run += d
			ran += d
		}
		for len(used) > 0 && random.IntN(3) > 0 {
			at := random.IntN(len(used))
			p.exit(used[at])
			used = append(used[:at], used[at+1:]...)
		}
		f.put(p)
		g := f.read(s)["web"]
		usage, _ := g.CPU.Usage.Get()
		run, _ := g.CPU.Run.Get()
		parts := run
		for c := range model.NumComponents {
			v, ok := g.VMM[c].CPU.Get()
			if v < was[c] {
				t.Fatalf("reading %d: %v fell from %v to %v", i, c, was[c], v)
			}
			was[c] = v
			if ok && c != model.VCPUHost {
				parts += v
			}
		}
		if diff := usage - ran; diff > 0.011 || diff < -0.011 {
			t.Fatalf("reading %d: usage is %v, its threads ran %v", i, usage, ran)
		}
		if diff := parts - ran; diff > 0.02 || diff < -0.02 {
			t.Fatalf("reading %d: the components have %v, its threads ran %v", i, parts, ran)
		}
	}
}

func TestTimesOfTheKernelsTicksThatLagAreNoWorkers(t *testing.T) {
	f, s, p := one(t)
	p.find(101).run += 0.0042 // less than a tick
	f.put(p)
	g := f.read(s)["web"]
	want(t, "run", g.CPU.Run, 0.0042)
	wantAbsent(t, "workers", g.VMM[model.Worker].CPU)
}

func TestAThreadNumberUsedAgainBetweenTwoReadingsIsNoFall(t *testing.T) {
	for _, keep := range []int{0, 100} {
		t.Run(fmt.Sprintf("files kept %d", keep), func(t *testing.T) {
			f := newFake(t)
			p := f.qemu(100, "web")
			w := p.task(104, "worker")
			w.run, w.wait = 9, 9
			f.put(p)
			s := f.open(func(o *Options) { o.OpenFiles = keep })
			f.read(s)
			p.exit(104)
			f.put(p)
			v := p.task(104, "CPU 2/KVM")
			v.start, v.run, v.wait = f.now+time.Second, 2, 3
			if keep > 0 { // the fake's old file would still be read, where the kernel says that it is gone
				s.files.Close(&s.threads[104].file)
			}
			f.put(p)
			g := f.read(s)["web"]
			want(t, "run", g.CPU.Run, 2)
			want(t, "steal", g.CPU.Steal, 3)
			want(t, "usage", g.CPU.Usage, 2)
		})
	}
}

func TestAThreadNumberThatMovedToAnotherMachine(t *testing.T) {
	f := newFake(t)
	a, b := f.qemu(100, "a"), f.qemu(200, "b")
	w := a.task(104, "worker")
	w.run = 5
	f.put(a, b)
	s := f.open(func(o *Options) { o.OpenFiles = 0 })
	f.read(s)
	a.exit(104)
	f.put(a)
	v := b.task(104, "CPU 2/KVM")
	v.start, v.run, v.wait = f.now+time.Second, 6, 7
	f.put(b)
	guests := f.read(s)
	want(t, "steal of the one", guests["a"].CPU.Steal, 0)
	want(t, "usage of the one", guests["a"].CPU.Usage, 0)
	want(t, "steal of the other", guests["b"].CPU.Steal, 7)
	want(t, "run of the other", guests["b"].CPU.Run, 6)
	want(t, "usage of the other", guests["b"].CPU.Usage, 6)
}

func TestDelaysOnBlockIOWhereTheyAreAccounted(t *testing.T) {
	f, s, p := one(t)
	wantAbsent(t, "without accounting", f.read(s)["web"].IODelay)

	f.write("proc/sys/kernel/task_delayacct", "1\n")
	p.find(101).held, p.find(103).held = 50, 70
	f.put(p)
	s = f.open()
	want(t, "at the exporter's start", f.read(s)["web"].IODelay, 0)
	p.find(101).held, p.find(103).held = 51, 73
	w := p.task(104, "worker")
	w.start, w.held = f.now+time.Second, 2
	f.put(p)
	want(t, "later", f.read(s)["web"].IODelay, 6)
	p.exit(104)
	f.put(p)
	want(t, "after an exit", f.read(s)["web"].IODelay, 6)
}

func TestMemoryOfTheHypervisor(t *testing.T) {
	f := newFake(t)
	p := f.qemu(100, "web")
	p.majflt = 12
	f.put(p)
	s := f.open()
	m := f.read(s)["web"].Memory
	want(t, "usage with huge pages", m.Usage, 3<<20)
	want(t, "anonymous", m.Anon, 512<<10)
	want(t, "swap", m.Swap, 64<<10)
	want(t, "configured", m.BalloonMaximum, 1<<30)
	want(t, "major faults", m.MajorFaults, 12)

	p.memory = "VmRSS:\t    1024 kB\n"
	f.put(p)
	m = f.read(s)["web"].Memory
	want(t, "usage without huge pages", m.Usage, 1<<20)
	wantAbsent(t, "swap", m.Swap)
	wantAbsent(t, "anonymous", m.Anon)

	p.memory = ""
	f.put(p)
	wantAbsent(t, "usage of one without memory", f.read(s)["web"].Memory.Usage)
}
