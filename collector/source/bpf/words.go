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
	return mapPart(m, 0, int(m.MaxEntries())*int(m.ValueSize()))
}

// mapPart maps a part of such an array. It begins where a page does.
func mapPart(m *ebpf.Map, from, size int) (*words, error) {
	page := os.Getpagesize()
	b, err := unix.Mmap(m.FD(), int64(from), (size+page-1)/page*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
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
