package fsprobe

import (
	"errors"
	"os"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
	"github.com/virt-exporter/virt_exporter/collector/source/fsprobe/probe"
)

// cycle asks the target's helper for one cycle and takes what it answers. release
// is called when it ends, or when a mount takes so long that others must not wait
// for it any more.
func (s *Source) cycle(t *target, release func()) {
	defer release()
	h, err := s.helperOf(t)
	if err != nil {
		s.end(t, nil, func() {
			t.skip(model.SkipError)
			t.looks = false // it counts as one that measured: not again at once
			t.pace(s.opts.Interval, 0, s.jitter())
		})
		return
	}
	if err := h.Ask(s.ask(t)); err != nil {
		s.lose(t, h)
		return
	}
	began := time.Now()
	var again bool
	s.note(func() {
		again = t.waits.times > 0
		t.waits.begins("", h.PID(), began)
	})
	if again {
		release() // who did not answer before is waited for by nobody
	}
	timer := time.AfterFunc(patient, release)
	defer timer.Stop()
	for {
		a, err := h.Next(time.Now().Add(s.patience(t)))
		now := time.Now()
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			release() // it may be held for ever
			s.kill(t, h)
			return
		case err != nil:
			s.lose(t, h)
			return
		}
		if s.hear(t, &a, h.PID(), now) {
			s.end(t, h, func() { t.pace(s.opts.Interval, now.Sub(began)-t.waited, s.jitter()) })
			return
		}
	}
}

// patient is how long the others wait for one mount. A cycle of one that is well
// takes a fraction of a second.
const patient = 2 * late

// ask returns what is asked in this cycle.
func (s *Source) ask(t *target) probe.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.waited = 0
	if !t.looks {
		t.left = t.left[:0]
	}
	r := t.request
	if t.looks {
		r.Pairs, r.Warmup, r.Gap, r.References = 1, 0, 0, nil
		if t.waits.times == 0 {
			r.ReadFile, r.WriteDir = "", ""
		}
	}
	return r
}

// helperOf returns the helper of a target, a new one if it has none.
func (s *Source) helperOf(t *target) (Helper, error) {
	s.mu.Lock()
	h := t.helper
	s.mu.Unlock()
	if h != nil {
		select {
		case <-h.Gone():
			h.Stop(0)
		default:
			return h, nil
		}
	}
	h, err := s.start(helperName(t.path))
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil && (s.closed || s.targets[t.key] != t) {
		h.Stop(0) // it was not missed when what is gone was ended
		return nil, errGone
	}
	t.forget()
	if s.cannotStart = err; err != nil {
		return nil, err
	}
	t.helper = h
	return h, nil
}

var errGone = errors.New("there is nothing to probe any more")

// forget lets go of a helper that has ended.
func (t *target) forget() {
	t.helper = nil
	t.cpu, t.used, t.paid = t.cpu+t.used, 0, 0
}

// note changes what is under the lock.
func (s *Source) note(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// patience is how long an operation may take. A helper that replaces one that was
// killed is given more time: when the mount comes back it is there waiting, and
// starting it anew costs more than the probe.
func (s *Source) patience(t *target) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return max(s.opts.Timeout, t.waits.over)
}

// hear takes one answer. It is true for the last.
func (s *Source) hear(t *target, a *probe.Answer, pid int, now time.Time) (ended bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a.Begin == nil {
		t.waited += t.waits.age(now)
		// After a helper was killed all must be answered: it was one operation that
		// was not, and not the first.
		if t.waits.times == 0 || a.End != nil {
			t.waits.answered()
		}
	}
	switch {
	case a.Begin != nil:
		t.waits.begins(a.Begin.Op, pid, now)
		t.waits.reference = a.Begin.Reference
		if a.Begin.Thread != 0 {
			t.waits.tid = a.Begin.Thread
		}
	case a.End != nil:
		t.account(time.Duration(a.End.CPU))
		return true
	case t.looks && a.Samples != nil:
		if t.refused {
			t.refused, t.measure = false, now
		}
	case t.looks:
	case a.Samples != nil && order(a.Samples.Op) >= 0 && len(a.Samples.Mount) > 0:
		t.resultOf(a.Samples.Op, a.Samples.Reference).take(a.Samples, now)
		t.success, t.refused = now, false
	case a.Skip != nil:
		s.leave(t, a.Skip)
	}
	return false
}

// leave notes what was left out. A mount that lets nobody in, and a bind mount of
// a single file, are no mounts of which nothing is known: there is nothing to
// know.
func (s *Source) leave(t *target, skip *probe.Skip) {
	reason := skipOf(skip.Reason)
	t.skip(reason)
	t.left = append(t.left, model.LeftOut{Op: string(skip.Op), Reference: skip.Reference, Reason: reason})
	s.stale = s.stale || reason == model.SkipVanished || reason == model.SkipReplaced
	if skip.Op == "" && skip.Reference == "" {
		t.refused = reason == model.SkipPermission || reason == model.SkipNotSupported
	}
}

func (t *target) skip(reason model.Skip) { t.skipped[reason]++ }

// skipOf reads what a helper gives as a reason.
func skipOf(reason string) model.Skip {
	for s := range model.NumSkips {
		if s.String() == reason {
			return s
		}
	}
	return model.SkipError
}

// lose notes that a helper has ended by itself, in the middle of a cycle.
func (s *Source) lose(t *target, h Helper) {
	h.Stop(0)
	s.end(t, nil, func() {
		t.waits.answered()
		t.skip(model.SkipError)
		t.looks = false // it counts as one that measured: not again at once
		t.pace(s.opts.Interval, 0, s.jitter())
	})
}

// kill ends a helper that is late. While the kernel keeps it there is no other:
// it may wait for the mount, whose server alone can let it go.
func (s *Source) kill(t *target, h Helper) {
	s.note(func() {
		t.waits.times++
		if !t.looks {
			t.measure = time.Now().Add(s.opts.Interval) // it may be the reference that hangs
		}
		t.waits.over = min(2*max(t.waits.over, s.opts.Timeout), max(longest, s.opts.Timeout))
	})
	h.Stop(0)
	select {
	case <-h.Gone():
	case <-s.closing:
		return // the program ends, and the helper with the mount's answer
	}
	// The next one begins at once: it is to be there when the mount comes back.
	s.end(t, nil, func() { t.next = time.Now() })
}

// longest is how long a helper may wait for a mount until it is replaced. Each
// costs a start.
const longest = time.Minute

// end ends a cycle. h is the helper that lives on, if there is one and it is of
// use.
func (s *Source) end(t *target, h Helper, change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case h == nil:
		t.forget()
	case t.refused: // it is asked again in a while, by another
		t.forget()
		s.cycles.Go(func() { h.Stop(grace) })
	}
	change()
	t.running = false
	s.wake()
}
