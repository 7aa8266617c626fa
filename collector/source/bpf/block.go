package bpf

import (
	"errors"
	"fmt"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// block counts what cgroups did to disks, request by request. See c/block.bpf.c. Whose
// a request is, is said by the cgroup that the kernel charges with it: what a virtual
// machine in a session's cgroup does is the session's.
type block struct {
	attached
	figures *ioFigures
	keys    []ioKey // of one batch
	dones   []ioDone
	lost    [numBlockLosses]uint64 // before the object was loaded anew
}

// Sizes of the map of what was done: so many keys at least, or so many for each slot.
const leastIOKeys, ioKeysPerSlot = 4096, 8

// leastIssued and leastStamped are how many requests and queues there is room for at
// least.
const leastIssued, leastStamped = 8192, 1024

// ioBatch is how many keys are read at a time.
const ioBatch = 512

// blockLosses returns the variables that count what was lost, and the reasons.
func blockLosses() [numBlockLosses]struct{ variable, reason string } {
	return [...]struct{ variable, reason string }{
		{"lost_full", "full"},         // there was no room for another key
		{"lost_start", "no_start"},    // counted, but nobody knows since when it was under way
		{"lost_nameless", "nameless"}, // its device has no number, as the paths of NVMe multipath
	}
}

const numBlockLosses = 3

func openBlock(e *env) (program, error) {
	b := newBlock()
	b.figures = newIOFigures(e.opts.SysFS)
	return b, b.open(e)
}

func newBlock() *block { return &block{keys: make([]ioKey, ioBatch), dones: make([]ioDone, ioBatch)} }

func (b *block) reload(e *env, read func() error) (bool, error) {
	next := newBlock()
	return renew(b, next, e, read, func() {
		next.figures, next.lost = b.figures, b.losses()
		next.figures.forgetKeys()
	})
}

func (b *block) open(e *env) (err error) {
	queueFirst, err := checkBlock(e.kernel.types)
	if err != nil {
		return err
	}
	h := e.places.hierarchies.io
	b.objects, err = e.object(loadBlock, h, func(spec *ebpf.CollectionSpec) error {
		spec.Maps["dones"].MaxEntries = uint32(max(leastIOKeys, ioKeysPerSlot*e.opts.Slots))
		cpus := countCPUs(e.opts.SysFS).mostOf()
		spec.Maps["issued"].MaxEntries = underWay(leastIssued, cpus)
		spec.Maps["stamped"].MaxEntries = underWay(leastStamped, cpus)
		return spec.Variables["queue_first"].Set(b2u(queueFirst))
	})
	if err != nil {
		return err
	}
	if err := b.attach(); err != nil {
		_ = b.close() // the first error says why
		return err
	}
	return nil
}

// checkBlock reports whether the tracepoints have the arguments that the programs
// take, and whether block_rq_issue has the queue before the request.
func checkBlock(types *btf.Spec) (queueFirst bool, err error) {
	complete, err := argumentsOf(types, "block_rq_complete")
	if err != nil {
		return false, err
	}
	issue, err := argumentsOf(types, "block_rq_issue")
	if err != nil {
		return false, err
	}
	if len(complete) != 3 || complete[0] != "request" {
		return false, fmt.Errorf("block_rq_complete has other arguments: %w", errNotThere)
	}
	queueFirst = len(issue) == 2 && issue[1] == "request"
	if !queueFirst && (len(issue) != 1 || issue[0] != "request") {
		return false, fmt.Errorf("block_rq_issue has other arguments: %w", errNotThere)
	}
	var bio *btf.Struct
	if err := types.TypeByName("bio", &bio); err != nil {
		return false, fmt.Errorf("looking for the type bio: %w", err)
	}
	for _, m := range bio.Members {
		if m.Name == "bi_blkg" {
			return queueFirst, nil
		}
	}
	return false, fmt.Errorf("requests have no cgroups: %w", errNotThere)
}

// argumentsOf returns what the arguments of a tracepoint point to, empty of those that
// are no pointers.
func argumentsOf(types *btf.Spec, tracepoint string) ([]string, error) {
	var def *btf.Typedef
	if err := types.TypeByName("btf_trace_"+tracepoint, &def); err != nil {
		return nil, fmt.Errorf("looking for %s: %w", tracepoint, err)
	}
	pointer, ok := def.Type.(*btf.Pointer)
	if !ok {
		return nil, fmt.Errorf("%s is a %T: %w", tracepoint, def.Type, errNotThere)
	}
	proto, ok := pointer.Target.(*btf.FuncProto)
	if !ok || len(proto.Params) == 0 {
		return nil, fmt.Errorf("%s is no function: %w", tracepoint, errNotThere)
	}
	var names []string
	for _, p := range proto.Params[1:] { // the first is the tracepoint's own
		name := ""
		if to, ok := p.Type.(*btf.Pointer); ok {
			name = to.Target.TypeName()
		}
		names = append(names, name)
	}
	return names, nil
}

func (b *block) read(now time.Duration, p *places) error {
	var cursor ebpf.MapBatchCursor
	for {
		n, err := b.objects.Maps["dones"].BatchLookup(&cursor, b.keys, b.dones, nil)
		for i := range b.keys[:n] {
			b.figures.add(now, p.slots.owner(b.keys[i].Slot), b.keys[i], &b.dones[i])
		}
		if errors.Is(err, ebpf.ErrKeyNotExist) { // those were the last
			break
		}
		if err != nil {
			return fmt.Errorf("reading the map of requests: %w", err)
		}
	}
	return allRead(b.sweep(now))
}

// sweep makes room in the kernel's map: what was idle for long is not in it any more.
func (b *block) sweep(now time.Duration) error {
	for _, key := range b.figures.sweep(now) {
		if err := b.objects.Maps["dones"].Delete(key); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return fmt.Errorf("removing what was idle: %w", err)
		}
		b.figures.removed(key)
	}
	return nil
}

func (b *block) report(g *guest, to *model.MeasuredGuest) { to.IO = b.figures.report(g, to.IO) }

// losses returns what was lost, by reason.
func (b *block) losses() [numBlockLosses]uint64 {
	all := b.lost
	for i, l := range blockLosses() {
		var n uint64
		if err := b.objects.Variables[l.variable].Get(&n); err == nil {
			all[i] += n
		}
	}
	return all
}

func (b *block) status(_ time.Duration, to *model.Program) {
	for i, n := range b.losses() {
		to.Lost = append(to.Lost, model.Lost{Reason: blockLosses()[i].reason, Count: model.Some(float64(n))})
	}
}

func (b *block) close() error { return b.detach() }
