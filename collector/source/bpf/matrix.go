package bpf

import (
	"errors"
	"os"

	"github.com/cilium/ebpf"
)

// matrix counts nanoseconds by the slot of who waited and the slot of who ran. It may be
// large, and most of it is empty: the kernel says whose rows may have changed, and
// those are mapped while they are read, some of them at a time. All pages of what is
// mapped count as this process's memory.
type matrix struct {
	counts  *ebpf.Map
	side    int      // slots
	windows []window // by shard
	owed    []bool   // by victim: to be read once more
}

// window is a part of the matrix in our memory.
type window struct {
	*words
	first int // word of the matrix
}

// windowSize is how much is mapped at a time, in bytes: of all shards the same part.
// Each time costs as much as some hundred rows.
const windowSize = 4 << 20

func newMatrix(counts *ebpf.Map, side, shards int) *matrix {
	return &matrix{counts: counts, side: side, windows: make([]window, shards), owed: make([]bool, side)}
}

// take calls f for each slot, of those in use, for which a victim waited. changed says
// that the kernel has announced to add something since the last reading. It announces
// that before it does: a row that has changed is read once more the next time.
func (m *matrix) take(victim, used int, changed bool, f func(other int, ns uint64)) error {
	if !changed && !m.owed[victim] {
		return nil
	}
	m.owed[victim] = true
	for shard := range m.windows {
		row, err := m.row(shard, victim)
		if err != nil {
			return err
		}
		for i := range row[:min(used, m.side)] {
			if ns := take(row, i); ns > 0 {
				f(i, ns)
			}
		}
	}
	m.owed[victim] = changed
	return nil
}

// row returns a row until the next one of the shard is asked for.
func (m *matrix) row(shard, victim int) ([]uint64, error) {
	w := &m.windows[shard]
	first := (shard*m.side + victim) * m.side
	if w.words == nil || first < w.first || first+m.side > w.first+len(w.words.words) {
		if err := m.move(w, shard, first); err != nil {
			return nil, err
		}
	}
	return w.words.words[first-w.first:][:m.side], nil
}

// move maps what begins with the first word of a row, or with the page in which it is,
// and ends where the shard does at the latest.
func (m *matrix) move(w *window, shard, first int) error {
	if err := w.close(); err != nil {
		return err
	}
	from, row := first*8, m.side*8
	end := min(from+max(row, windowSize/len(m.windows)), (shard+1)*m.side*row)
	from -= from % os.Getpagesize()
	part, err := mapPart(m.counts, from, end-from)
	if err != nil {
		return err
	}
	w.words, w.first = part, from/8
	return nil
}

func (w *window) close() error {
	if w.words == nil {
		return nil
	}
	err := w.unmap()
	w.words = nil
	return err
}

// release gives back the memory until the next reading.
func (m *matrix) release() error {
	var errs []error
	for i := range m.windows {
		errs = append(errs, m.windows[i].close())
	}
	return errors.Join(errs...)
}
