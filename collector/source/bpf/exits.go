package bpf

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/cilium/ebpf"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// exits counts all exits of virtual CPUs from guest mode, by the processor's own
// reason. See c/exits.bpf.c.
type exits struct {
	attached
	counted *words
	shards  int
	rows    int    // slots
	foreign []bool // by slot: what is counted in its row may be another's
	table   *exitTable
	isa     uint32 // 0 until there was an exit

	guests map[*guest]*reasonCounts
}

// reasonCounts are numbers of exits by the rows of exitTable.
type reasonCounts struct {
	counts [exitRows]uint64
	named  []int // rows that are reported by name, and always will be
}

// mostReasons is how many reasons of a guest are reported, the others as one of them.
const mostReasons = 24

// exitShards is the number of shares in which CPUs count exits. The row of a slot is
// large, and CPUs meet in it only where they run the same machine.
const exitShards = 4

func openExits(e *env) (program, error) {
	x := &exits{guests: make(map[*guest]*reasonCounts), table: newExitTable()}
	return x, x.open(e)
}

func (x *exits) reload(e *env, read func() error) (bool, error) {
	next := &exits{table: x.table}
	return renew(x, next, e, read, func() { next.guests, next.isa = x.guests, x.isa })
}

func (x *exits) open(e *env) (err error) {
	form, err := e.finder().exitForm(runtime.GOARCH)
	if err != nil {
		return err
	}
	cpu := e.places.hierarchies.cpu
	x.rows, x.foreign = e.opts.Slots, make([]bool, e.opts.Slots)
	x.shards = min(exitShards, powerAbove(countCPUs(e.opts.SysFS).online))
	x.objects, err = e.object(loadExits, cpu, func(spec *ebpf.CollectionSpec) error {
		spec.Maps["counted"].MaxEntries = uint32(x.shards * x.rows)
		return errors.Join(
			form.set(spec),
			spec.Variables["rows"].Set(x.table.rows),
			spec.Variables["slots"].Set(uint32(x.rows)),
			spec.Variables["shard_mask"].Set(uint32(x.shards-1)),
			spec.Variables["unified"].Set(b2u(cpu.v2)),
		)
	})
	if err != nil {
		return err
	}
	if x.counted, err = mapWords(x.objects.Maps["counted"]); err == nil {
		err = x.attach()
	}
	if err != nil {
		_ = x.close() // the first error says why
	}
	return err
}

// set tells the object where the reason is.
func (f exitForm) set(spec *ebpf.CollectionSpec) error {
	return errors.Join(
		spec.Variables["form"].Set(f.form),
		spec.Variables["vmx_reason"].Set(f.vmxReason),
		spec.Variables["svm_vmcb"].Set(f.svmVMCB),
		spec.Variables["svm_code"].Set(f.svmCode),
	)
}

// read takes what was counted. Who leaves guest mode is a virtual CPU, also where its
// thread is not yet known as one.
func (x *exits) read(now time.Duration, p *places) error {
	for slot := slotsReserved; slot < min(p.slots.used(), x.rows); slot++ {
		switch o := p.slots.owners[slot]; {
		case o == nil && x.foreign[slot]:
			x.readRow(slot, nil)
		case o == nil || o.guest == nil:
		case o.guest.about.Kind != model.VM:
			x.foreign[slot] = true
		default:
			x.readRow(slot, o.guest)
		}
	}
	for g := range x.guests {
		if g.gone && now-g.goneAt > kept {
			delete(x.guests, g)
		}
	}
	return allRead(x.readISA()) // that of an exit is known before it is counted
}

// readRow takes what was counted for a slot. Rows are large, and those of containers
// are not looked at until another has the slot.
func (x *exits) readRow(slot int, g *guest) {
	for shard := range x.shards {
		row := x.counted.row(shard*x.rows+slot, exitRows)
		for reason := range row {
			if n := take(row, reason); n > 0 && !x.foreign[slot] {
				x.add(g, reason, n)
			}
		}
	}
	x.foreign[slot] = false
}

// readISA asks the program on which instruction set the machine's exits are.
func (x *exits) readISA() error {
	if x.objects == nil || x.isa != 0 {
		return nil
	}
	if err := x.objects.Variables["isa"].Get(&x.isa); err != nil {
		return fmt.Errorf("reading the instruction set of exits: %w", err)
	}
	return nil
}

func (x *exits) add(g *guest, reason int, n uint64) {
	own := x.guests[g]
	if own == nil {
		own = &reasonCounts{}
		x.guests[g] = own
	}
	own.counts[reason] += n
}

// report lists the reasons for which a virtual machine's CPUs have left guest mode.
func (x *exits) report(g *guest, to *model.MeasuredGuest) {
	own := x.guests[g]
	if g.about.Kind != model.VM || own == nil || x.isa == 0 {
		return
	}
	own.choose()
	other := own.counts[0]
	for row, n := range own.counts {
		switch {
		case row == 0 || n == 0:
		case slices.Contains(own.named, row):
			to.KVMExits = append(to.KVMExits, model.Exits{Reason: x.table.name(x.isa, row), Count: model.Some(float64(n))})
		default:
			other += n
		}
	}
	if other > 0 {
		to.KVMExits = append(to.KVMExits, model.Exits{Reason: otherExits, Count: model.Some(float64(other))})
	}
}

// choose names more reasons while there is room, the most frequent first. One that was
// once among the others stays there: they are a counter.
func (r *reasonCounts) choose() {
	for len(r.named) < mostReasons-1 {
		best := 0
		for row := 1; row < exitRows; row++ {
			if r.counts[row] > 0 && (best == 0 || r.counts[row] > r.counts[best]) && !slices.Contains(r.named, row) {
				best = row
			}
		}
		if best == 0 {
			return
		}
		r.named = append(r.named, best)
	}
}

func (x *exits) status(time.Duration, *model.Program) {}

func (x *exits) close() error {
	var unmapped error
	if x.counted != nil {
		unmapped = x.counted.unmap()
		x.counted = nil
	}
	return errors.Join(x.detach(), unmapped)
}
