package bpf

import (
	"os"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/google/go-cmp/cmp"
)

// arrayOf makes an array of the kernel's with so many words.
func arrayOf(t *testing.T, words int) *ebpf.Map {
	t.Helper()
	m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: uint32(words), Flags: mmapable})
	if err != nil {
		t.Skipf("needs to make maps: %v", err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

const mmapable = 1 << 10 // BPF_F_MMAPABLE

// add does what the kernel does.
func (m *matrix) add(t *testing.T, shard, victim, other int, ns uint64) {
	t.Helper()
	if err := m.counts.Put(uint32((shard*m.side+victim)*m.side+other), ns); err != nil {
		t.Fatal(err)
	}
}

func TestMatrixIsReadWhereItChanged(t *testing.T) {
	const side, shards = 832, 2 // no row begins where a window does
	m := newMatrix(arrayOf(t, side*side*shards), side, shards)
	changed := make(map[int]bool)
	read := func(victims ...int) map[[2]int]uint64 {
		t.Helper()
		got := make(map[[2]int]uint64)
		for _, victim := range victims {
			err := m.take(victim, side, changed[victim], func(other int, ns uint64) { got[[2]int{victim, other}] += ns })
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := m.release(); err != nil {
			t.Fatal(err)
		}
		for _, w := range m.windows {
			if w.words != nil {
				t.Error("a window stays mapped")
			}
		}
		return got
	}
	want := func(got, want map[[2]int]uint64) {
		t.Helper()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}

	for _, victim := range []int{0, 1, 400, side - 1} {
		m.add(t, 0, victim, 0, 1)
		m.add(t, 0, victim, side-1, 2)
		m.add(t, 1, victim, side-1, 3)
		changed[victim] = true
	}
	want(read(0, 1, 399, 400, side-1), map[[2]int]uint64{
		{0, 0}: 1, {0, side - 1}: 5, {1, 0}: 1, {1, side - 1}: 5,
		{400, 0}: 1, {400, side - 1}: 5, {side - 1, 0}: 1, {side - 1, side - 1}: 5,
	})

	// Announced before that reading, added after it.
	m.add(t, 1, 1, 7, 10)
	m.add(t, 0, 399, 7, 11) // nobody has announced it
	clear(changed)
	want(read(0, 1, 399, 400, side-1), map[[2]int]uint64{{1, 7}: 10})
	m.add(t, 0, 1, 7, 12)
	want(read(1), map[[2]int]uint64{})
	changed[1] = true
	want(read(1, 0), map[[2]int]uint64{{1, 7}: 12})
}

func TestNoMoreOfTheMatrixIsMappedThanAWindow(t *testing.T) {
	for _, tt := range []struct{ side, shards int }{{64, 64}, {512, 8}, {832, 2}, {2048, 1}, {1024, 2}} {
		m := newMatrix(arrayOf(t, tt.side*tt.side*tt.shards), tt.side, tt.shards)
		most := 0
		for victim := range tt.side {
			if err := m.take(victim, tt.side, true, func(int, uint64) { t.Error("something is counted") }); err != nil {
				t.Fatal(err)
			}
			mapped := 0
			for shard, w := range m.windows {
				mapped += len(w.mapped)
				if end := w.first + len(w.words.words); w.first*8 < (shard*tt.side*tt.side)*8-os.Getpagesize() || end > (shard+1)*tt.side*tt.side {
					t.Fatalf("%+v: the window of shard %d is from %d to %d", tt, shard, w.first, end)
				}
			}
			most = max(most, mapped)
		}
		if bound := windowSize + 2*tt.shards*os.Getpagesize(); most > bound {
			t.Errorf("%+v: %d bytes are mapped at a time, want %d at most", tt, most, bound)
		}
		if err := m.release(); err != nil {
			t.Fatal(err)
		}
	}
}
