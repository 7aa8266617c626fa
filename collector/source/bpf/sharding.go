package bpf

import (
	"errors"
	"math/bits"
	"os"
	"path/filepath"
	"runtime"

	"github.com/cilium/ebpf"

	"github.com/virt-exporter/virt_exporter/collector/kernel"
)

// mostWaited and mostBlamed bound the maps of sched, in bytes. CPUs count each into a
// shard of its own where that is possible, else some share one.
const mostWaited, mostBlamed = 8 << 20, 16 << 20

// pairCPUs is how many CPUs add to one shard of the matrix at least. They seldom do, so
// that it takes many until they are in each other's way.
const pairCPUs = 16

// sharding is how CPUs share the maps.
type sharding struct {
	waited, pairs int  // shards
	mask          int  // of the number of a CPU, for waited
	shared        bool // more than one CPU may add to a shard of waited
}

// shardsFor says how CPUs share the maps. Many a guest may have a hundred CPUs more
// than it has: there those that it has get shards, and one that comes later shares
// with another.
func shardsFor(cpus cpuCount, slots int) sharding {
	fit := max(mostWaited/(slots*waitedWords*8), 1)
	online := max(cpus.online, 1)
	s := sharding{waited: cpus.possible, mask: powerAbove(cpus.possible) - 1}
	if cpus.possible == 0 || cpus.possible > min(fit, 2*online) {
		s.waited, s.shared = min(powerAbove(online), powerBelow(fit)), true
		s.mask = s.waited - 1
	}
	s.pairs = powerBelow(min(online/pairCPUs, mostBlamed/(slots*slots*8)))
	return s
}

// set tells the object how they do.
func (s sharding) set(spec *ebpf.CollectionSpec) error {
	return errors.Join(
		spec.Variables["shard_mask"].Set(uint32(s.mask)),
		spec.Variables["shared"].Set(b2u(s.shared)),
		spec.Variables["pair_mask"].Set(uint32(s.pairs-1)),
	)
}

// powerBelow returns the greatest power of two that is not above n, at least 1.
func powerBelow(n int) int { return 1 << (bits.Len(uint(max(n, 1))) - 1) }

// powerAbove returns the least power of two that is not below n, at least 1.
func powerAbove(n int) int { return 1 << bits.Len(uint(max(n, 1)-1)) }

// cpuCount is one more than the greatest number of a CPU: of those that may ever be
// there, 0 if that is not known, and of those that are there now.
type cpuCount struct{ possible, online int }

// countCPUs reads /sys/devices/system/cpu/possible and online.
func countCPUs(sysfs string) cpuCount {
	dir := filepath.Join(sysfs, "devices/system/cpu")
	c := cpuCount{possible: cpusOf(filepath.Join(dir, "possible")), online: cpusOf(filepath.Join(dir, "online"))}
	if c.online == 0 {
		c.online = max(c.possible, runtime.NumCPU())
	}
	if c.possible > 0 {
		c.online = min(c.online, c.possible)
	}
	return c
}

// mostOf returns how many there may be, as well as can be told. It is for maps that only
// get too small if it is wrong.
func (c cpuCount) mostOf() int { return max(c.possible, c.online) }

// cpusOf returns one more than the greatest number in a list of CPUs, 0 if it cannot
// be told. The list may have gaps.
func cpusOf(name string) int {
	b, err := os.ReadFile(name)
	if err != nil {
		return 0
	}
	set, err := kernel.ParseCPUSet(b, nil)
	if err != nil {
		return 0
	}
	for i := len(set) - 1; i >= 0; i-- {
		if set[i] != 0 {
			return 64*i + bits.Len64(set[i])
		}
	}
	return 0
}
