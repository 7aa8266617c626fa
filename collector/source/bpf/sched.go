package bpf

import (
	"errors"
	"fmt"
	"math/bits"
	"runtime"
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
	blamed  matrix
	waited  *words
	shards  int
	counted [][model.Slots]uint64 // what waited had, by slot

	guests map[*guest]*schedGuest
	waits  *waits
	ns     uint64 // of all guests
}

// schedGuest is what was counted for a guest, those inside it included.
type schedGuest struct {
	latency model.Histogram
	ns      uint64
}

// waitedWords is the size of a row of the map waited, in words of 8 bytes: see struct
// waits.
const waitedWords = model.Slots

// mostShards is the number of shares in which CPUs count, so that hosts with many do
// not need memory for each.
const mostShards = 16

func openSched(e *env) (program, error) {
	s := &sched{guests: make(map[*guest]*schedGuest), waits: newWaits()}
	return s, s.open(e)
}

func (s *sched) open(e *env) (err error) {
	if err := checkSwitch(e.kernel.types); err != nil {
		return err
	}
	slotBits := uint32(bits.Len(uint(e.opts.Slots)) - 1)
	s.counted = make([][model.Slots]uint64, e.opts.Slots)
	s.shards = min(mostShards, 1<<bits.Len(uint(max(possibleCPUs(), 1)-1)))
	s.objects, err = e.object(loadSched, e.places.hierarchies.cpu, func(spec *ebpf.CollectionSpec) error {
		spec.Maps["waited"].MaxEntries = uint32(s.shards) << slotBits
		spec.Maps["blamed"].MaxEntries = 1 << (2 * slotBits)
		return errors.Join(
			spec.Variables["slot_bits"].Set(slotBits),
			spec.Variables["shard_mask"].Set(uint32(s.shards-1)),
			spec.Variables["shared"].Set(b2u(possibleCPUs() > s.shards)),
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
	s.blamed = matrix{s.objects.Maps["blamed"], 1 << slotBits}
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

func possibleCPUs() int {
	n, err := ebpf.PossibleCPU()
	if err != nil {
		return runtime.NumCPU()
	}
	return n
}

func b2u(b bool) uint32 {
	if b {
		return 1
	}
	return 0
}

// placesChanged has the program look up places anew.
func (s *sched) placesChanged() error {
	var generation uint32
	v := s.objects.Variables["generation"]
	if err := v.Get(&generation); err != nil {
		return fmt.Errorf("reading the generation of places: %w", err)
	}
	if err := v.Set(generation + 1); err != nil {
		return fmt.Errorf("setting the generation of places: %w", err)
	}
	return nil
}

func (s *sched) read(now time.Duration, p *places) error {
	s.waits.sweep(now) // what it drops has been reported
	err := s.blamed.read(func(w *words) {
		eachVictim(p, s.blamed.side, func(slot, used int, who part) {
			var sum uint64
			s.blamed.take(w, slot, used, func(other int, ns uint64) {
				sum += ns
				s.waits.add(now, who, p.slots.owner(uint16(other)), ns)
			})
			if sum > 0 {
				s.readWaits(who, slot, sum)
			}
		})
	})
	for g := range s.guests {
		if g.gone && now-g.goneAt > kept {
			delete(s.guests, g)
		}
	}
	return err
}

// readWaits adds up the shards of a slot, for which there were ns nanoseconds of waits.
// These counters are never set to 0: CPUs that have a shard of their own add to them in
// more than one step.
func (s *sched) readWaits(p part, slot int, ns uint64) {
	s.ns += ns
	var counts [model.Slots]uint64
	for shard := range s.shards {
		row := s.waited.row(shard*s.blamed.side+slot, waitedWords)
		for i := range counts {
			counts[i] += atomic.LoadUint64(&row[i])
		}
	}
	last := &s.counted[slot]
	for i, n := range counts {
		counts[i], last[i] = n-last[i], n
	}
	p.eachGuest(false, func(g *guest) { s.of(g).add(ns, &counts) })
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

func (own *schedGuest) add(ns uint64, counts *[model.Slots]uint64) {
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
