package bpf

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/cilium/ebpf"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// fuse counts the requests of FUSE and virtiofs mounts by operation code. See
// c/fuse.bpf.c.
type fuse struct {
	attached
	seen map[requestKind]*fuseSeen
	keys []requestKind // of the map, reused
	out  []fuseRow
}

// requestKind and requestLatency are the key and the value of the map answered: see
// c/fuse.bpf.c.
type requestKind struct {
	Device uint32
	Opcode uint32
}

type requestLatency struct {
	Buckets [model.Slots]uint64
	NS      uint64
}

// fuseSeen is what the kernel's map had of one kind of request when it was last read.
type fuseSeen struct {
	requestLatency
	at time.Duration // it last grew
}

// fuseRow is what is reported of a superblock and an operation code.
type fuseRow struct {
	device  uint64
	opcode  string
	latency model.Histogram
}

// leastRequests is how many requests the map of those that were not answered yet has
// room for at least.
const leastRequests = 8192

func openFuse(e *env) (program, error) {
	f := &fuse{seen: make(map[requestKind]*fuseSeen)}
	return f, f.open(e)
}

func (f *fuse) open(e *env) error {
	module, err := e.finder().find("fuse", "fuse_request_send", "fuse_request_end")
	if err != nil {
		return err
	}
	f.objects, err = e.with(module).object(loadFuse, nil, func(spec *ebpf.CollectionSpec) error {
		spec.Maps["requests"].MaxEntries = underWay(leastRequests, countCPUs(e.opts.SysFS).mostOf())
		return nil
	})
	if err != nil {
		return err
	}
	if err := f.attach(); err != nil {
		return errors.Join(err, f.close())
	}
	return nil
}

// read notes what the kernel's map has. No slots are in it.
func (f *fuse) read(now time.Duration, _ *places) error { return allRead(f.readAll(now)) }

// readAll reads the map. It has not more kinds than it has room for; they are as many
// as there are mounts and operation codes in use.
func (f *fuse) readAll(now time.Duration) error {
	answered := f.objects.Maps["answered"]
	f.keys = f.keys[:0]
	var key requestKind
	for err := answered.NextKey(nil, &key); ; err = answered.NextKey(key, &key) {
		if errors.Is(err, ebpf.ErrKeyNotExist) {
			break
		}
		if err != nil {
			return fmt.Errorf("listing kinds of requests: %w", err)
		}
		if f.keys = append(f.keys, key); len(f.keys) > int(answered.MaxEntries()) {
			break // it is not a list of what is there if it never ends
		}
	}
	for _, key := range f.keys {
		if err := f.look(now, key); err != nil {
			return err
		}
	}
	return f.makeRoom(now, int(answered.MaxEntries()))
}

// look reads one entry of the map.
func (f *fuse) look(now time.Duration, key requestKind) error {
	own := f.seen[key]
	if own == nil {
		own = &fuseSeen{at: now}
		f.seen[key] = own
	}
	before := own.NS
	if err := f.objects.Maps["answered"].Lookup(&key, &own.requestLatency); err != nil {
		return fmt.Errorf("reading the requests %s: %w", opcode(key.Opcode), err)
	}
	if own.NS != before {
		own.at = now
	}
	return nil
}

// makeRoom forgets what is long ago when half of the map is in use: mounts that are
// gone stay in it. One that returns begins at 0.
func (f *fuse) makeRoom(now time.Duration, most int) error {
	if len(f.seen) <= most/2 {
		return nil
	}
	for key, own := range f.seen {
		if now-own.at <= forgotten {
			continue
		}
		if err := f.objects.Maps["answered"].Delete(&key); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return fmt.Errorf("forgetting the requests %s: %w", opcode(key.Opcode), err)
		}
		delete(f.seen, key)
	}
	return nil
}

// report has nothing to say of guests: what is seen is the mount, in the kernel that
// has it.
func (f *fuse) report(*guest, *model.MeasuredGuest) {}

// requests appends what was seen, each operation code of a superblock once.
func (f *fuse) requests(to []model.Requests) []model.Requests {
	f.fold()
	for i := range f.out {
		row := &f.out[i]
		to = append(to, model.Requests{Device: row.device, Opcode: row.opcode, Latency: &row.latency})
	}
	return to
}

// fold makes rows of what was seen. Numbers without a name share one.
func (f *fuse) fold() {
	f.keys = slices.AppendSeq(f.keys[:0], maps.Keys(f.seen))
	slices.SortFunc(f.keys, func(a, b requestKind) int {
		return cmp.Or(cmp.Compare(a.Device, b.Device), cmp.Compare(opcode(a.Opcode), opcode(b.Opcode)))
	})
	f.out = f.out[:0]
	for _, key := range f.keys {
		device, name := uint64(key.Device), opcode(key.Opcode)
		last := len(f.out) - 1
		if last < 0 || f.out[last].device != device || f.out[last].opcode != name {
			f.out = append(f.out, fuseRow{device: device, opcode: name})
			last++
		}
		f.seen[key].addTo(&f.out[last].latency)
	}
}

func (l *requestLatency) addTo(h *model.Histogram) {
	for i, n := range l.Buckets {
		h.Counts[i] += n
	}
	h.Sum += float64(l.NS) / 1e9
}

func (f *fuse) status(_ time.Duration, to *model.Program) {
	to.Lost = f.lost(to.Lost, "start_unknown", "no_room")
}

func (f *fuse) close() error { return f.detach() }
