package blame

import (
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// split puts what a guest has waited on those who were in its way.
func (r *ioRing) split(i int32, now time.Duration, units []model.Unit) {
	w := r.waiting[i]
	s := spending{stall: &w.stall, now: now, rest: w.increase}
	span := (now - r.turnAt).Seconds()
	r.throttled(w, &s, now)
	lately := true
	all := w.weights(lately, now)
	if all == 0 { // it has completed nothing
		lately = false
		all = w.weights(lately, now)
	}
	whole := s.rest
	for j := range w.uses {
		use := &w.uses[j]
		if part := use.weight(lately, now); part > 0 {
			r.splitDevice(i, use, &s, whole*part/all, span, units)
		}
	}
	s.end()
}

func (u *ioUser) weights(lately bool, now time.Duration) (all float64) {
	for j := range u.uses {
		all += u.uses[j].weight(lately, now)
	}
	return all
}

// weight says how likely a wait is for this device: as what was done there lately, or
// else in the last minute.
func (u *ioUse) weight(lately bool, now time.Duration) float64 {
	switch {
	case !u.listed || u.layer != model.LayerHost:
		return 0
	case lately:
		return u.recent
	case now-u.activeAt > idleFor:
		return 0
	}
	return u.active
}

// mostOld is how old the figures of a virtual device may be: minutes lie between scrapes.
const mostOld = 2 * time.Minute

// throttled puts on the limits of virtual devices what their part of a machine's I/O
// is. Nobody else can be in its way there.
func (r *ioRing) throttled(w *ioGuest, s *spending, now time.Duration) {
	var all, capped float64
	for j := range w.uses {
		use := &w.uses[j]
		if !use.listed || use.layer != model.LayerGuest || now-use.movedAt > mostOld {
			continue
		}
		all += use.active
		if use.held {
			capped += use.active
		}
	}
	if capped > 0 {
		s.add(model.CauseLimit, "", s.rest*capped/all)
	}
}

// splitDevice puts on somebody what a guest has waited for one device of the host.
// What it does not put on anybody is unexplained.
func (r *ioRing) splitDevice(i int32, use *ioUse, s *spending, seconds, span float64, units []model.Unit) {
	own, capped := r.family(i, use, span)
	if capped {
		s.add(model.CauseLimit, "", seconds)
		return
	}
	t := r.tables[use.device]
	if t == nil || t.total == 0 {
		return
	}
	own = min(own, t.total)
	others := t.total - own
	busy := t.busy
	if !t.busyKnown {
		busy = others >= own
	}
	alone := others < culpritShare*t.total
	switch {
	case alone && t.disk.slow():
		s.add(model.CauseDevice, "", seconds)
		return
	case alone && !busy:
		s.add(model.CauseSelf, "", seconds) // its own queue, its own flushes
		return
	}
	s.add(model.CauseSelf, "", seconds*own/t.total)
	if !busy {
		return // who was active did not keep the disk from anybody
	}
	users := 1.0 // the guest itself
	for _, share := range t.shares {
		if !r.places.kin(i, share.user) {
			users++
		}
	}
	for _, share := range t.shares {
		part := share.cost / t.total
		if part < culpritShare || part <= fairness/users || r.places.kin(i, share.user) {
			continue
		}
		cause, culprit := r.culprit(share.user, units)
		s.add(cause, culprit, seconds*part)
	}
}

// family returns what the guest, those inside it and those around it did to a device,
// and whether a limit of one of them that holds the guest is reached.
func (r *ioRing) family(i int32, use *ioUse, span float64) (own float64, capped bool) {
	own, capped = use.recent, use.capped(r.turn, span)
	for at, depth := r.places.up[i], 0; at != nobody && depth < deepest; at, depth = r.places.up[at], depth+1 {
		outer := r.users[at].host(use.device)
		if outer == nil {
			continue
		}
		capped = capped || outer.capped(r.turn, span)
		if int(at) < r.places.guests {
			own += max(outer.recent-outer.inner, 0)
		}
	}
	return own, capped
}

// culprit says who has a place.
func (r *ioRing) culprit(user int32, units []model.Unit) (model.Cause, string) {
	switch {
	case user == nobody:
		return model.CauseSystem, hostItself
	case int(user) < r.places.guests:
		return model.CauseNeighbour, r.waiting[user].name
	default:
		return model.CauseSystem, units[int(user)-r.places.guests].Name
	}
}
