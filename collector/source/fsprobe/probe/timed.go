package probe

import (
	"time"

	"golang.org/x/sys/unix"
)

// timed is an operation. Only call is timed, and makes a system call (write: two)
// and nothing else. before and after may be nil.
type timed struct {
	op     Op
	before func(*side) unix.Errno
	call   func(*side) unix.Errno
	expect unix.Errno // of call
	after  func(*side) unix.Errno
}

// sayAgain is after how many nanoseconds the operation is said to begin again:
// slow is not stuck.
const sayAgain = 500e6

// compare times one operation and answers with what it took.
func (c *cycle) compare(t *timed, ref *side) error {
	if err := c.begin(t.op, ref.reference()); err != nil {
		return err
	}
	r := newRecord(t.op, ref, c.req)
	began := c.clock.now()
	for said := began; !r.full(); r.hurry(c.clock.now()-began, int64(c.req.Most)) {
		if c.stop() {
			return errStop
		}
		if now := c.clock.now(); now-said > sayAgain {
			said = now
			if err := c.begin(t.op, ref.reference()); err != nil {
				return err
			}
		}
		p, f := c.pair(t, ref, r.mountFirst())
		switch {
		case f == nil:
		case f.errno == unix.EINTR:
			heed()
		default:
			return c.answer(f.skip(t.op, ref.reference()))
		}
		r.add(p, f == nil)
	}
	return c.answer(r.answer())
}

// pair is what an operation took on both sides, in nanoseconds. preempted says
// that another process took the CPU meanwhile.
type pair struct {
	mount, beside int64
	preempted     bool
}

// pair times an operation on the mount and, unless ref is nil, on the reference.
func (c *cycle) pair(t *timed, ref *side, mountFirst bool) (p pair, f *failure) {
	if ref == nil {
		p.mount, p.preempted, f = c.once(t, c.mount)
		return p, f
	}
	first, second := c.mount, ref
	one, two := &p.mount, &p.beside
	if !mountFirst {
		first, second = second, first
		one, two = two, one
	}
	var early, late bool
	if *one, early, f = c.once(t, first); f != nil {
		return p, f
	}
	*two, late, f = c.once(t, second)
	p.preempted = early || late
	return p, f
}

// once times an operation on one side. It begins a gap after the one before it
// ended, however long that took: what the CPU and the server were idle for
// decides more than anything else how long it takes.
func (c *cycle) once(t *timed, s *side) (took int64, preempted bool, f *failure) {
	if t.before != nil {
		if errno := t.before(s); errno != 0 {
			return 0, false, failed(errno, "before %s on %s", t.op, s)
		}
		// What it did was a round trip on one side and nothing on the other.
		c.due = max(c.due, c.clock.now()+int64(c.req.Gap))
	}
	c.clock.sleepUntil(c.due)
	switches := c.switches()
	began := c.clock.now()
	errno := t.call(s)
	ended := c.clock.now()
	preempted = c.switches() != switches
	c.due = ended + int64(c.req.Gap)

	if errno != t.expect {
		if errno == 0 {
			errno = unix.EEXIST // of a name that never was
		}
		return 0, preempted, failed(errno, "%s on %s", t.op, s)
	}
	if t.after != nil {
		if errno := t.after(s); errno != 0 {
			return 0, preempted, failed(errno, "after %s on %s", t.op, s)
		}
	}
	return ended - began, preempted, nil
}

// heed lets the goroutine run that waits for signals, after one has interrupted
// an operation: it may say that this process is to end.
func heed() { time.Sleep(time.Millisecond) }
