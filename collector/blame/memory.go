package blame

import (
	"os"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// memoryRing splits what guests wait for memory by who took it: who has grown, and
// who reads again and again what does not fit. A guest that only holds much is no
// culprit.
type memoryRing struct {
	most      int
	exposures *uint64 // see account

	page float64 // bytes of one
	gen  uint64

	clock  memClock
	node   grown               // the machine's own pressure
	memory model.Opt           // … and bytes
	before map[model.Kind]bool // the kinds of guest in the update before

	guests map[model.Name]*memGuest
	units  map[string]*memUnit

	// Of one update.
	takers  []*memTaker // guests, then units; nil for those that are not there
	waiting []*memGuest // the guests
	places  places
	growth  memGrowth
}

// memGuest is what is remembered of a guest.
type memGuest struct {
	memTaker
	stall
	name     string  // Name.String
	increase float64 // of its pressure, by this update

	limit, high, oom grown // events of its own limits
	limited          bool  // one of them has held it since the update before

	pool float64 // bytes that it may use: the machine's or its limit; 0 where neither is known
}

// memUnit is what is remembered of a unit.
type memUnit struct {
	memTaker
	full bool // it is at a limit of its own
}

func newMemoryRing(most int) memoryRing {
	return memoryRing{
		most:   most,
		page:   float64(os.Getpagesize()),
		before: make(map[model.Kind]bool),
		guests: make(map[model.Name]*memGuest),
		units:  make(map[string]*memUnit),
	}
}

// update takes a reading and sets what each guest's Blame says of memory.
func (r *memoryRing) update(now time.Duration, guests []*model.Guest, node *model.Node, units []model.Unit) {
	r.gen++
	r.clock.tick(now)
	r.takers, r.waiting = r.takers[:0], r.waiting[:0]
	r.memory = model.Opt{}
	if node != nil {
		r.memory = node.Memory
	}
	waits := r.readGuests(now, guests)
	r.readUnits(now, units)
	pressed := r.readNode(node)
	if waits {
		r.places.build(guests, units, func(i int) bool { return r.waiting[i] != nil })
		r.grow(units)
	}
	for i, g := range guests {
		w := r.waiting[i]
		if w == nil {
			g.Blame.MemoryStall = nil
			continue
		}
		if w.increase > 0 {
			r.split(int32(i), now, pressed, units)
		}
		g.Blame.MemoryStall = w.out
	}
	clear(r.before)
	for i, g := range guests {
		if r.waiting[i] != nil {
			r.before[g.Kind] = true
		}
	}
	forget(r.guests, now, len(guests))
	forget(r.units, now, len(units))
}

// readGuests reports whether any has waited. Guests of other hosts and those that
// have ended do not.
func (r *memoryRing) readGuests(now time.Duration, guests []*model.Guest) (waits bool) {
	for _, g := range guests {
		w := r.guests[g.Name]
		isNew := w == nil
		if isNew && g.VMHost == "" && !g.Ended {
			w = &memGuest{name: g.String(), stall: stall{account: account{most: r.most, exposures: r.exposures}}}
			r.guests[g.Name] = w
		}
		if w == nil || g.VMHost != "" || g.Ended || !w.meet(r.gen, now) {
			r.takers, r.waiting = append(r.takers, nil), append(r.waiting, nil)
			continue
		}
		r.takers, r.waiting = append(r.takers, &w.memTaker), append(r.waiting, w)
		// What a new guest holds it has taken since the update before, unless none
		// of its kind was seen then: a source may have been late.
		w.memTaker.read(&r.clock, demand(g), g.Memory.Usage, r.page*(g.Memory.RefaultsAnon.Or(0)+g.Memory.RefaultsFile.Or(0)), isNew && r.before[g.Kind])
		w.held(g)
		w.pool = g.Memory.Limit.Min(r.memory).Or(0)
		w.increase = w.stall.read(now, g.Pressure.MemoryWaiting, w.steady, w.atStart)
		waits = waits || w.increase > 0
	}
	return waits
}

func (r *memoryRing) readUnits(now time.Duration, units []model.Unit) {
	for i := range units {
		path := units[i].Path
		u := r.units[path]
		if u == nil && path != "/" { // that is the whole machine
			u = &memUnit{}
			r.units[path] = u
		}
		if u == nil || !u.meet(r.gen, now) {
			r.takers = append(r.takers, nil)
			continue
		}
		usage, ok := units[i].Memory.Get()
		limit, limited := units[i].MemoryLimit.Get()
		u.full = ok && limited && usage >= fullLimit*limit
		r.takers = append(r.takers, &u.memTaker)
		u.read(&r.clock, units[i].Memory, units[i].Memory, 0, false)
	}
}

// readNode reports whether anything on the machine has waited for memory since the
// last update, which is taken for granted where it is not known.
func (r *memoryRing) readNode(node *model.Node) bool {
	if node == nil {
		return true
	}
	if _, ok := node.Pressure.MemoryWaiting.Get(); !ok || !r.node.known {
		r.node.by(node.Pressure.MemoryWaiting)
		return true
	}
	return r.node.by(node.Pressure.MemoryWaiting) > 0
}

// demand is what a guest needs of this machine's memory, what was swapped out
// included: who is squeezed gives nothing back by it, and takes nothing when it
// comes back. A machine's memory need not be anonymous, a container's page cache is
// given back for the asking.
func demand(g *model.Guest) model.Opt {
	m := &g.Memory
	held, other := m.Anon, m.Usage
	if g.Kind == model.VM {
		held, other = other, held
	}
	if _, ok := held.Get(); !ok {
		held = other
	}
	if _, ok := held.Get(); !ok {
		return model.Opt{}
	}
	return held.Plus(m.Swap)
}

// fullLimit is the part of a limit from which on a guest is at it.
const fullLimit = 0.95

// held notes whether the guest's own limits hold it back. A kill counts too: the
// reclaim before it is what was waited for.
func (w *memGuest) held(g *model.Guest) {
	e := &g.Memory.Events
	rose := w.limit.by(e.Max) + w.high.by(e.High) + w.oom.by(e.OOM)
	usage, ok1 := g.Memory.Usage.Get()
	limit, ok2 := g.Memory.Limit.Get()
	_, counted := e.Max.Get() // page cache fills a limit that hurts nobody
	w.limited = w.steady && rose > 0 || !counted && ok1 && ok2 && limit > 0 && usage >= fullLimit*limit
}
