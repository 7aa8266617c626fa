package vmm

import (
	"testing"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// one returns a host with one machine that has run for long, read once.
func one(t *testing.T) (f *fake, s *Source, p *proc) {
	t.Helper()
	f = newFake(t)
	p = f.qemu(100, "web")
	p.find(100).run, p.find(100).wait = 50, 5
	p.find(101).run, p.find(101).wait, p.find(101).guest = 500, 20, 450
	p.find(102).run, p.find(102).wait, p.find(102).guest = 300, 10, 290
	p.find(103).run = 30
	f.put(p)
	s = f.open()
	g := f.read(s)["web"]
	want(t, "run at the exporter's start", g.CPU.Run, 0)
	want(t, "steal at the exporter's start", g.CPU.Steal, 0)
	want(t, "usage at the exporter's start", g.CPU.Usage, 0)
	want(t, "vCPUs outside guest mode at the exporter's start", g.VMM[model.VCPUHost].CPU, 0)
	want(t, "emulator at the exporter's start", g.VMM[model.Emulator].CPU, 0)
	want(t, "guest time", g.CPU.Guest, 740)
	return f, s, p
}

func TestAMachineThatWasThereAtStartBeginsAtZeroAndGrows(t *testing.T) {
	f, s, p := one(t)
	p.find(101).run, p.find(101).wait, p.find(101).guest = 503, 22, 452
	p.find(103).run, p.find(103).wait = 31, 4
	f.put(p)
	g := f.read(s)["web"]
	want(t, "run", g.CPU.Run, 3)
	want(t, "steal", g.CPU.Steal, 2)
	want(t, "usage", g.CPU.Usage, 4)
	want(t, "guest", g.CPU.Guest, 742)
	want(t, "vCPUs outside guest mode", g.VMM[model.VCPUHost].CPU, 1)
	wantAbsent(t, "whole vCPUs", g.VMM[model.VCPU].CPU)
	wantAbsent(t, "steal of the vCPUs as of a component", g.VMM[model.VCPUHost].Steal)
	want(t, "I/O thread", g.VMM[model.IOThread].CPU, 1)
	want(t, "steal of the I/O thread", g.VMM[model.IOThread].Steal, 4)
	want(t, "start", g.StartTime, 1_700_000_060)
}

func TestAMachineBornLaterCountsInFull(t *testing.T) {
	f, s, _ := one(t)
	late := f.qemu(200, "late").from(f.now + time.Second)
	late.find(200).run = 1
	late.find(201).run, late.find(201).wait, late.find(201).guest = 4, 2, 3
	late.majflt = 7
	f.put(late)
	g := f.read(s)["late"]
	want(t, "run", g.CPU.Run, 4)
	want(t, "steal", g.CPU.Steal, 2)
	want(t, "usage", g.CPU.Usage, 5)
	want(t, "guest", g.CPU.Guest, 3)
	want(t, "emulator", g.VMM[model.Emulator].CPU, 1)
	want(t, "vCPUs outside guest mode", g.VMM[model.VCPUHost].CPU, 1)
	want(t, "major faults", g.Memory.MajorFaults, 7)
	wantAbsent(t, "workers", g.VMM[model.Worker].CPU)
}

func TestAHelperBornLaterCountsInFull(t *testing.T) {
	f, s, _ := one(t)
	child := f.proc(300, "qemu-bridge-hel", "/usr/lib/qemu/qemu-bridge-helper").from(f.now + time.Second)
	child.ppid = 100
	child.find(300).run, child.find(300).wait = 2, 1
	f.put(child)
	g := f.read(s)["web"]
	want(t, "other", g.VMM[model.Other].CPU, 2)
	want(t, "steal of others", g.VMM[model.Other].Steal, 1)
	want(t, "usage", g.CPU.Usage, 2)
}

func TestAnUnknownHypervisorIsFoundByItsGuestTimeAndBeginsAtItsBase(t *testing.T) {
	f := newFake(t)
	p := f.proc(100, "Bochs VMM", "/opt/vmm", "--go")
	v := p.task(101, "worker-7")
	v.run = 100
	f.put(p)
	s := f.open()
	if guests := f.pass(s, 3*time.Minute); len(guests) != 0 {
		t.Fatalf("machines before there was guest time: %v", guests)
	}
	v.run, v.wait, v.guest = 300, 30, 150
	f.put(p)
	var g model.Guest
	for range 20 { // at the next look
		if guests := f.read(s); len(guests) > 0 {
			g = only(t, guests)
			break
		}
	}
	if g.Runtime != "bochs vmm" || g.Info.Accelerator != "kvm" {
		t.Fatalf("found %v, %+v", g.Name, g.Info)
	}
	want(t, "run when found", g.CPU.Run, 0)
	want(t, "usage when found", g.CPU.Usage, 0)
	want(t, "vCPUs outside guest mode when found", g.VMM[model.VCPUHost].CPU, 0)

	v.run, v.wait, v.guest = 310, 33, 158
	f.put(p)
	g = only(t, f.read(s))
	want(t, "run", g.CPU.Run, 10)
	want(t, "steal", g.CPU.Steal, 3)
	want(t, "usage", g.CPU.Usage, 10)
	want(t, "vCPUs outside guest mode", g.VMM[model.VCPUHost].CPU, 2)
}

func TestARestartOfTheExporterStartsAtZero(t *testing.T) {
	f, _, _ := one(t)
	g := f.read(f.open())["web"]
	want(t, "run", g.CPU.Run, 0)
	want(t, "usage", g.CPU.Usage, 0)
}

func TestUsageIsGuestTimeAndAllComponents(t *testing.T) {
	f, s, p := one(t)
	before := f.read(s)["web"]
	for i := range 40 {
		p.find(100).run += 0.0137
		p.find(101).run, p.find(101).guest = p.find(101).run+3.217, p.find(101).guest+3.1
		p.find(102).run, p.find(102).guest = p.find(102).run+0.713, p.find(102).guest+0.6
		p.find(103).run += 0.3019
		if i%3 == 0 { // a worker that no reading sees
			p.ran += 0.207
		}
		f.put(p)
		after := f.read(s)["web"]
		grown := func(o func(model.Guest) model.Opt) float64 {
			was, _ := o(before).Get()
			is, _ := o(after).Get()
			return is - was
		}
		usage := grown(func(g model.Guest) model.Opt { return g.CPU.Usage })
		guest := grown(func(g model.Guest) model.Opt { return g.CPU.Guest })
		parts := sum(after) - sum(before)
		if diff := usage - guest - parts; diff > 0.02 || diff < -0.02 {
			t.Errorf("reading %d: usage grew by %v, guest time by %v and the components by %v", i, usage, guest, parts)
		}
	}
}
