package blame

import (
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// A ring of I/O keeps what was done lately in a few turns. Writeback makes others
// wait well after somebody has written, so that one interval alone would not show
// who it was.
const (
	turns    = 3
	turnTime = 4 * time.Second // the least that one takes; shorter intervals are added up
)

// idleFor is how long ago the last activity may be to say which device a guest waits for
// that completes nothing.
const idleFor = time.Minute

// mostDevices bounds the devices that are remembered of one guest.
const mostDevices = 256

// requestBytes is what costs a disk as much again as a request itself.
const requestBytes = 64 << 10

// amount is what was done to a device: requests and bytes, read and written.
// Discards are left out, they cost little and are counted as if they cost much.
type amount struct{ reads, readBytes, writes, writeBytes float64 }

func (a *amount) add(b amount) {
	a.reads += b.reads
	a.readBytes += b.readBytes
	a.writes += b.writes
	a.writeBytes += b.writeBytes
}

// cost makes one number of it, in requests.
func (a *amount) cost() float64 {
	return a.reads + a.writes + (a.readBytes+a.writeBytes)/requestBytes
}

// grown is a counter as last read.
type grown struct {
	last  float64
	known bool
}

// by returns by how much it has grown. One that falls begins anew, and what it did
// before it was first read was done long ago.
func (c *grown) by(now model.Opt) float64 {
	value, ok := now.Get()
	if !ok {
		return 0
	}
	before, known := c.last, c.known
	c.last, c.known = value, true
	if !known || !(value > before) {
		return 0
	}
	return value - before
}

// ioUse is what somebody does to one device.
type ioUse struct {
	device string
	layer  model.Layer
	listed bool // by the last update with its user

	reads, readBytes, writes, writeBytes grown

	turns  [turns]amount
	limits [3]model.IOLimit // read, write, total

	// Of the turns together, set while shares are worked out.
	recent float64 // cost
	inner  float64 // the part of it that others inside have done
	entry  int     // its number in the device's table, from 1; 0 for none

	// Of a virtual device. A daemon tells of it with scrapes only, so that most
	// updates see it stand still: what was last seen holds until it moves again.
	movedAt time.Duration
	held    bool // a limit was reached from the time before until movedAt

	active             float64 // cost in the last turn that had any
	activeIn, activeAt time.Duration
}

// ioUser is a guest or a unit.
type ioUser struct {
	met
	uses []ioUse
}

// read takes what a user has done, as of an update, and reports whether it has done
// anything since the last.
func (u *ioUser) read(r *ioRing, now time.Duration, list []model.DeviceIO) bool {
	for i := range u.uses {
		use := &u.uses[i]
		use.listed = false
		if !u.steady {
			use.turns = [turns]amount{}
		} else if r.turned {
			use.turns[r.turn] = amount{}
		}
	}
	moved := false
	for i := range list {
		use, isNew := u.use(i, list[i].Device, list[i].Layer)
		if use.listed {
			continue
		}
		use.listed = true
		use.limits = [...]model.IOLimit{list[i].ReadLimit, list[i].WriteLimit, list[i].TotalLimit}
		if isNew {
			use.movedAt = now
		}
		if isNew && u.steady {
			// The kernel lists a device from its first request on.
			for _, c := range [...]*grown{&use.reads, &use.readBytes, &use.writes, &use.writeBytes} {
				c.known = true
			}
		}
		did := amount{
			use.reads.by(list[i].Read.Requests), use.readBytes.by(list[i].Read.Bytes),
			use.writes.by(list[i].Write.Requests), use.writeBytes.by(list[i].Write.Bytes),
		}
		if did == (amount{}) {
			continue
		}
		moved = true
		if u.steady {
			use.do(r, now, did)
		}
		use.held = use.reached(&did, (now - use.movedAt).Seconds())
		use.movedAt = now
	}
	return moved
}

// do notes that something was done.
func (u *ioUse) do(r *ioRing, now time.Duration, did amount) {
	u.turns[r.turn].add(did)
	if u.activeIn != r.turnAt {
		u.activeIn, u.active = r.turnAt, 0
	}
	u.active, u.activeAt = u.active+did.cost(), now
}

// use finds the use of a device, which may be new; most often it stands where it
// stands in the reading. Devices that are not listed any more are kept until there
// are too many.
func (u *ioUser) use(at int, device string, layer model.Layer) (use *ioUse, isNew bool) {
	if at < len(u.uses) && u.uses[at].device == device && u.uses[at].layer == layer {
		return &u.uses[at], false
	}
	for i := range u.uses {
		if use := &u.uses[i]; use.device == device && use.layer == layer {
			return use, false
		}
	}
	if len(u.uses) >= mostDevices {
		for i := range u.uses {
			if !u.uses[i].listed {
				u.uses[i] = ioUse{device: device, layer: layer}
				return &u.uses[i], true
			}
		}
	}
	u.uses = append(u.uses, ioUse{device: device, layer: layer})
	return &u.uses[len(u.uses)-1], true
}

// host returns the use of a block device of the host that this update lists, or nil.
func (u *ioUser) host(device string) *ioUse {
	if u == nil {
		return nil
	}
	for i := range u.uses {
		if use := &u.uses[i]; use.listed && use.layer == model.LayerHost && use.device == device {
			return use
		}
	}
	return nil
}

// sum adds the turns up.
func (u *ioUse) sum() {
	var all amount
	for _, t := range u.turns {
		all.add(t)
	}
	u.recent, u.inner, u.entry = all.cost(), 0, 0
}

// capped reports whether a limit on the device is reached at the pace of this turn.
func (u *ioUse) capped(turn int, seconds float64) bool {
	return u.listed && u.reached(&u.turns[turn], seconds)
}

func (u *ioUse) reached(did *amount, seconds float64) bool {
	if !(seconds > 0) {
		return false
	}
	reached := func(limit model.IOLimit, requests, bytes float64) bool {
		r, ok1 := limit.RequestsPerSecond.Get()
		b, ok2 := limit.BytesPerSecond.Get()
		return ok1 && requests > 0 && requests >= nearLimit*r*seconds || ok2 && bytes > 0 && bytes >= nearLimit*b*seconds
	}
	return reached(u.limits[0], did.reads, did.readBytes) ||
		reached(u.limits[1], did.writes, did.writeBytes) ||
		reached(u.limits[2], did.reads+did.writes, did.readBytes+did.writeBytes)
}

// nearLimit is the part of a limit from which on it holds somebody back.
const nearLimit = 0.9
