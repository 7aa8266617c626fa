package bpf

import (
	"errors"
	"fmt"
	"runtime/debug"
	"time"
)

// grow gives the programs more slots when there are too few: who kept whom waiting is
// counted in a table of a fixed size. Where one of them cannot have more, all go on with
// those that there are, and it is tried again later.
func (s *Source) grow(now time.Duration) error {
	if s.places.unplaced == 0 || s.opts.Slots >= mostSlots || now < s.growAfter {
		return nil
	}
	slots := moreSlots(s.opts.Slots, s.places.slots.inUse()+s.places.lacking)
	replaced, err := s.reload(now, slots)
	debug.FreeOSMemory() // the kernel's types take some megabytes, as when loading
	if s.places.full = !replaced; !replaced {
		s.growAfter = now + tryAgain
		return err
	}
	s.opts.Slots, s.places.slots.most = slots, slots
	s.places.unplaced = 0 // until they are put again
	return err
}

// moreSlots returns how many slots there are to be when those there are do not suffice
// for what is there now: some more than that.
func moreSlots(slots, wanted int) int {
	wanted = max(wanted+wanted/4, slots+1)
	return min((wanted+slotStep-1)/slotStep*slotStep, mostSlots)
}

// sized is a program whose maps have rows for slots.
type sized interface {
	program

	// reload loads it anew, see renew.
	reload(e *env, read func() error) (replaced bool, err error)
}

// reload loads the programs anew whose maps have rows for slots, with so many, and says
// whether all have them.
func (s *Source) reload(now time.Duration, slots int) (all bool, err error) {
	e, err := s.env()
	if err != nil {
		return false, err
	}
	e.opts.Slots = slots
	var errs []error
	all = true
	for _, l := range s.programs {
		replaced, err := l.reload(now, e)
		all = all && replaced
		errs = append(errs, err)
	}
	return all, errors.Join(errs...)
}

// reload loads the program anew, if it is in the kernel and the number of slots matters
// to it. What it has counted until now stays.
func (l *loaded) reload(now time.Duration, e *env) (replaced bool, err error) {
	p, ok := l.program.(sized)
	if !ok {
		return true, nil
	}
	replaced, err = p.reload(e, func() error { return p.read(now, e.places) })
	if err != nil {
		return replaced, fmt.Errorf("loading program %s anew: %w", l.name, err)
	}
	return replaced, nil
}

// renewable is a program that can be put in the place of another one of its type.
type renewable[T any] interface {
	*T
	open(e *env) error
	stop() error
	close() error
}

// renew puts next, which is not in the kernel yet, in the place of a program: it loads
// it, and then reads the one that was there for the last time. keep takes over from that
// one what was counted. The one that was there goes on if the next cannot be loaded.
//
// For a moment both count: what happens between the beginning of the one and the end of
// the other is there twice. That is shorter than the gap would be the other way round,
// in which the kernel may wait until all CPUs have left the programs of a tracepoint
// before it takes the first one again. What begins before and ends after that moment
// is the next one's, which knows of a wait how long it was, and not who ran before.
func renew[T any, P renewable[T]](was, next P, e *env, read func() error, keep func()) (replaced bool, err error) {
	if err := next.open(e); err != nil {
		return false, err
	}
	errs := []error{was.stop(), read()}
	keep()
	errs = append(errs, was.close())
	*was = *next
	return true, errors.Join(errs...)
}
