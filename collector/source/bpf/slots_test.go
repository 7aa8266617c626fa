package bpf

import (
	"errors"
	"io"
	"testing"
	"time"
)

func TestSlotIsUsedAgainOnlyAfterItHasRested(t *testing.T) {
	s := newSlots(slotsReserved + 1)
	first, second := &owner{culprit: "first"}, &owner{culprit: "second"}
	slot, ok := s.take(first)
	if !ok {
		t.Fatal("there is no slot")
	}
	if _, ok := s.take(second); ok {
		t.Fatal("there is a slot more than was allowed")
	}
	s.retire(10*time.Second, slot)
	s.recover(12 * time.Second)
	if _, ok := s.take(second); ok {
		t.Error("a slot is used again at once")
	}
	if got := s.owner(slot); got != first {
		t.Errorf("what is counted for a slot that rests is put on %q", got.culprit)
	}
	s.recover(10*time.Second + restFor)
	again, ok := s.take(second)
	if !ok || again != slot {
		t.Errorf("slot %d, %t after it has rested, want %d", again, ok, slot)
	}
	if got := s.owner(slot); got != second {
		t.Errorf("what is counted for slot %d is put on %q", slot, got.culprit)
	}
}

func TestUnknownSlotIsNobodys(t *testing.T) {
	s := newSlots(64)
	if got, want := s.owner(60), s.owner(slotOther); got != want {
		t.Errorf("a slot that nobody has is %+v, want %+v", got, want)
	}
}

func TestSlotThatIsFreeForTheLongestTimeIsUsedFirst(t *testing.T) {
	s := newSlots(64)
	var taken []uint16
	for range 3 {
		slot, _ := s.take(&owner{})
		taken = append(taken, slot)
	}
	for _, i := range []int{1, 0, 2} {
		s.give(taken[i])
	}
	for _, i := range []int{1, 0, 2} {
		if slot, _ := s.take(&owner{}); slot != taken[i] {
			t.Errorf("slot %d is taken, want %d", slot, taken[i])
		}
	}
}

// failing is a program that cannot be read, or something after it was.
type failing struct {
	program
	err error
}

func (f *failing) read(time.Duration, *places) error { return f.err }

// What was counted for who had a slot is not that of the next one.
func TestSlotsWhoseRowsWereNotReadGoOnResting(t *testing.T) {
	p := &places{slots: newSlots(64)}
	slot, _ := p.slots.take(&owner{})
	p.slots.retire(0, slot)
	rows, other := &failing{err: io.ErrUnexpectedEOF}, &failing{err: allRead(io.ErrUnexpectedEOF)}
	s := &Source{began: time.Now().Add(-time.Hour), places: p, programs: []*loaded{{program: other}, {program: rows}}}
	for _, tt := range []struct {
		err  error
		free int
	}{{io.ErrUnexpectedEOF, 0}, {errors.Join(io.ErrUnexpectedEOF, nil), 0}, {nil, 1}} {
		rows.err = tt.err
		if _, err := s.Read(t.Context()); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("error %v", err)
		}
		if n := len(p.slots.free); n != tt.free {
			t.Errorf("after the error %v %d slots are free, want %d", tt.err, n, tt.free)
		}
	}
	if allRead(nil) != nil {
		t.Error("an error where there is none")
	}
}
