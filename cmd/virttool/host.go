package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/containerd/cgroups/v3"

	"github.com/virt-exporter/virt_exporter/collector/identity"
	"github.com/virt-exporter/virt_exporter/collector/kernel"
)

// host is where the files of the host are.
type host struct {
	procfs, sysfs, rootfs string

	within func() kernel.CgroupNamespace // in which this process is
}

// cgroups returns the paths from the root of their hierarchy that an argument
// means, the likeliest first: that of a process may differ among hierarchies.
func (h host) cgroups(arg string) ([]string, error) {
	if strings.Trim(arg, "0123456789") != "" {
		return []string{h.belowRoot(arg)}, nil
	}
	if arg == "" {
		return nil, errors.New("an empty argument is neither a process nor a path")
	}
	controllers, unified, err := cgroups.ParseCgroupFileUnified(filepath.Join(h.procfs, arg, "cgroup"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no process %s in %s", arg, h.procfs)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the cgroups of process %s: %w", arg, err)
	}
	here := kernel.ProcCgroup{Unified: []byte(unified), CPU: []byte(controllers["cpu"]), Memory: []byte(controllers["memory"])}
	ns := h.within()
	if !ns.Knows(here) {
		return nil, fmt.Errorf("process %s is outside of this cgroup namespace: run in the host's, or where the host's /sys/fs/cgroup is mounted", arg)
	}
	if ns != (kernel.CgroupNamespace{}) { // where it begins is not known of other controllers
		return byLikelihood("", append(ns.Paths(here), "/")), nil
	}
	return byLikelihood(unified, slices.Collect(maps.Values(controllers))), nil
}

// byLikelihood puts the unified path first unless it is the root, then the
// longest of the controllers' paths: engines on hybrid hosts may use some
// hierarchies only.
func byLikelihood(unified string, controllers []string) []string {
	slices.SortFunc(controllers, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b))
	})
	paths := make([]string, 0, len(controllers)+1)
	if unified != "" && unified != "/" {
		paths = append(paths, unified)
	}
	paths = append(paths, slices.Compact(controllers)...)
	if len(paths) == 0 {
		paths = append(paths, "/")
	}
	return paths
}

// belowRoot strips the mount point and the hierarchy off a path in sysfs.
func (h host) belowRoot(arg string) string {
	clean := path.Join("/", arg)
	below, ok := strings.CutPrefix(clean, path.Join("/", h.sysfs, "fs/cgroup"))
	if !ok || below != "" && below[0] != '/' {
		return clean
	}
	hierarchy, rest, _ := strings.Cut(strings.TrimPrefix(below, "/"), "/")
	if isHierarchy(hierarchy) {
		below = rest
	}
	return path.Join("/", below)
}

// isHierarchy reports whether a directory in /sys/fs/cgroup is a hierarchy of
// its own: "unified" on a hybrid host, one or more controllers on v1.
func isHierarchy(name string) bool {
	for _, part := range strings.Split(name, ",") {
		switch part {
		case "unified", "systemd", "elogind", "openrc", "cpu", "cpuacct", "cpuset", "memory", "blkio", "devices", "freezer",
			"hugetlb", "net_cls", "net_prio", "perf_event", "pids", "rdma", "misc":
		default:
			return false
		}
	}
	return true
}

// identify answers for the first of the paths that lies in a guest. denied says
// that a file may name it which cannot be read.
func (h host) identify(paths []string) (found identified, denied bool) {
	for _, p := range paths {
		if who, ok := h.innermost(p); ok {
			return identified{
				Path: p, Kind: string(who.Kind), Runtime: who.Runtime, Guest: who.Name, ID: who.ID, Source: who.Source,
			}, who.Denied
		}
	}
	return identified{Path: paths[0]}, false
}

// innermost finds the innermost guest that holds the cgroup at p. It goes from
// the root inwards, since who is inside a guest is told by that guest's files.
func (h host) innermost(p string) (who identity.Who, ok bool) {
	resolver := identity.NewResolver(h.rootfs)
	around := "" // the guest whose files resolver reads, or is to read
	pending := false
	for _, dir := range prefixes(p) {
		m, isGuest := identity.FromPath(dir)
		candidate := !isGuest && identity.Candidate(dir)
		if pending && (isGuest || candidate) {
			resolver, pending = h.inside(around), false
		}
		if candidate {
			m, isGuest = resolver.Lookup(dir)
		}
		if !isGuest || m.Helper {
			continue
		}
		who = resolver.Resolve(dir, m)
		around, pending = dir, true
		ok = !who.Pause
	}
	return who, ok
}

// prefixes returns the directories on the way to p, p included.
func prefixes(p string) []string {
	var all []string
	for i := 1; i < len(p); i++ {
		if p[i] == '/' {
			all = append(all, p[:i])
		}
	}
	return append(all, p)
}

// inside returns a resolver for the files inside the guest at dir: those that
// any of its processes sees. Without one it is that of the host, which goes by
// the path and the id there. The files of a guest further out must not be asked:
// its containers may bear the same ids.
func (h host) inside(dir string) *identity.Resolver {
	r := identity.NewResolver(h.rootfs)
	mount := filepath.Join(h.sysfs, "fs/cgroup")
	hierarchies := []string{mount, filepath.Join(mount, "unified"), filepath.Join(mount, "systemd"), filepath.Join(mount, "memory")}
	for _, hierarchy := range hierarchies {
		if pid := anyProcess(hierarchy, dir); pid != "" {
			return r.In(filepath.Join(h.procfs, pid, "root"))
		}
	}
	return r
}

// anyProcess returns a process of the guest at dir that is in none of the
// guests inside it, "" where there is none.
func anyProcess(hierarchy, dir string) (pid string) {
	top := filepath.Join(hierarchy, dir)
	// What cannot be read has no process for us.
	_ = filepath.WalkDir(top, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return nil
		}
		if _, guest := identity.FromPath(strings.TrimPrefix(name, hierarchy)); guest && name != top {
			return fs.SkipDir
		}
		b, _ := os.ReadFile(filepath.Join(name, "cgroup.procs"))
		first, _, _ := strings.Cut(string(b), "\n")
		if n, err := strconv.Atoi(first); err == nil && n > 0 { // 0: a process of another PID namespace
			pid = first
			return fs.SkipAll
		}
		return nil
	})
	return pid
}
