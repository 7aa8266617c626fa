package probe

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// touch is one call of an operation.
type touch struct {
	mount        bool
	began, ended int64
}

// fakeCycle is one whose operation does what a test says, and notes each call.
func fakeCycle(t *testing.T, r Request, do func(n int) unix.Errno) (c *cycle, op *timed, touches *[]touch, out *bytes.Buffer) {
	t.Helper()
	out = new(bytes.Buffer)
	s := newServer(out)
	c = &cycle{server: s, req: &r, mount: &side{}, due: s.clock.now()}
	touches = new([]touch)
	op = &timed{op: Stat, call: func(s *side) unix.Errno {
		began := c.clock.now()
		errno := do(len(*touches))
		*touches = append(*touches, touch{s == c.mount, began, c.clock.now()})
		return errno
	}}
	return c, op, touches, out
}

func TestEachSideIsFirstHalfTheTime(t *testing.T) {
	r := Request{Pairs: 10, Warmup: 3}
	c, op, touches, out := fakeCycle(t, r, func(int) unix.Errno { return 0 })
	if err := c.compare(op, &side{label: "local"}); err != nil {
		t.Fatal(err)
	}
	samples, skips := samplesOf(decodeAnswers(t, out.Bytes()))
	s := samples[Stat]
	if s == nil || len(skips) > 0 {
		t.Fatalf("got %+v, %+v", s, skips)
	}
	if len(s.Mount) != r.Pairs || len(s.Beside) != r.Pairs {
		t.Errorf("%d and %d samples, want %d", len(s.Mount), len(s.Beside), r.Pairs)
	}
	if got, want := len(*touches), 2*(r.Pairs+r.Warmup+s.Dropped); got != want {
		t.Errorf("%d calls, want %d", got, want)
	}
	if s.Dropped > 0 {
		t.Skip("another process took the CPU: the order of repeated pairs is another test's")
	}
	for i := 0; i < len(*touches); i += 4 {
		var order []bool
		for _, x := range (*touches)[i:min(i+4, len(*touches))] {
			order = append(order, x.mount)
		}
		first := (*touches)[0].mount
		if want := []bool{first, !first, !first, first}; !slices.Equal(order, want[:len(order)]) {
			t.Fatalf("calls from %d on: on the mount %v, want %v", i, order, want)
		}
	}
}

// The gap is from the end of one operation to the beginning of the next, however
// long either takes.
func TestOperationsBeginAGapAfterOneAnother(t *testing.T) {
	const gap = 2 * time.Millisecond
	r := Request{Pairs: 20, Gap: gap}
	c, op, touches, _ := fakeCycle(t, r, func(n int) unix.Errno {
		if n%4 == 1 {
			time.Sleep(5 * time.Millisecond)
		}
		return 0
	})
	if err := c.compare(op, &side{label: "local"}); err != nil {
		t.Fatal(err)
	}
	var pauses []time.Duration
	for i, x := range (*touches)[1:] {
		pauses = append(pauses, time.Duration(x.began-(*touches)[i].ended))
	}
	slices.Sort(pauses)
	if pauses[0] < gap-10*time.Microsecond { // the clocks are read one after the other
		t.Errorf("an operation began %v after the one before it, want %v", pauses[0], gap)
	}
	if median := pauses[len(pauses)/2]; median > 5*gap {
		t.Errorf("operations began %v after one another, want %v", median, gap)
	}
}

func TestInterruptedPairsAreRepeated(t *testing.T) {
	r := Request{Pairs: 6, Warmup: 1}
	c, op, touches, out := fakeCycle(t, r, func(n int) unix.Errno {
		if n%5 == 4 {
			return unix.EINTR
		}
		return 0
	})
	if err := c.compare(op, &side{label: "local"}); err != nil {
		t.Fatal(err)
	}
	samples, skips := samplesOf(decodeAnswers(t, out.Bytes()))
	if s := samples[Stat]; s == nil || len(s.Mount) != r.Pairs || len(s.Beside) != r.Pairs || s.Dropped == 0 {
		t.Errorf("got %+v, %+v", s, skips)
	}
	if len(*touches) <= 2*(r.Pairs+r.Warmup) {
		t.Errorf("only %d calls", len(*touches))
	}
}

func TestAttemptsAreBounded(t *testing.T) {
	r := Request{Pairs: 6, Warmup: 2}
	c, op, touches, out := fakeCycle(t, r, func(int) unix.Errno { return unix.EINTR })
	if err := c.compare(op, nil); err != nil {
		t.Fatal(err)
	}
	_, skips := samplesOf(decodeAnswers(t, out.Bytes()))
	if len(skips) != 1 || skips[0].Reason != "pressure" || skips[0].Op != Stat {
		t.Errorf("got %+v", skips)
	}
	if want := 2*r.Pairs + r.Warmup; len(*touches) != want {
		t.Errorf("%d calls, want %d", len(*touches), want)
	}
}

func TestRecordKeepsItsOrderWhenPairsAreDropped(t *testing.T) {
	r := newRecord(Stat, &side{label: "local"}, &Request{Pairs: 6, Warmup: 1})
	var firsts []bool
	for n := int64(0); !r.full(); n++ {
		preempted := n == 1 || n == 5
		if first := r.mountFirst(); n > 0 && !preempted {
			firsts = append(firsts, first)
		}
		r.add(pair{mount: n, beside: -n, preempted: preempted}, true)
	}
	s := r.answer().Samples
	if want := []int64{2, 3, 4, 6, 7, 8}; !slices.Equal(s.Mount, want) {
		t.Errorf("kept %v, want %v", s.Mount, want)
	}
	if want := []int64{-2, -3, -4, -6, -7, -8}; !slices.Equal(s.Beside, want) {
		t.Errorf("kept %v beside, want %v", s.Beside, want)
	}
	if s.Dropped != 2 {
		t.Errorf("%d dropped, want 2", s.Dropped)
	}
	for i := range firsts[1:] {
		if firsts[i] == firsts[i+1] {
			t.Errorf("the mount was first: %v", firsts)
		}
	}
}

// On a machine with one CPU the thread that writes the journal takes it from who
// waits for that, each time.
func TestWhoTakesTheCPUAgainAndAgainIsPartOfTheOperation(t *testing.T) {
	for name, each := range map[string]int64{"each time": 1, "each second time": 2, "each third time": 3} {
		t.Run(name, func(t *testing.T) {
			r := newRecord(Write, &side{label: "local"}, &Request{Pairs: 15})
			for n := int64(0); !r.full(); n++ {
				took := n
				if n%each == 0 {
					took = 1000
				}
				r.add(pair{mount: took, beside: 1, preempted: n%each == 0}, true)
			}
			s := r.answer().Samples
			if s == nil || len(s.Mount) != 15 || len(s.Beside) != 15 {
				t.Fatalf("samples %+v", s)
			}
			if got, want := count(s.Mount, 1000), int((15+each-1)/each); got != want {
				t.Errorf("%d of 15 are of those, want %d", got, want)
			}
		})
	}
}

func count(in []int64, of int64) (n int) {
	for _, v := range in {
		if v == of {
			n++
		}
	}
	return n
}

func TestNameThatShouldNotBeThereIsNoLatency(t *testing.T) {
	c, op, _, out := fakeCycle(t, Request{Pairs: 6}, func(int) unix.Errno { return 0 })
	op.op, op.expect = Lookup, unix.ENOENT
	if err := c.compare(op, nil); err != nil {
		t.Fatal(err)
	}
	samples, skips := samplesOf(decodeAnswers(t, out.Bytes()))
	if len(samples) > 0 || len(skips) != 1 || skips[0].Reason != "error" {
		t.Errorf("got %+v, %+v", samples, skips)
	}
}

func TestSequenceGoesOnWithoutAnOperationThatIsNotSupported(t *testing.T) {
	for _, missing := range []Op{Write, Rename} {
		dir, beside := t.TempDir(), t.TempDir()
		c, ref, out := realCycle(t, Request{Pairs: 4}, dir, beside)
		steps := c.steps()
		for i := range steps {
			if steps[i].op == missing {
				steps[i].call = func(*side) unix.Errno { return unix.EOPNOTSUPP }
			}
		}
		if err := c.writeBeside(steps, ref); err != nil {
			t.Fatal(err)
		}
		samples, skips := samplesOf(decodeAnswers(t, out.Bytes()))
		if len(skips) != 1 || skips[0].Op != missing || skips[0].Reason != "not_supported" {
			t.Errorf("without %s: skips %+v", missing, skips)
		}
		for _, op := range []Op{Create, Write, Rename, Unlink} {
			if _, ok := samples[op]; ok == (op == missing) {
				t.Errorf("without %s: samples of %s: %t", missing, op, ok)
			}
		}
		if left := append(entriesOf(t, dir), entriesOf(t, beside)...); len(left) > 0 {
			t.Errorf("without %s: left %v", missing, left)
		}
	}
}

// Whatever fails, at whichever step and on whichever side, nothing stays.
func TestFailedSequenceLeavesNothing(t *testing.T) {
	for _, errno := range []unix.Errno{unix.EIO, unix.ENOSPC, unix.EDQUOT, unix.EINTR} {
		for at := range 8 {
			dir, beside := t.TempDir(), t.TempDir()
			c, ref, out := realCycle(t, Request{Pairs: 4}, dir, beside)
			steps, calls := c.steps(), 0
			for i := range steps {
				call := steps[i].call
				steps[i].call = func(s *side) unix.Errno {
					calls++
					if calls%8 == at {
						return errno
					}
					return call(s)
				}
			}
			if err := c.writeBeside(steps, ref); err != nil {
				t.Fatal(err)
			}
			samples, skips := samplesOf(decodeAnswers(t, out.Bytes()))
			if errno != unix.EINTR && (len(samples) > 0 || len(skips) != 1) {
				t.Errorf("%v at call %d: got %+v, %+v", errno, at, samples, skips)
			}
			if left := append(entriesOf(t, dir), entriesOf(t, beside)...); len(left) > 0 {
				t.Errorf("%v at call %d: left %v", errno, at, left)
			}
		}
	}
}
