package bpf

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// sched counts the waits of guests for a CPU, one by one, and who ran meanwhile. See
// c/sched.bpf.c.
type sched struct {
	attached
	blamed  *matrix
	waited  *words
	shards  int         // of waited
	counted []waitedRow // what waited had, by slot

	guests map[*guest]*schedGuest
	waits  *waits
	ns     uint64 // of all guests
}

// schedGuest is what was counted for a guest, those inside it included.
type schedGuest struct {
	latency model.Histogram
	ns      uint64
}

// waitedRow is an entry of the map waited: struct waits. First nanoseconds by the
// reserved slot that ran, those of the slot's own threads, and how often the kernel
// announced to add something to its row of the matrix; then how many waits were how
// long.
type waitedRow [waitedWords]uint64

const (
	sumSelf = slotsReserved + iota
	sumPairs
	sums
	waitedWords = sums + model.Slots
)

func openSched(e *env) (program, error) {
	s := &sched{guests: make(map[*guest]*schedGuest), waits: newWaits()}
	return s, s.open(e)
}

func (s *sched) reload(e *env, read func() error) (bool, error) {
	next := &sched{}
	return renew(s, next, e, read, func() { next.guests, next.waits, next.ns = s.guests, s.waits, s.ns })
}

func (s *sched) open(e *env) (err error) {
	if err := checkSwitch(e.kernel.types); err != nil {
		return err
	}
	slots := e.opts.Slots
	shards := shardsFor(countCPUs(e.opts.SysFS), slots)
	if e.shards != nil {
		shards = *e.shards
	}
	s.counted, s.shards = make([]waitedRow, slots), shards.waited
	s.objects, err = e.object(loadSched, e.places.hierarchies.cpu, func(spec *ebpf.CollectionSpec) error {
		spec.Maps["waited"].MaxEntries = uint32(shards.waited * slots)
		spec.Maps["blamed"].MaxEntries = uint32(shards.pairs * slots * slots)
		return errors.Join(
			shards.set(spec),
			spec.Variables["slots"].Set(uint32(slots)),
			spec.Variables["unified"].Set(b2u(e.places.hierarchies.cpu.v2)),
		)
	})
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = s.close() // the first error says why
		}
	}()
	s.blamed = newMatrix(s.objects.Maps["blamed"], slots, shards.pairs)
	if s.waited, err = mapWords(s.objects.Maps["waited"]); err != nil {
		return err
	}
	return s.attach()
}

// checkSwitch reports whether sched_switch has the arguments that the program takes:
// for a short time their order was another one.
func checkSwitch(types *btf.Spec) error {
	var def *btf.Typedef
	if err := types.TypeByName("btf_trace_sched_switch", &def); err != nil {
		return fmt.Errorf("looking for sched_switch: %w", err)
	}
	pointer, ok := def.Type.(*btf.Pointer)
	if !ok {
		return fmt.Errorf("sched_switch is a %T: %w", def.Type, errNotThere)
	}
	proto, ok := pointer.Target.(*btf.FuncProto)
	if !ok || len(proto.Params) < 4 { // data, preempt, prev, next
		return fmt.Errorf("sched_switch has other arguments: %w", errNotThere)
	}
	for _, p := range proto.Params[2:4] {
		to, ok := p.Type.(*btf.Pointer)
		if !ok || to.Target.TypeName() != "task_struct" {
			return fmt.Errorf("sched_switch has other arguments: %w", errNotThere)
		}
	}
	return nil
}

func b2u(b bool) uint32 {
	if b {
		return 1
	}
	return 0
}

func (s *sched) read(now time.Duration, p *places) (err error) {
	s.waits.sweep(now) // what it drops has been reported
	eachVictim(p, s.blamed.side, func(slot, used int, who part) {
		var sum uint64
		add := func(other int, ns uint64) {
			sum += ns
			s.waits.add(now, who, p.slots.owner(uint16(other)), ns)
		}
		grown, more := s.grown(slot)
		for i, ns := range grown[:sumPairs] {
			if i == sumSelf {
				i = slot
			}
			if ns > 0 {
				add(i, ns)
			}
		}
		if e := s.blamed.take(slot, used, grown[sumPairs] > 0, add); e != nil {
			err = e // each is the same
		}
		if more || sum > 0 {
			s.ns += sum
			who.eachGuest(false, func(g *guest) { s.of(g).add(sum, grown[sums:]) })
		}
	})
	for g := range s.guests {
		if g.gone && now-g.goneAt > kept {
			delete(s.guests, g)
		}
	}
	return errors.Join(err, s.blamed.release())
}

// grown returns what was added to the shards of a slot since the last time. These
// counters are never set to 0: CPUs that have a shard of their own add to them in more
// than one step.
func (s *sched) grown(slot int) (row waitedRow, more bool) {
	for shard := range s.shards {
		counters := s.waited.row(shard*s.blamed.side+slot, waitedWords)
		for i := range counters {
			row[i] += atomic.LoadUint64(&counters[i])
		}
	}
	last := &s.counted[slot]
	if row == *last {
		return waitedRow{}, false
	}
	for i, n := range row {
		row[i], last[i] = n-last[i], n
	}
	return row, true
}

// of returns what is counted of a guest.
func (s *sched) of(g *guest) *schedGuest {
	own := s.guests[g]
	if own == nil {
		own = &schedGuest{}
		s.guests[g] = own
	}
	return own
}

func (own *schedGuest) add(ns uint64, counts []uint64) {
	own.ns += ns
	own.latency.Sum = float64(own.ns) / 1e9
	for i, n := range counts {
		own.latency.Counts[i] += n
	}
}

func (s *sched) report(g *guest, to *model.MeasuredGuest) {
	if !g.placed {
		return // nothing of it can be seen
	}
	if own := s.guests[g]; own != nil {
		to.Latency = &own.latency
	}
	to.Waits = s.waits.report(g, to.Waits)
}

func (s *sched) status(time.Duration, *model.Program) {}

// sawWaited returns the seconds that guests were seen to wait.
func (s *sched) sawWaited() float64 { return float64(s.ns) / 1e9 }

func (s *sched) close() error {
	var unmapped error
	if s.waited != nil {
		unmapped = s.waited.unmap()
		s.waited = nil
	}
	return errors.Join(s.detach(), unmapped)
}
