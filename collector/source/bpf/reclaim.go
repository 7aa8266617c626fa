package bpf

import (
	"errors"
	"fmt"
	"time"

	"github.com/cilium/ebpf"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// reclaim counts the time in which threads reclaimed memory themselves. See
// c/reclaim.bpf.c.
type reclaim struct {
	attached
	reclaimed *words
	rows      int

	guests map[*guest]*reclaimGuest
}

// reclaimGuest is what all threads of a guest, and of those inside it, spent in
// nanoseconds, by scope.
type reclaimGuest [reclaimScopes]uint64

// Scopes: see c/reclaim.bpf.c.
const (
	ownLimit = iota
	hostLimit
	reclaimScopes
)

func openReclaim(e *env) (program, error) {
	r := &reclaim{guests: make(map[*guest]*reclaimGuest)}
	return r, r.open(e)
}

func (r *reclaim) reload(e *env, read func() error) (bool, error) {
	next := &reclaim{}
	return renew(r, next, e, read, func() { next.guests = r.guests })
}

func (r *reclaim) open(e *env) (err error) {
	memory := e.places.hierarchies.memory
	tracepoints := []string{
		"mm_vmscan_memcg_reclaim_begin", "mm_vmscan_memcg_reclaim_end",
		"mm_vmscan_direct_reclaim_begin", "mm_vmscan_direct_reclaim_end",
	}
	if missing := missingOf(e.kernel.types, tracepoints); missing != "" {
		return fmt.Errorf("looking for %s: %w", missing, errNotThere)
	}
	r.rows = e.opts.Slots
	r.objects, err = e.object(loadReclaim, memory, func(spec *ebpf.CollectionSpec) error {
		spec.Maps["reclaimed"].MaxEntries = uint32(r.rows)
		return spec.Variables["memory_unified"].Set(b2u(memory.v2))
	})
	if err != nil {
		return err
	}
	if r.reclaimed, err = mapWords(r.objects.Maps["reclaimed"]); err == nil {
		err = r.attach()
	}
	if err != nil {
		_ = r.close() // the first error says why
	}
	return err
}

func (r *reclaim) read(now time.Duration, p *places) error {
	eachVictim(p, r.rows, func(slot, _ int, who part) {
		row := r.reclaimed.row(slot, reclaimScopes)
		for scope := range row {
			if ns := take(row, scope); ns > 0 {
				who.eachGuest(true, func(g *guest) { r.add(g, scope, ns) })
			}
		}
	})
	for g := range r.guests {
		if g.gone && now-g.goneAt > kept {
			delete(r.guests, g)
		}
	}
	return nil
}

func (r *reclaim) add(g *guest, scope int, ns uint64) {
	own := r.guests[g]
	if own == nil {
		own = &reclaimGuest{}
		r.guests[g] = own
	}
	own[scope] += ns
}

// report gives every guest both: that nothing had to be reclaimed is known.
func (r *reclaim) report(g *guest, to *model.MeasuredGuest) {
	if byThreads := g.about.Kind == model.VM && g.placed; !g.inMemory && !byThreads {
		return // nothing of it can be seen
	}
	var ns reclaimGuest
	if own := r.guests[g]; own != nil {
		ns = *own
	}
	to.ReclaimOwnLimit = model.Some(float64(ns[ownLimit]) / 1e9)
	to.ReclaimHost = model.Some(float64(ns[hostLimit]) / 1e9)
}

func (r *reclaim) status(_ time.Duration, to *model.Program) {
	to.Lost = r.lost(to.Lost, "no_memory")
}

func (r *reclaim) close() error {
	var unmapped error
	if r.reclaimed != nil {
		unmapped = r.reclaimed.unmap()
		r.reclaimed = nil
	}
	return errors.Join(r.detach(), unmapped)
}
