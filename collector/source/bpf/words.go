package bpf

import (
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// words is a map of the kernel's in our memory, as numbers of 8 bytes. Reading it
// needs no system call; the kernel goes on counting meanwhile.
type words struct {
	mapped []byte
	words  []uint64
}

// mapWords maps an array that was made with BPF_F_MMAPABLE.
func mapWords(m *ebpf.Map) (*words, error) {
	size := int(m.MaxEntries()) * int(m.ValueSize())
	page := os.Getpagesize()
	b, err := unix.Mmap(m.FD(), 0, (size+page-1)/page*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("mapping %s: %w", m, err)
	}
	return &words{mapped: b, words: unsafe.Slice((*uint64)(unsafe.Pointer(&b[0])), size/8)}, nil
}

// row returns the words of an entry.
func (w *words) row(entry, length int) []uint64 { return w.words[entry*length : (entry+1)*length] }

// take returns what was counted and sets it to 0. Nothing is lost: the kernel adds in
// one step.
func take(row []uint64, i int) uint64 {
	if atomic.LoadUint64(&row[i]) == 0 {
		return 0 // most are: do not write to them
	}
	return atomic.SwapUint64(&row[i], 0)
}

func (w *words) unmap() error {
	if err := unix.Munmap(w.mapped); err != nil {
		return fmt.Errorf("unmapping a map: %w", err)
	}
	return nil
}

// matrix counts nanoseconds by the slot of who waited and the slot of who ran. It is
// mapped while it is read only: it may be large, and most of it is empty.
type matrix struct {
	counts *ebpf.Map
	side   int // slots
}

// read calls f with the matrix in our memory.
func (m *matrix) read(f func(*words)) error {
	w, err := mapWords(m.counts)
	if err != nil {
		return err
	}
	f(w)
	return w.unmap()
}

// take calls f for each slot, of those in use, for which a victim waited.
func (m *matrix) take(w *words, victim, used int, f func(other int, ns uint64)) {
	row := w.row(victim, m.side)
	for i := range row[:min(used, m.side)] {
		if ns := take(row, i); ns > 0 {
			f(i, ns)
		}
	}
}
