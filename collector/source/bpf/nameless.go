package bpf

import (
	"errors"
	"fmt"
	"time"

	"github.com/cilium/ebpf"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// What the kernel counted of cgroups before they were placed is taken over when one
// turns out to be a guest's, and forgotten when none has for a while.

// nameless is an entry of the map of that name: what was counted of a cgroup, and of
// those below it.
type nameless struct {
	Run, Delay uint64 // nanoseconds
	At         uint64 // when it last grew, of CLOCK_MONOTONIC
}

// adopt gives containers that have a new slot what was counted of their cgroups
// before. What a virtual machine did so early stays with the container around it: of
// a machine's own threads these totals are not reported.
func (t *totals) adopt(now time.Duration, p *places) error {
	var fresh []*guest
	for _, g := range p.guests {
		if g.about.Kind != model.Container {
			continue
		}
		if u := t.of(part{guest: g}); !u.adopted {
			u.adopted = true
			fresh = append(fresh, g)
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	found, err := t.lookFor(fresh, p.hierarchies.cpu.placed)
	for _, g := range fresh {
		if f := found[g.slot]; f.Run > 0 || f.Delay > 0 {
			u := t.of(part{guest: g})
			u.run += f.Run
			u.steal += f.Delay
			t.early[g] = early{run: f.Run, steal: f.Delay, since: now}
		}
	}
	return err
}

// early is what a guest took over that may be counted of one around it too, in
// nanoseconds: a cgroup's figures hold those of the cgroups below it.
type early struct {
	run, steal uint64
	since      time.Duration
}

// disentangle takes from guests what those inside them took over as well, whichever
// of them was known first.
func (t *totals) disentangle(now time.Duration) {
	for g, e := range t.early {
		around := t.usages[part{guest: g.around}]
		switch {
		case around != nil && around.adopted:
			around.run -= min(e.run, around.run)
			around.steal -= min(e.steal, around.steal)
			delete(t.early, g)
		case now-e.since > kept:
			delete(t.early, g) // nobody is around it
		}
	}
}

// lookFor takes, by slot, what was counted of the cgroups of guests. A slot may stand
// for more than one cgroup, of which the uppermost holds the others' figures.
func (t *totals) lookFor(guests []*guest, placed map[uint64]uint32) (map[uint16]nameless, error) {
	found := make(map[uint16]nameless, len(guests))
	for _, g := range guests {
		found[g.slot] = nameless{}
	}
	var errs []error
	for id, place := range placed {
		slot := uint16(place)
		best, wanted := found[slot]
		if !wanted {
			continue
		}
		var is nameless
		err := t.objects.Maps["nameless"].Lookup(id, &is)
		if err == nil { // it does not grow any more: its cgroup is placed
			err = t.objects.Maps["nameless"].Delete(id)
		}
		switch {
		case err == nil && is.Run >= best.Run:
			found[slot] = is
		case err != nil && !errors.Is(err, ebpf.ErrKeyNotExist):
			errs = append(errs, fmt.Errorf("taking over what was counted of a cgroup: %w", err))
		}
	}
	return found, errors.Join(errs...)
}

// sweep is memory for looking at all entries.
type sweep struct {
	ids    []uint64
	values []nameless
}

// When entries are looked through, and how long one that does not grow is kept: a
// guest has its slot in a few seconds.
const (
	namelessEvery   = 10 * time.Second
	namelessKept    = time.Minute
	namelessPressed = 10 * time.Second // when half of the map is full
)

// sweep deletes the entries that have not grown for a while.
func (t *totals) sweep(now time.Duration) error {
	if now-t.sweptAt < namelessEvery {
		return nil
	}
	t.sweptAt = now
	m, s := t.objects.Maps["nameless"], &t.swept
	if s.ids == nil {
		s.ids, s.values = make([]uint64, m.MaxEntries()), make([]nameless, m.MaxEntries())
	}
	clock, err := monotonic()
	if err != nil {
		return err
	}
	n, err := m.BatchLookup(new(ebpf.MapBatchCursor), s.ids, s.values, nil)
	if err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) { // which says that these are all
		return fmt.Errorf("looking through what was counted of cgroups: %w", err)
	}
	for _, id := range forgettable(clock, s.ids[:n], s.values[:n]) {
		if err := m.Delete(id); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return fmt.Errorf("forgetting what was counted of a cgroup: %w", err)
		}
	}
	return nil
}

// forgettable returns the numbers of the entries that have not grown for a while, in
// the memory of ids, whose capacity is that of the map.
func forgettable(clock time.Duration, ids []uint64, values []nameless) []uint64 {
	most := namelessKept
	if 2*len(ids) > cap(ids) {
		most = namelessPressed
	}
	old := ids[:0]
	for i, id := range ids {
		if clock-time.Duration(values[i].At) > most {
			old = append(old, id)
		}
	}
	return old
}
