package bpf

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/cilium/ebpf"
)

// hierarchy is where the cgroups of one controller are. Numbers of cgroups are
// unique in one hierarchy only, so that each has a map of its own.
type hierarchy struct {
	root   string // its mount; empty where there is none
	v2     bool
	places *ebpf.Map         // in the kernel: place by number of the cgroup
	placed map[uint64]uint32 // what is in that map
}

// hierarchies are those of the controllers by which programs tell guests apart. Those
// of one mount are one.
type hierarchies struct {
	cpu, io, memory *hierarchy
}

// findHierarchies looks at what is mounted below sysfs.
func findHierarchies(sysfs string) hierarchies {
	root := filepath.Join(sysfs, "fs/cgroup")
	unified := root
	if !exists(filepath.Join(unified, "cgroup.controllers")) {
		unified = filepath.Join(root, "unified") // a hybrid host
	}
	controllers, _ := os.ReadFile(filepath.Join(unified, "cgroup.controllers")) // else none is there
	made := make(map[string]*hierarchy)
	find := func(controller string, dirs ...string) *hierarchy {
		h := hierarchy{placed: make(map[uint64]uint32)}
		if unified == root || contains(string(controllers), controller) {
			h.root, h.v2 = unified, true
		}
		for _, dir := range dirs {
			if h.root == "" && exists(filepath.Join(root, dir, "cgroup.procs")) {
				h.root = filepath.Join(root, dir)
			}
		}
		if made[h.root] == nil {
			made[h.root] = &h
		}
		return made[h.root]
	}
	return hierarchies{
		cpu:    find("cpu", "cpu", "cpu,cpuacct", "cpuacct,cpu"),
		io:     find("io", "blkio"),
		memory: find("memory", "memory"),
	}
}

// all returns each hierarchy that is there, once.
func (h hierarchies) all() []*hierarchy {
	var all []*hierarchy
	for _, one := range []*hierarchy{h.cpu, h.io, h.memory} {
		if one.root != "" && (len(all) == 0 || all[0] != one) && (len(all) < 2 || all[1] != one) {
			all = append(all, one)
		}
	}
	return all
}

// number returns the kernel's number of the cgroup at path.
func (h *hierarchy) number(path string) (uint64, bool) {
	var st syscall.Stat_t
	if err := syscall.Stat(h.root+path, &st); err != nil || st.Mode&syscall.S_IFMT != syscall.S_IFDIR {
		return 0, false // gone, or never in this hierarchy
	}
	return st.Ino, true
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil || !errors.Is(err, fs.ErrNotExist)
}

func contains(words, word string) bool {
	for w := range strings.FieldsSeq(words) {
		if w == word {
			return true
		}
	}
	return false
}
