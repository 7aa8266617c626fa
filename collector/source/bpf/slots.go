package bpf

import (
	"slices"
	"time"
)

// slots are numbers that stand for owners in the kernel.
type slots struct {
	owners  []*owner // by slot; nil where free
	free    []uint16
	resting []rest
	most    int
}

// rest is a slot that was given back and is not to be used again yet: what is under
// way in the kernel may still count for it.
type rest struct {
	slot  uint16
	since time.Duration
}

// restFor is how long a slot is not used again.
const restFor = 5 * time.Second

func newSlots(most int) slots {
	s := slots{most: most}
	for _, o := range reserved() {
		s.owners = append(s.owners, o)
	}
	return s
}

// take gives an owner one more slot, if there is one.
func (s *slots) take(o *owner) (uint16, bool) {
	var slot uint16
	switch {
	case len(s.free) > 0:
		slot = s.free[0] // for the longest time
		s.free = slices.Delete(s.free, 0, 1)
	case len(s.owners) < s.most:
		slot = uint16(len(s.owners))
		s.owners = append(s.owners, nil)
	default:
		return 0, false
	}
	s.owners[slot] = o
	return slot, true
}

// give takes back a slot for which nothing can be counted any more.
func (s *slots) give(slot uint16) {
	s.owners[slot] = nil
	s.free = append(s.free, slot)
}

// retire takes back a slot. Its owner has it until nothing can be counted for it any
// more.
func (s *slots) retire(now time.Duration, slot uint16) {
	s.resting = append(s.resting, rest{slot, now})
}

// recover frees the slots that have rested. It is called when everything that was
// counted has just been read.
func (s *slots) recover(now time.Duration) {
	kept := s.resting[:0]
	for _, r := range s.resting {
		if now-r.since < restFor {
			kept = append(kept, r)
			continue
		}
		s.give(r.slot)
	}
	s.resting = kept
}

// owner returns who has a slot.
func (s *slots) owner(slot uint16) *owner {
	if int(slot) < len(s.owners) && s.owners[slot] != nil {
		return s.owners[slot]
	}
	return s.owners[slotOther]
}

// inUse is how many slots are somebody's, those that rest included.
func (s *slots) inUse() int { return len(s.owners) - len(s.free) }

// used is one more than the greatest slot in use.
func (s *slots) used() int { return len(s.owners) }

// eachVictim calls f for each slot below most whose waits are somebody's, with the
// number of slots in use.
func eachVictim(p *places, most int, f func(slot, used int, who part)) {
	used := min(p.slots.used(), most)
	for slot := slotsReserved; slot < used; slot++ {
		if o := p.slots.owners[slot]; o != nil && o.guest != nil {
			f(slot, used, o.guest.partOf(uint16(slot)))
		}
	}
}
