package bpf

import (
	"errors"
	"time"

	"github.com/cilium/ebpf"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// kvm counts the exits of virtual CPUs that their hypervisor process had to handle,
// the dear ones, by reason. Those that the kernel handles do not come here: exits
// counts them all. See c/kvm.bpf.c.
type kvm struct {
	attached
	exits *words
	rows  int

	guests map[*guest]*exitCounts
}

// exitCounts are numbers of exits by kvmReasons.
type exitCounts [exitReasons]uint64

// exitReasons is the number of reasons that are told apart: see c/kvm.bpf.c.
const exitReasons = 64

func openKVM(e *env) (program, error) {
	k := &kvm{guests: make(map[*guest]*exitCounts)}
	return k, k.open(e)
}

func (k *kvm) reload(e *env, read func() error) (bool, error) {
	next := &kvm{}
	return renew(k, next, e, read, func() { next.guests = k.guests })
}

func (k *kvm) open(e *env) (err error) {
	cpu := e.places.hierarchies.cpu
	if _, err := e.finder().find("kvm", "kvm_userspace_exit"); err != nil {
		return err
	}
	k.rows = e.opts.Slots
	k.objects, err = e.object(loadKvm, cpu, func(spec *ebpf.CollectionSpec) error {
		spec.Maps["exits"].MaxEntries = uint32(k.rows)
		return spec.Variables["unified"].Set(b2u(cpu.v2))
	})
	if err != nil {
		return err
	}
	if k.exits, err = mapWords(k.objects.Maps["exits"]); err == nil {
		err = k.attach()
	}
	if err != nil {
		_ = k.close() // the first error says why
	}
	return err
}

// read takes what was counted. Who leaves guest mode is a virtual CPU, also where its
// thread is not yet known as one and counts as a helper.
func (k *kvm) read(now time.Duration, p *places) error {
	eachVictim(p, k.rows, func(slot, _ int, who part) {
		row := k.exits.row(slot, exitReasons)
		for reason := range row {
			if n := take(row, reason); n > 0 {
				k.add(who.guest, reason, n)
			}
		}
	})
	for g := range k.guests {
		if g.gone && now-g.goneAt > kept {
			delete(k.guests, g)
		}
	}
	return nil
}

func (k *kvm) add(g *guest, reason int, n uint64) {
	own := k.guests[g]
	if own == nil {
		own = &exitCounts{}
		k.guests[g] = own
	}
	own[reason] += n
}

// report lists the reasons for which a virtual machine's CPUs have left guest mode.
func (k *kvm) report(g *guest, to *model.MeasuredGuest) {
	own := k.guests[g]
	if g.about.Kind != model.VM || own == nil {
		return
	}
	var other uint64
	for reason, n := range own {
		switch name := exitReason(reason); {
		case n == 0:
		case name == otherExits:
			other += n
		default:
			to.VMMExits = append(to.VMMExits, model.Exits{Reason: name, Count: model.Some(float64(n))})
		}
	}
	if other > 0 {
		to.VMMExits = append(to.VMMExits, model.Exits{Reason: otherExits, Count: model.Some(float64(other))})
	}
}

func (k *kvm) status(time.Duration, *model.Program) {}

func (k *kvm) close() error {
	var unmapped error
	if k.exits != nil {
		unmapped = k.exits.unmap()
		k.exits = nil
	}
	return errors.Join(k.detach(), unmapped)
}
