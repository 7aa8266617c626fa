package blame

import (
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// ioRing splits what guests wait for I/O by who used the same disks. It holds no
// more than a few sums for each guest, unit and disk.
type ioRing struct {
	most      int
	exposures *uint64 // see account

	gen uint64
	at  time.Duration // of the last reading in which anything had moved

	turn   int           // where is written now
	turnAt time.Duration // when that began
	turned bool          // it began with this update

	guests map[model.Name]*ioGuest
	units  map[string]*ioUnit
	disks  map[string]*ioDisk

	// Of one update.
	users   []*ioUser  // guests, then units; nil for those that are not there
	waiting []*ioGuest // the guests
	places  places
	tables  map[string]*ioTable
	first   map[string]int32 // the first unit of a name
}

// ioGuest is what is remembered of a guest.
type ioGuest struct {
	ioUser
	stall
	name     string  // Name.String
	increase float64 // of its pressure, by this update
}

// ioUnit is what is remembered of a unit.
type ioUnit struct{ ioUser }

func newIORing(most int) ioRing {
	return ioRing{
		most:   most,
		guests: make(map[model.Name]*ioGuest),
		units:  make(map[string]*ioUnit),
		disks:  make(map[string]*ioDisk),
		tables: make(map[string]*ioTable),
		first:  make(map[string]int32),
	}
}

// update takes a reading and sets what each guest's Blame says of I/O.
func (r *ioRing) update(now time.Duration, guests []*model.Guest, node *model.Node, units []model.Unit) {
	r.begin(now)
	waits, moved := r.readGuests(now, guests)
	moved = r.readUnits(now, units) || moved
	moved = r.readDisks(now, node) || moved
	if waits {
		r.places.build(guests, units, func(i int) bool { return r.waiting[i] != nil })
		r.share(now, node, units)
	}
	for i, g := range guests {
		w := r.waiting[i]
		if w == nil {
			g.Blame.IOStall = nil
			continue
		}
		if w.increase > 0 {
			r.split(int32(i), now, units)
		}
		g.Blame.IOStall = w.out
	}
	if moved || r.gen == 1 {
		r.at = now
	}
	forget(r.guests, now, len(guests))
	forget(r.units, now, len(units))
	if node != nil {
		forget(r.disks, now, len(node.Disks))
	}
}

// begin starts an update. A turn ends when it has lasted long enough and something
// has moved since: the same reading again ends none.
func (r *ioRing) begin(now time.Duration) {
	r.gen++
	if r.gen == 1 {
		r.at, r.turnAt = now, now
	}
	if r.turned = r.at-r.turnAt >= turnTime; r.turned {
		r.turn, r.turnAt = (r.turn+1)%turns, r.at
	}
	r.users, r.waiting = r.users[:0], r.waiting[:0]
	clear(r.first)
}

// readGuests reports whether any has waited and whether any has done anything. Guests
// of other hosts and those that have ended do neither.
func (r *ioRing) readGuests(now time.Duration, guests []*model.Guest) (waits, moved bool) {
	for _, g := range guests {
		w := r.guests[g.Name]
		if w == nil && g.VMHost == "" && !g.Ended {
			w = &ioGuest{name: g.String(), stall: stall{account: account{most: r.most, exposures: r.exposures}}}
			r.guests[g.Name] = w
		}
		if w == nil || g.VMHost != "" || g.Ended || !w.meet(r.gen, now) {
			r.users, r.waiting = append(r.users, nil), append(r.waiting, nil)
			continue
		}
		r.users, r.waiting = append(r.users, &w.ioUser), append(r.waiting, w)
		moved = w.ioUser.read(r, now, g.IO) || moved
		w.increase = w.stall.read(now, g.Pressure.IOWaiting, w.steady, w.atStart)
		waits = waits || w.increase > 0
	}
	return waits, moved || waits
}

func (r *ioRing) readUnits(now time.Duration, units []model.Unit) (moved bool) {
	for i := range units {
		path := units[i].Path
		u := r.units[path]
		if u == nil && path != "/" { // the root's figures are the disks' own
			u = &ioUnit{}
			r.units[path] = u
		}
		if u == nil || !u.meet(r.gen, now) {
			r.users = append(r.users, nil)
			continue
		}
		r.users = append(r.users, &u.ioUser)
		moved = u.read(r, now, units[i].IO) || moved
	}
	return moved
}

func (r *ioRing) readDisks(now time.Duration, node *model.Node) (moved bool) {
	if node == nil {
		return false
	}
	for i := range node.Disks {
		n := &node.Disks[i]
		d := r.disks[n.Device]
		if d == nil {
			d = &ioDisk{}
			r.disks[n.Device] = d
		}
		if d.meet(r.gen, now) {
			moved = d.read(r, n) || moved
		}
	}
	return moved
}
