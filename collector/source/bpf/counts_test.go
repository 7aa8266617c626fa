package bpf

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// nested returns a container and the virtual machine inside it.
func nested() (outer, vm *guest) {
	outer, vm = &guest{slot: 6, inMemory: true}, &guest{slot: 7, helpers: 8, inMemory: true}
	outer.about, vm.about = container("outer", "/o", ""), machine("vm", "", nil, nil)
	outer.guest, vm.guest = outer, vm
	outer.inner, vm.around = []*guest{vm}, outer
	return outer, vm
}

// counting returns what has slots, and a map of the kernel's with a row for each.
func counting(width int, guests ...*guest) (*places, *words) {
	p := &places{slots: newSlots(64)}
	for _, g := range guests {
		p.slots.take(&g.owner)
		if g.helpers != 0 {
			p.slots.take(&g.owner)
		}
	}
	return p, &words{words: make([]uint64, 64*width)}
}

func TestReclaimOfAllThreadsAndOfWhatIsInside(t *testing.T) {
	outer, vm := nested()
	p, w := counting(reclaimScopes, outer, vm)
	r := &reclaim{reclaimed: w, rows: 64, guests: make(map[*guest]*reclaimGuest)}
	for slot, ns := range map[int]uint64{slotOther: 1e9, slotKernel: 1e9, 6: 2e9, 7: 3e9, 8: 4e9} {
		w.row(slot, reclaimScopes)[ownLimit] = ns
	}
	w.row(8, reclaimScopes)[hostLimit] = 5e8
	for range 2 { // what was read is not read again
		if err := r.read(0, p); err != nil {
			t.Fatal(err)
		}
	}
	for g, want := range map[*guest]model.MeasuredGuest{
		outer:            {ReclaimOwnLimit: model.Some(9), ReclaimHost: model.Some(0.5)},
		vm:               {ReclaimOwnLimit: model.Some(7), ReclaimHost: model.Some(0.5)},
		{inMemory: true}: {ReclaimOwnLimit: model.Some(0), ReclaimHost: model.Some(0)},
		{}:               {}, // not in the hierarchy: nothing of it can be seen
	} {
		var got model.MeasuredGuest
		r.report(g, &got)
		if got.ReclaimOwnLimit != want.ReclaimOwnLimit || got.ReclaimHost != want.ReclaimHost {
			t.Errorf("%s: %v and %v, want %v and %v", g.about.Guest, got.ReclaimOwnLimit, got.ReclaimHost, want.ReclaimOwnLimit, want.ReclaimHost)
		}
	}
}

func TestGuestsThatAreGoneAreForgotten(t *testing.T) {
	outer, vm := nested()
	p, w := counting(exitReasons, outer, vm)
	k := &kvm{exits: w, rows: 64, guests: make(map[*guest]*exitCounts)}
	_, w = counting(reclaimScopes)
	r := &reclaim{reclaimed: w, rows: 64, guests: make(map[*guest]*reclaimGuest)}
	r.add(vm, ownLimit, 1)
	k.add(vm, 2, 1)
	vm.gone, vm.goneAt = true, time.Hour
	for _, tt := range []struct {
		at   time.Duration
		want int
	}{{time.Hour + kept, 1}, {time.Hour + kept + 1, 0}} {
		if err := errors.Join(k.read(tt.at, p), r.read(tt.at, p)); err != nil {
			t.Fatal(err)
		}
		if len(k.guests) != tt.want || len(r.guests) != tt.want {
			t.Errorf("%d and %d are kept, want %d", len(k.guests), len(r.guests), tt.want)
		}
	}
}

func TestExitsByReason(t *testing.T) {
	outer, vm := nested()
	p, w := counting(exitReasons, outer, vm)
	k := &kvm{exits: w, rows: 64, guests: make(map[*guest]*exitCounts)}
	for slot, counts := range map[int]map[int]uint64{
		6: {2: 9}, // of a container: its own processes are no machine of ours
		7: {2: 3, 6: 1, 50: 2, 62: 4, failedRuns: 1},
		8: {2: 2},
	} {
		for reason, n := range counts {
			w.row(slot, exitReasons)[reason] = n
		}
	}
	for range 2 {
		if err := k.read(0, p); err != nil {
			t.Fatal(err)
		}
	}
	for g, want := range map[*guest]map[string]float64{
		outer: {},
		vm:    {"io": 5, "mmio": 1, "error": 1, "other": 6},
	} {
		var m model.MeasuredGuest
		k.report(g, &m)
		got := make(map[string]float64)
		for _, e := range m.VMMExits {
			got[e.Reason] += e.Count.Or(0)
		}
		if diff := cmp.Diff(want, got); diff != "" || len(got) != len(m.VMMExits) {
			t.Errorf("%s (-want +got):\n%s", g.about.Guest, diff)
		}
	}
}

func TestRequestsAreFolded(t *testing.T) {
	f := &fuse{seen: make(map[requestKind]*fuseSeen)}
	see := func(device, opcode uint32, slot int, n, ns uint64) {
		own := &fuseSeen{}
		own.Buckets[slot], own.NS = n, ns
		f.seen[requestKind{device, opcode}] = own
	}
	see(33, 3, 10, 2, 3e9)
	see(32, 3, 10, 1, 1e9)
	see(32, 1, 11, 1, 5e8)
	see(32, 4095, 0, 1, 1) // three that have no name
	see(32, 1<<31, 0, 2, 2e9)
	see(32, 0, 1, 1, 1e9-1)

	want := []string{"32 getattr 1 1", "32 lookup 1 0.5", "32 other 4 3", "33 getattr 2 3"}
	for range 2 {
		var got []string
		for _, r := range f.requests(nil) {
			got = append(got, fmt.Sprint(r.Device, " ", r.Opcode, " ", r.Latency.Count(), " ", r.Latency.Sum))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

func TestNamesOfNumbers(t *testing.T) {
	for number, want := range map[uint32]string{
		0: "other", 1: "lookup", 2: "other", 3: "getattr", 15: "read", 16: "write", 44: "readdirplus", 52: "statx", 53: "copy_file_range_64", 54: "other", 1 << 31: "other",
	} {
		if got := opcode(number); got != want {
			t.Errorf("opcode %d is %s, want %s", number, got, want)
		}
	}
	for number, want := range map[int]string{
		-1: "other", 0: "unknown", 2: "io", 6: "mmio", 5: "hlt", 10: "intr", 39: "memory_fault", 41: "other", 62: "other", failedRuns: "error", 64: "other",
	} {
		if got := exitReason(number); got != want {
			t.Errorf("reason %d is %s, want %s", number, got, want)
		}
	}
}
