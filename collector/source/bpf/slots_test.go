package bpf

import (
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
