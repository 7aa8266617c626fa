package fsprobe

import (
	"errors"
	"os"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
	"github.com/virt-exporter/virt_exporter/collector/source/fsprobe/probe"
)

// cycle asks the target's helper for one cycle and takes what it answers. release
// is called once nothing is measured any more: at the end, or when the mount is
// late, so that others need not wait for it.
func (s *Source) cycle(t *target, release func()) {
	defer release()
	h, err := s.helperOf(t)
	if err != nil {
		s.end(t, nil, func() {
			t.skip(model.SkipError)
			t.pace(s.opts.Interval, 0, s.jitter())
		})
		return
	}
	if err := h.Ask(t.request); err != nil {
		s.lose(t, h)
		return
	}
	began := time.Now()
	s.note(func() { t.waits.begins("", h.PID(), began) })
	deadline := began.Add(s.patience(t))
	for took := began; ; {
		a, err := h.Next(minTime(deadline, took.Add(late)))
		now := time.Now()
		switch {
		case err == nil:
			took, deadline = now, now.Add(s.patience(t))
			if s.hear(t, &a, h.PID(), now) {
				s.end(t, h, func() { t.pace(s.opts.Interval, now.Sub(began), s.jitter()) })
				return
			}
		case !errors.Is(err, os.ErrDeadlineExceeded):
			s.lose(t, h)
			return
		case now.Before(deadline):
			release()
			took = now
		default:
			s.kill(t, h)
			return
		}
	}
}

func minTime(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
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
	if s.closed && err == nil {
		h.Stop(0)
		return nil, errClosed
	}
	t.forget()
	s.cannotStart = err
	if err != nil {
		return nil, err
	}
	t.helper = h
	return h, nil
}

var errClosed = errors.New("the source is closed")

// forget lets go of a helper that has ended.
func (t *target) forget() {
	t.helper = nil
	t.cpu, t.used = t.cpu+t.used, 0
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
	switch {
	case a.Begin != nil:
		t.waits.begins(a.Begin.Op, pid, now)
		if a.Begin.Thread != 0 {
			t.waits.tid = a.Begin.Thread
		}
	case a.Samples != nil:
		t.waits.answered()
		if order(a.Samples.Op) >= 0 && len(a.Samples.Mount) > 0 {
			t.resultOf(a.Samples.Op, a.Samples.Reference).take(a.Samples, now)
			t.success = now
		}
	case a.Skip != nil:
		t.waits.answered()
		reason := skipOf(a.Skip.Reason)
		t.skip(reason)
		s.stale = s.stale || reason == model.SkipVanished || reason == model.SkipReplaced
	case a.End != nil:
		t.waits.answered()
		t.account(time.Duration(a.End.CPU))
		return true
	}
	return false
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
		t.pace(s.opts.Interval, 0, s.jitter())
	})
}

// kill ends a helper that is late. While the kernel keeps it there is no other:
// it may wait for the mount, whose server alone can let it go.
func (s *Source) kill(t *target, h Helper) {
	s.note(func() {
		t.waits.times++
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

// end ends a cycle. h is the helper that lives on, if there is one.
func (s *Source) end(t *target, h Helper, change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h == nil {
		t.forget()
	}
	change()
	t.running = false
	s.wake()
}
