package identity

import (
	"strings"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// FromPath says what the cgroup directory at path is, where path counts from
// the root of its hierarchy ("/docker/ID"). ok is false for a directory that is
// no guest's own: slices, services, pods, and what lies inside a guest, be it
// the guest's own systemd ("/lxc.payload.c1/system.slice/x.service") or a
// sub-cgroup that the engine makes ("libpod-ID.scope/container"). A guest
// inside another has a path that ends in its own directory
// ("/lxc.payload.c1/docker/ID").
//
// The guest's own directory is the one that holds all of it and its limits:
// the scope of Podman, the payload of a Quadlet service (whose unit also holds
// conmon), the unit of systemd-nspawn.
//
// The path is read once from left to right, whatever its depth.
func FromPath(path string) (m Match, ok bool) {
	v := visit(path)
	return v.match, v.ok
}

// Candidate says whether a directory that FromPath does not know may still be
// a guest known by an engine's files: containerd's /NAMESPACE/NAME and the free
// paths of runc. It is false for slices, services, scopes, the root, what lies
// in a virtual machine or a helper, and the parents that engines make.
func Candidate(path string) bool {
	v := visit(path)
	return !v.ok && !v.closed && plainName(v.name)
}

// visited is what one pass over a path found.
type visited struct {
	match  Match
	ok     bool
	closed bool   // below a virtual machine or a helper: no guests there
	name   string // the last name
	at     place  // where that name stands
	end    int    // where in the path that name ends
	tail   int    // where in the path the guest around it ends, 0 for none
}

// visit classifies each name of path in turn, each in the light of the names
// above it up to the next guest: inside a guest a tree of its own begins.
func visit(path string) visited {
	var v visited
	for pos := 0; pos < len(path); {
		end := pos + nameEnd(path[pos:])
		name := path[pos:end]
		if name == "" || name == "." || name == ".." { // ".." leads out of a cgroup namespace
			pos = end + 1
			continue
		}
		if v.name != "" && !v.descend() {
			return v
		}
		v.name, v.end = name, end
		v.match, v.ok = v.at.classify(name)
		pos = end + 1
	}
	return v
}

// descend makes v ready for the name below the one just classified. It reports
// false where no guest can follow.
func (v *visited) descend() bool {
	switch {
	case !v.ok:
		v.at = v.at.below(v.name)
	case v.match.Helper || v.match.Kind == model.VM:
		v.match, v.ok, v.closed = Match{}, false, true
		return false
	default:
		v.at = place{around: v.match.Runtime}
		v.tail = v.end
	}
	return true
}

func nameEnd(s string) int {
	if i := strings.IndexByte(s, '/'); i >= 0 {
		return i
	}
	return len(s)
}

// place is where a directory stands below the guest around it, or below the
// root.
type place struct {
	parent, grand string // the two names above, empty at the top
	depth         int    // names above
	around        string // runtime of the guest around it
	scope         string // user@UID where a user's own systemd runs it
	podUID        string // the Kubernetes pod above
}

// below returns the place for the directories below name.
func (p place) below(name string) place {
	p.parent, p.grand = name, p.parent
	p.depth++
	// Who has a tree of their own may call a directory in it after another user.
	if uid, ok := cut(name, userScope, ".service"); ok && digits(uid) && p.scope == "" {
		p.scope = name[:len(userScope)+len(uid)]
	}
	if uid := podUID(name); uid != "" {
		p.podUID = uid
	}
	return p
}

// classify asks each engine's rules in turn. Those that go by a name of the
// engine's own making come first, those that go by the shape of an id last.
func (p place) classify(name string) (Match, bool) {
	for _, rule := range rules() {
		if m, ok := rule(p, name); ok {
			return m, true
		}
	}
	return Match{}, false
}

// rule recognises the directories of one engine.
type rule func(p place, name string) (Match, bool)

func rules() [9]rule {
	return [...]rule{
		matchVM, matchLXC, matchMachine, matchNspawnPayload, matchUnit, matchColons, matchScheduler, matchContainerd, matchID,
	}
}

func (p place) container(runtime string) Match {
	return Match{Kind: model.Container, Runtime: runtime, Scope: p.scope, PodUID: p.podUID}
}

func (p place) withID(runtime, id string) Match {
	m := p.container(runtime)
	m.ID = text(id)
	return m
}

func (p place) named(runtime, name string) Match {
	m := p.container(runtime)
	m.Name = text(name)
	return m
}

func (p place) helper(runtime string) Match {
	m := p.container(runtime)
	m.Helper = true
	return m
}

// plainName reports whether name is none that systemd, the kernel or an engine
// gives to directories that are no container.
func plainName(name string) bool {
	switch name {
	case "", "docker", "lxc", "lxc.payload", "libpod_parent", "ecs", "nomad", "share", "reserve", "garden", "firecracker",
		"kubelet", "kubepods", "burstable", "besteffort", "kata_overhead", "podruntime", "init", "system", "user", "machine",
		"elogind", "openrc", "ns", "payload", "supervisor", "container", "libvirt", "emulator", "default", "k8s.io", "moby":
		return false
	}
	if podUID(name) != "" || hexID(name) || strings.HasPrefix(name, "openrc.") || strings.HasPrefix(name, "lxc.payload.") {
		return false
	}
	switch name[strings.LastIndexByte(name, '.')+1:] {
	case "slice", "service", "scope", "mount", "automount", "swap", "socket", "timer", "path", "target", "device", "partition":
		return !strings.Contains(name, ".") // a container may be called "path"
	}
	return true
}
