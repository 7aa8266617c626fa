package kernel

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// CgroupNamespace is where this process's cgroup namespace begins in the hierarchies of
// ProcCgroup: paths from their roots, empty where that is the root itself or not known.
// Kubernetes gives each container one with cgroup v2.
type CgroupNamespace struct {
	Unified, CPU, Memory string
}

// FindCgroupNamespace looks for this process in the hierarchies that are mounted from
// their roots, wherever that is. Where there is none, as in a container that was given
// no more than its own cgroup, the namespace stays unknown.
func FindCgroupNamespace() CgroupNamespace {
	b, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return CgroupNamespace{}
	}
	mounts, _ := ParseMountInfo(b, nil) // what could be parsed
	return findCgroupNamespace(mounts, os.Getpid())
}

func findCgroupNamespace(mounts []Mount, pid int) (ns CgroupNamespace) {
	for _, m := range mounts {
		depth := strings.Count(m.Root, "/..")
		if depth == 0 || m.Root != strings.Repeat("/..", depth) {
			continue
		}
		var path *string
		switch {
		case m.FSType == "cgroup2":
			path = &ns.Unified
		case m.FSType == "cgroup" && hasOption(m.SuperOptions, "cpu"):
			path = &ns.CPU
		case m.FSType == "cgroup" && hasOption(m.SuperOptions, "memory"):
			path = &ns.Memory
		}
		if path != nil && *path == "" {
			if dir := cgroupOf(m.Mountpoint, depth, pid); dir != "" {
				*path = strings.TrimPrefix(dir, m.Mountpoint)
			}
		}
	}
	return ns
}

func hasOption(options, name string) bool { return slices.Contains(strings.Split(options, ","), name) }

// cgroupOf returns the directory that many levels below dir in which a process is.
func cgroupOf(dir string, depth, pid int) string {
	if depth == 0 {
		b, _ := os.ReadFile(filepath.Join(dir, "cgroup.procs")) // one that is gone has none
		for line := range bytes.Lines(b) {
			if string(bytes.TrimSpace(line)) == strconv.Itoa(pid) {
				return dir
			}
		}
		return ""
	}
	entries, _ := os.ReadDir(dir) // one that is gone has none
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		if found := cgroupOf(filepath.Join(dir, e.Name()), depth-1, pid); found != "" {
			return found
		}
	}
	return ""
}

// Paths returns the paths of c from the roots of their hierarchies, without those that
// are a root, the unified one first.
func (ns CgroupNamespace) Paths(c ProcCgroup) []string {
	var paths []string
	for _, p := range []struct {
		path  []byte
		begin string
	}{{c.Unified, ns.Unified}, {c.CPU, ns.CPU}, {c.Memory, ns.Memory}} {
		if path := fromCgroupRoot(string(p.path), p.begin); path != "" && !slices.Contains(paths, path) {
			paths = append(paths, path)
		}
	}
	return paths
}

// UnifiedPath returns the path of c from the root of the unified hierarchy: "/" for
// the root itself, empty where c is in no such hierarchy.
func (ns CgroupNamespace) UnifiedPath(c ProcCgroup) string { return orRoot(c.Unified, ns.Unified) }

// CPUPath returns the same of the hierarchy that the CPU controller of v1 has.
func (ns CgroupNamespace) CPUPath(c ProcCgroup) string { return orRoot(c.CPU, ns.CPU) }

func orRoot(path []byte, begin string) string {
	if len(path) == 0 {
		return ""
	}
	if from := fromCgroupRoot(string(path), begin); from != "" {
		return from
	}
	return "/"
}

// Knows reports whether paths can be told from the roots of their hierarchies: not where
// one of c is outside of the namespace, and nothing says where that begins.
func (ns CgroupNamespace) Knows(c ProcCgroup) bool {
	return ns != (CgroupNamespace{}) || !c.Outside()
}

// Outside reports whether one of the paths leads out of the reader's cgroup namespace.
func (c ProcCgroup) Outside() bool { return outside(c.Unified) || outside(c.CPU) || outside(c.Memory) }

func outside(path []byte) bool {
	return string(path) == "/.." || bytes.HasPrefix(path, []byte("/../"))
}

// fromCgroupRoot makes a path from the root of what stands there for a reader whose
// namespace begins at begin: as far up as both have in common, and then down.
func fromCgroupRoot(path, begin string) string {
	up := 0
	for strings.HasPrefix(path, "/../") || path == "/.." {
		path, up = path[len("/.."):], up+1
	}
	for ; up > 0 && begin != ""; up-- {
		begin = begin[:max(0, strings.LastIndexByte(begin, '/'))]
	}
	if path == "/" {
		path = ""
	}
	return begin + path
}
