package bpf

import (
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
	"github.com/virt-exporter/virt_exporter/collector/source"
)

// owner is who ran, or whose the slots are: a guest, a unit of the host, or what is
// nobody's. It outlives its slots as long as anybody's waits are put on it.
type owner struct {
	cause   model.Cause // of a wait for it
	culprit string      // Name.String of a guest, the name of a unit
	guest   *guest      // nil unless it is one
}

// unit is a service or slice of the host.
type unit struct {
	owner
	slot uint16
}

// guest is one whose figures are counted.
type guest struct {
	owner
	about    source.Guest
	slot     uint16 // of a virtual machine: of its vCPUs
	helpers  uint16 // of the other threads of a virtual machine
	around   *guest
	inner    []*guest
	placed   bool // the kernel can tell its threads from others
	inIO     bool // … and its disk requests
	inMemory bool // … and its reclaim
	seenAt   time.Duration
	gone     bool
	goneAt   time.Duration
	measured model.MeasuredGuest // what the last reading gave
}

// part is what has a slot of its own: a guest, or the threads of a virtual machine that
// are no vCPUs.
type part struct {
	*guest
	helpers bool
}

// partOf returns whose slot it is.
func (g *guest) partOf(slot uint16) part { return part{g, slot == g.helpers} }

// eachPart calls f for all of which a guest's figures are: its own part, and those of
// the guests inside it. What a virtual machine's helpers do is not its vCPUs', but it
// is a container's around it.
func (g *guest) eachPart(f func(part)) { g.parts(f, 0) }

func (g *guest) parts(f func(part), depth int) {
	f(part{g, false})
	if depth > 0 && g.helpers != 0 {
		f(part{g, true})
	}
	for _, inner := range g.inner {
		if depth < deepest {
			inner.parts(f, depth+1)
		}
	}
}

// eachGuest calls f for the guests whose figures have what the part did: its own, and
// those around it, whose counters must not fall when it ends. What a virtual machine's
// helpers did is not its vCPUs'; all asks for it too.
func (p part) eachGuest(all bool, f func(*guest)) {
	g := p.guest
	if p.helpers && !all {
		g = g.around
	}
	for depth := 0; g != nil && depth < deepest; depth++ {
		f(g)
		g = g.around
	}
}

// within reports whether g is around or runs inside it.
func (g *guest) within(around *guest) bool {
	for depth := 0; g != nil && depth < deepest; depth++ {
		if g == around {
			return true
		}
		g = g.around
	}
	return false
}

// deepest bounds a way up. Nothing real is nested so deep, and parents that name each
// other end there.
const deepest = 8

// causeOf says why victim waited while o ran: its own threads, the guests inside it
// and those around it are its own affair.
func (o *owner) causeOf(victim *guest) (model.Cause, string) {
	if o.guest != nil && (o.guest.within(victim) || victim.within(o.guest)) {
		return model.CauseSelf, ""
	}
	return o.cause, o.culprit
}

// Slots that stand for nobody's cgroup: see c/slots.h.
const (
	slotIdle = iota
	slotOther
	slotKernel
	slotHypervisor
	slotThrottle
	slotUnknown
	slotsReserved
)

// reserved returns the owners of those slots.
func reserved() [slotsReserved]*owner {
	return [slotsReserved]*owner{
		slotIdle:       {cause: model.CauseWakeup},
		slotOther:      {cause: model.CauseSystem, culprit: rootUnit},
		slotKernel:     {cause: model.CauseKernel},
		slotHypervisor: {cause: model.CauseHypervisor},
		slotThrottle:   {cause: model.CauseThrottle},
		slotUnknown:    {cause: model.CauseUnexplained},
	}
}

// rootUnit is the unit whose cgroup is the root.
const rootUnit = "-.slice"
