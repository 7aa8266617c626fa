package blame

import (
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// hostItself answers for what no guest and no unit is known to have done: the kernel
// and the processes in the root cgroup.
const hostItself = "-.slice"

// ioTable is who did how much to one device lately, each without those inside it.
type ioTable struct {
	shares []ioShare
	total  float64 // cost
	disk   diskTurn

	busy, busyKnown bool // in this turn
}

// ioShare is one user's part.
type ioShare struct {
	user int32 // its place, or nobody for the rest
	cost float64
}

// A user of a disk is active from activeShare on. From culpritShare on it may be
// named, if it also has more than its fair share with some tolerance: of users that
// do the same none is to blame.
const (
	activeShare  = 0.01
	culpritShare = 0.1
	fairness     = 1.05
)

// share works out the tables, once for all guests that waited.
//
// A buffered write counts when it is written back, and for whom the kernel says:
// under cgroup v2 for the cgroup that owns the file's dirty pages, under v1 for the
// root, so that a guest there that writes through the page cache shows as system.
func (r *ioRing) share(now time.Duration, node *model.Node, units []model.Unit) {
	for _, t := range r.tables {
		t.reset()
	}
	for _, user := range r.users {
		for i := range user.list() {
			user.uses[i].sum()
		}
	}
	for i, user := range r.users {
		for j := range user.list() {
			if use := &user.uses[j]; use.listed && use.layer == model.LayerHost && use.recent > 0 {
				r.carry(int32(i), use)
			}
		}
	}
	for i := range r.users {
		r.enter(int32(i), units)
	}
	if node != nil {
		for i := range node.Disks {
			r.enterDisk(&node.Disks[i], now)
		}
	}
	for device, t := range r.tables {
		if t.total == 0 {
			delete(r.tables, device)
			continue
		}
		t.keepActive()
	}
}

// list returns the uses of a user that may be nil.
func (u *ioUser) list() []ioUse {
	if u == nil {
		return nil
	}
	return u.uses
}

// carry tells the next one around a user, of those whose use of the device is known,
// which part of its own use is the user's.
func (r *ioRing) carry(i int32, use *ioUse) {
	at := i
	for range deepest {
		if at = r.places.up[at]; at == nobody {
			return
		}
		if outer := r.users[at].host(use.device); outer != nil {
			outer.inner += use.recent
			return
		}
	}
}

// enter puts what a user itself did into the tables. Units of one name are one. What
// a unit without a name did is left to the rest.
func (r *ioRing) enter(i int32, units []model.Unit) {
	user, first := r.users[i], (*ioUser)(nil)
	if unit := int(i) - r.places.guests; unit >= 0 && user != nil {
		name := units[unit].Name
		if name == "" || name == hostItself {
			i = nobody
		} else if at, ok := r.first[name]; ok {
			first = r.users[at]
		} else {
			r.first[name] = i
		}
	}
	for j := range user.list() {
		use := &user.uses[j]
		if !use.listed || use.layer != model.LayerHost {
			continue
		}
		own := max(use.recent-use.inner, 0)
		if own == 0 {
			continue
		}
		t := r.table(use.device)
		t.total += own
		if same := first.host(use.device); same != nil && same.entry > 0 {
			t.shares[same.entry-1].cost += own
			continue
		}
		t.shares = append(t.shares, ioShare{i, own})
		use.entry = len(t.shares)
	}
}

// enterDisk puts what is nobody's into a disk's table. The kernel counts what a
// cgroup asks for and what a disk does after requests were merged, so that bytes
// agree better than requests: the rest is not known well.
func (r *ioRing) enterDisk(n *model.NodeDisk, now time.Duration) {
	d := r.disks[n.Device]
	if d == nil || d.gen != r.gen {
		return
	}
	t := r.table(n.Device)
	t.disk = d.sum()
	if rest := t.disk.cost() - t.total; rest > 0 {
		t.total += rest
		t.shares = append(t.shares, ioShare{nobody, rest})
	}
	if span := (now - r.turnAt).Seconds(); d.hasBusy && d.steady && span > 0 {
		t.busyKnown, t.busy = true, d.turns[r.turn].busy >= busyDisk*span && !t.disk.easy()
	}
}

func (r *ioRing) table(device string) *ioTable {
	t := r.tables[device]
	if t == nil {
		t = &ioTable{}
		r.tables[device] = t
	}
	return t
}

func (t *ioTable) reset() { *t = ioTable{shares: t.shares[:0]} }

// keepActive drops the users that hardly do anything and makes one of what is
// nobody's.
func (t *ioTable) keepActive() {
	var rest float64
	kept := t.shares[:0]
	for _, s := range t.shares {
		switch {
		case s.user == nobody:
			rest += s.cost
		case s.cost >= activeShare*t.total:
			kept = append(kept, s)
		}
	}
	if rest >= activeShare*t.total {
		kept = append(kept, ioShare{nobody, rest})
	}
	t.shares = kept
}
