package identity

import "strings"

// unit is the form of the directories that an engine makes for its containers:
// prefix, id of 64 hex digits, and ".scope" where systemd makes them.
type unit struct {
	prefix  string
	runtime string
	helper  bool
}

// units lists them, the longer of two that begin alike first.
func units() [10]unit {
	return [...]unit{
		{prefix: "docker-", runtime: "docker"},
		{prefix: "cri-containerd-", runtime: "containerd"},
		{prefix: "nerdctl-", runtime: "containerd"},
		{prefix: "crio-conmon-", runtime: "crio", helper: true},
		{prefix: "crio-", runtime: "crio"},
		{prefix: "libpod-conmon-", runtime: "podman", helper: true},
		{prefix: "libpod-payload-", runtime: "podman"}, // Quadlet and --cgroups=split
		{prefix: "libpod-", runtime: "podman"},
		{prefix: "runc-", runtime: ""}, // somebody's runc: only files tell whose
		{prefix: "crun-", runtime: ""},
	}
}

// matchUnit knows the names that carry their engine's.
func matchUnit(p place, name string) (Match, bool) {
	if p.isConmon(name) {
		return p.helper("podman"), true
	}
	base := strings.TrimSuffix(name, ".scope")
	for _, u := range units() {
		id, ok := strings.CutPrefix(base, u.prefix)
		switch {
		case !ok:
		case hexID(id):
			m := p.withID(u.runtime, id)
			m.Helper = u.helper
			return m, true
		case u.prefix == "docker-" && base != name && buildkitID(id):
			return p.helper(u.runtime), true
		case (u.prefix == "runc-" || u.prefix == "crun-") && base != name && id != "":
			return p.ownUnit(strings.TrimSuffix(u.prefix, "-"), id), true
		}
	}
	if i := len(base) - hexLen; base != name && i > 0 && base[i-1] == '-' && hexID(base[i:]) {
		return p.withID("", base[i:]), true
	}
	return Match{}, false
}

// ownUnit is the scope that runc or crun makes by itself, with an id that a
// person chose.
func (p place) ownUnit(runtime, id string) Match {
	m := p.named(runtime, unescape(id))
	m.ID = m.Name
	return m
}

// isConmon knows the directories of Podman's monitor: "conmon" with cgroupfs,
// and with --cgroups=split the sibling "runtime" of the payload.
func (p place) isConmon(name string) bool {
	return name == "conmon" ||
		name == "runtime" && (strings.HasSuffix(p.parent, ".service") || strings.HasSuffix(p.parent, ".scope"))
}

// matchColons knows SLICE:PREFIX:ID, the way to tell runc of a systemd unit,
// taken as the name of a directory by a runtime that was not told to use
// systemd.
func matchColons(p place, name string) (Match, bool) {
	slice, rest, ok := strings.Cut(name, ":")
	if !ok {
		return Match{}, false
	}
	prefix, id, ok := strings.Cut(rest, ":")
	if !ok || !hexID(id) {
		return Match{}, false
	}
	if uid := podUID(slice); uid != "" {
		p.podUID = uid
	}
	for _, u := range units() {
		if prefix == strings.TrimSuffix(u.prefix, "-") {
			m := p.withID(u.runtime, id)
			m.Helper = u.helper
			return m, true
		}
	}
	return p.withID("", id), true
}

// matchScheduler knows the directories that Nomad and ECS make. A container of
// Docker that Nomad started has Docker's own name instead.
func matchScheduler(p place, name string) (Match, bool) {
	base := strings.TrimSuffix(name, ".scope")
	if len(base) > uuidLen+1 && base[uuidLen] == '.' && isUUID(base[:uuidLen]) && (base != name || p.inNomad()) {
		m := p.named("nomad", unescape(base[uuidLen+1:]))
		m.ID = base[:uuidLen]
		return m, true
	}
	if p.grand == "ecs" && hexID(name) {
		return p.withID("docker", name), true
	}
	// On Fargate: the task's id and a number.
	if task, number, ok := strings.Cut(name, "-"); ok && p.grand == "ecs" && task == p.parent && digits(number) {
		return p.withID("containerd", name), true
	}
	return Match{}, false
}

func (p place) inNomad() bool {
	return p.parent == "nomad" || p.grand == "nomad" || p.parent == "nomad.slice" || p.grand == "nomad.slice"
}

// matchContainerd knows /NAMESPACE/ID for the namespaces that every containerd
// has; others are found by containerd's files.
func matchContainerd(p place, name string) (Match, bool) {
	if p.depth != 1 || (p.parent != "default" && p.parent != "k8s.io" && p.parent != "moby") {
		return Match{}, false
	}
	runtime := "containerd"
	if p.parent == "moby" {
		runtime = "docker"
	}
	m := p.withID(runtime, text(name))
	m.Scope = p.parent
	if !hexID(name) {
		m.Name = m.ID
	}
	return m, true
}

// matchID knows a directory that is called by an id alone.
func matchID(p place, name string) (Match, bool) {
	switch {
	case name == "buildkit":
		return p.helper("docker"), true
	case !hexID(name):
		return Match{}, false
	case p.parent == "libpod_parent": // a pod of Podman with cgroupfs
		return Match{}, false
	case p.parent == "docker":
		return p.withID("docker", name), true
	}
	return p.withID("", name), true
}
