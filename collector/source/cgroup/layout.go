package cgroup

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/containerd/cgroups/v3"
)

// hierarchy is a mounted cgroup hierarchy.
type hierarchy struct {
	root string // absolute path of the mount
	v2   bool
}

// layout says which hierarchy answers for which controller. A hierarchy with
// an empty root is not there.
type layout struct {
	mode    cgroups.CGMode
	unified hierarchy // cgroup v2: PSI, cpu.stat and threads, also on hybrid hosts

	cpu, cpuacct, memory, io, cpuset, freezer hierarchy

	// walked are the hierarchies in which guests are looked for: the unified
	// one, and of v1 one controller and systemd's own, because not every engine
	// enters all of them.
	walked []hierarchy
}

var errNoCgroups = errors.New("no cgroup hierarchy is mounted")

// findLayout looks at what is mounted below sysfs. It looks at the files, not
// at the mount table, because below --path.sysfs the host's mounts are seen
// through a bind mount, and because a fixture has no mounts.
func findLayout(sysfs string) (layout, error) {
	root := filepath.Join(sysfs, "fs/cgroup")
	var l layout
	switch l.mode = mode(sysfs, root); l.mode {
	case cgroups.Unified:
		l.unified = hierarchy{root, true}
	case cgroups.Hybrid:
		l.unified = hierarchy{filepath.Join(root, "unified"), true}
	case cgroups.Legacy:
	default:
		return l, errNoCgroups
	}
	v2 := l.v2Controllers()
	pick := func(controller string) hierarchy {
		if v2[controller] {
			return l.unified
		}
		return findV1(root, controller)
	}
	l.cpu, l.memory, l.cpuset = pick("cpu"), pick("memory"), pick("cpuset")
	l.cpuacct, l.freezer = findV1(root, "cpuacct"), findV1(root, "freezer")
	if l.io = findV1(root, "blkio"); v2["io"] {
		l.io = l.unified
	}
	if l.mode == cgroups.Unified {
		l.freezer = l.unified // not a controller there, but always on
	}
	l.walked = l.walkedHierarchies(root)
	if len(l.walked) == 0 {
		return l, errNoCgroups
	}
	return l, nil
}

// mode asks the library for the running system, which it decides by the type
// of the mounted file system, and looks for the kernel's own files elsewhere.
func mode(sysfs, root string) cgroups.CGMode {
	if filepath.Clean(sysfs) == "/sys" {
		return cgroups.Mode()
	}
	switch {
	case exists(filepath.Join(root, "cgroup.controllers")):
		return cgroups.Unified
	case exists(filepath.Join(root, "unified/cgroup.controllers")):
		return cgroups.Hybrid
	case exists(root):
		return cgroups.Legacy
	}
	return cgroups.Unavailable
}

func (l *layout) v2Controllers() map[string]bool {
	found := make(map[string]bool)
	if l.unified.root == "" {
		return found
	}
	b, err := os.ReadFile(filepath.Join(l.unified.root, "cgroup.controllers"))
	if err != nil {
		// Unreadable: on a pure v2 host there is nowhere else to look, so the
		// guests' own files decide.
		for _, c := range []string{"cpu", "memory", "io", "cpuset"} {
			found[c] = l.mode == cgroups.Unified
		}
		return found
	}
	for _, c := range strings.Fields(string(b)) {
		found[c] = true
	}
	return found
}

// findV1 returns the v1 hierarchy of a controller, which may be mounted alone
// or together with others ("cpu,cpuacct").
func findV1(root, controller string) hierarchy {
	for _, name := range []string{controller, "cpu,cpuacct", "cpuacct,cpu"} {
		if name != controller && controller != "cpu" && controller != "cpuacct" {
			continue
		}
		if dir := filepath.Join(root, name); exists(filepath.Join(dir, "tasks")) || exists(filepath.Join(dir, "cgroup.procs")) {
			return hierarchy{root: dir}
		}
	}
	return hierarchy{}
}

func (l *layout) walkedHierarchies(root string) []hierarchy {
	var walked []hierarchy
	add := func(h hierarchy) {
		if h.root != "" && (len(walked) == 0 || walked[len(walked)-1].root != h.root) {
			walked = append(walked, h)
		}
	}
	add(l.unified)
	if l.mode == cgroups.Unified {
		return walked
	}
	for _, h := range []hierarchy{findV1(root, "cpu"), findV1(root, "memory"), findV1(root, "pids")} {
		if h.root != "" {
			add(h)
			break
		}
	}
	if l.unified.root == "" {
		add(findV1(root, "systemd"))
	}
	return walked
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
