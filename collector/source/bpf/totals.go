package bpf

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// totals counts how long the threads of guests ran and waited for a CPU: all of them,
// those included that lived for a moment only. See c/totals.bpf.c.
type totals struct {
	objects *ebpf.Collection
	freed   link.Link
	looks   *link.Iter
	counted *words

	usages  map[part]*usage
	early   map[*guest]early
	steal   uint64 // nanoseconds, of all guests
	sweptAt time.Duration
	swept   sweep
}

// usage is what was counted for a guest's own part, in nanoseconds.
type usage struct {
	run, steal uint64
	adopted    bool // what was counted before the guest had a slot is in it
}

// countedWords is the size of an entry of the map counted: struct times.
const countedWords = 2

// bornBefore is how much earlier than a look at all threads one must have begun for
// that look to have found it: its birth is noted a moment before it can be found.
const bornBefore = 100 * time.Millisecond

func openTotals(e *env) (program, error) {
	t := &totals{usages: make(map[part]*usage), early: make(map[*guest]early)}
	return t, t.open(e)
}

func (t *totals) open(e *env) (err error) {
	if err := seesAllThreads(e.opts.ProcFS); err != nil {
		return err
	}
	began, err := monotonic()
	if err != nil {
		return err
	}
	t.objects, err = e.object(loadTotals, e.places.hierarchies.cpu, func(spec *ebpf.CollectionSpec) error {
		spec.Maps["counted"].MaxEntries = mostSlots
		return errors.Join(
			spec.Variables["looked"].Set(uint64(began)),
			spec.Variables["unified"].Set(b2u(e.places.hierarchies.cpu.v2)),
		)
	})
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = t.close() // the first error says why
		}
	}()
	if t.counted, err = mapWords(t.objects.Maps["counted"]); err != nil {
		return err
	}
	if t.looks, err = link.AttachIter(link.IterOptions{Program: t.objects.Programs["look"]}); err != nil {
		return fmt.Errorf("attaching to the threads: %w", err)
	}
	// What the threads that are there did until now is not counted.
	if err := t.look(); err != nil {
		return err
	}
	if t.freed, err = link.AttachTracing(link.TracingOptions{Program: t.objects.Programs["forget"]}); err != nil {
		return fmt.Errorf("attaching to sched_process_free: %w", err)
	}
	return nil
}

// seesAllThreads reports whether the kernel shows all threads of the host to this
// process: it shows those of the PID namespace.
func seesAllThreads(procfs string) error {
	const initial = "pid:[4026531836]" // PROC_PID_INIT_INO, a part of the kernel's interface
	ns, err := os.Readlink(filepath.Join(procfs, "self/ns/pid"))
	if err == nil && ns != initial {
		return fmt.Errorf("the threads of the host are not those of this PID namespace: %w", errNotThere)
	}
	return nil // where it cannot be told, it is as usual
}

// monotonic returns the time of the clock by which the kernel notes when threads began.
func monotonic() (time.Duration, error) {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return 0, fmt.Errorf("reading the clock: %w", err)
	}
	return time.Duration(ts.Nano()), nil
}

// look has the kernel look at all threads.
func (t *totals) look() error {
	began, err := monotonic()
	if err != nil {
		return err
	}
	r, err := t.looks.Open()
	if err != nil {
		return fmt.Errorf("looking at the threads: %w", err)
	}
	defer r.Close()
	var none [8]byte
	for err == nil || errors.Is(err, unix.EAGAIN) { // after a million of them
		_, err = r.Read(none[:])
	}
	if !errors.Is(err, io.EOF) {
		return fmt.Errorf("looking at the threads: %w", err)
	}
	if err := t.objects.Variables["looked"].Set(uint64(began - bornBefore)); err != nil {
		return fmt.Errorf("setting when the threads were looked at: %w", err)
	}
	return nil
}

func (t *totals) read(now time.Duration, p *places) error {
	if err := t.look(); err != nil {
		return err
	}
	eachVictim(p, mostSlots, func(slot, _ int, who part) {
		row := t.counted.row(slot, countedWords)
		run, steal := take(row, 0), take(row, 1)
		t.steal += steal
		if run > 0 || steal > 0 {
			u := t.of(who)
			u.run += run
			u.steal += steal
		}
	})
	err := t.adopt(now, p)
	t.disentangle(now)
	t.inherit(now)
	return allRead(errors.Join(err, t.sweep(now)))
}

// of returns what is counted of a part.
func (t *totals) of(p part) *usage {
	u := t.usages[p]
	if u == nil {
		u = &usage{}
		t.usages[p] = u
	}
	return u
}

// inherit gives what guests that are gone did to those around them: it was done inside
// those, whose counters must not fall.
func (t *totals) inherit(now time.Duration) {
	for p, u := range t.usages {
		if !p.gone {
			continue
		}
		heir := p.around
		for depth := 0; heir != nil && heir.gone && depth < deepest; depth++ {
			heir = heir.around
		}
		switch {
		case heir != nil && !heir.gone:
			to := t.of(part{guest: heir})
			to.run += u.run
			to.steal += u.steal
			delete(t.usages, p)
		case now-p.goneAt > kept:
			delete(t.usages, p)
		}
	}
}

// report says nothing of virtual machines: of them other threads count than all.
func (t *totals) report(g *guest, to *model.MeasuredGuest) {
	if g.about.Kind != model.Container || !g.placed {
		return
	}
	var sum usage
	g.eachPart(func(p part) {
		if u := t.usages[p]; u != nil {
			sum.run += u.run
			sum.steal += u.steal
		}
	})
	to.Run, to.Steal = model.Some(float64(sum.run)/1e9), model.Some(float64(sum.steal)/1e9)
}

// allWaited returns the seconds that all guests waited.
func (t *totals) allWaited() float64 { return float64(t.steal) / 1e9 }

func (t *totals) status(_ time.Duration, to *model.Program) {
	for _, lost := range []struct{ reason, variable string }{{"no_memory", "lost_threads"}, {"cgroups_full", "lost_cgroups"}} {
		var n uint64
		if err := t.objects.Variables[lost.variable].Get(&n); err != nil {
			continue // it is absent then
		}
		to.Lost = append(to.Lost, model.Lost{Reason: lost.reason, Count: model.Some(float64(n))})
	}
}

func (t *totals) close() error {
	var errs []error
	if t.freed != nil {
		errs = append(errs, t.freed.Close())
		t.freed = nil
	}
	if t.looks != nil {
		errs = append(errs, t.looks.Close())
		t.looks = nil
	}
	if t.counted != nil {
		errs = append(errs, t.counted.unmap())
		t.counted = nil
	}
	if t.objects != nil {
		t.objects.Close()
		t.objects = nil
	}
	return errors.Join(errs...)
}
