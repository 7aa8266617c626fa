package identity

import (
	"encoding/json"
	"fmt"
	"path"
	"strings"
)

// runcState is what we want of runc's state.json and of crun's status.
type runcState struct {
	ID     string
	Labels map[string]string // its annotations and, as "bundle", its directory
	Cgroup string            // from the root of its hierarchy
}

// parseRunc reads /run/runc/ID/state.json.
func parseRunc(b []byte) (runcState, error) {
	var s struct {
		ID          string            `json:"id"`
		CgroupPaths map[string]string `json:"cgroup_paths"`
		Config      struct {
			Labels []string `json:"labels"`
		} `json:"config"`
	}
	if err := json.Unmarshal(b, &s); err != nil {
		return runcState{}, fmt.Errorf("parsing a state of runc: %w", err)
	}
	state := runcState{ID: s.ID, Labels: make(map[string]string, len(s.Config.Labels))}
	for _, l := range s.Config.Labels {
		k, v, _ := strings.Cut(l, "=")
		state.Labels[k] = v
	}
	for controller, dir := range s.CgroupPaths {
		if p := belowMount(controller, dir); len(p) > len(state.Cgroup) || len(p) == len(state.Cgroup) && p < state.Cgroup {
			state.Cgroup = p // hierarchies that it is not in give the root
		}
	}
	return state, nil
}

// parseCrun reads /run/crun/ID/status.
func parseCrun(b []byte) (runcState, error) {
	var s struct {
		Cgroup string `json:"cgroup-path"`
		Bundle string `json:"bundle"`
	}
	if err := json.Unmarshal(b, &s); err != nil {
		return runcState{}, fmt.Errorf("parsing a status of crun: %w", err)
	}
	return runcState{Labels: map[string]string{"bundle": s.Bundle}, Cgroup: path.Join("/", s.Cgroup)}, nil
}

// belowMount strips the mount point of a hierarchy off a path: /sys/fs/cgroup on
// v2, which has no controller's name, a directory below it on v1 and hybrid
// hosts.
func belowMount(controller, dir string) string {
	below, ok := strings.CutPrefix(path.Join("/", dir), "/sys/fs/cgroup/")
	if !ok {
		return path.Join("/", dir)
	}
	if hierarchy, rest, _ := strings.Cut(below, "/"); controller != "" || hierarchy == "unified" {
		below = rest
	}
	return "/" + below
}

// ociRuntime is a program that runs containers by itself.
type ociRuntime struct {
	name, dir, file string
	parse           func([]byte) (runcState, error)
}

func ociRuntimes() []ociRuntime {
	return []ociRuntime{
		{"runc", "/run/runc", "state.json", parseRunc},
		{"crun", "/run/crun", "status", parseCrun},
	}
}

// runc looks for the state of a container that runc or crun runs by itself.
// Engines use the same directories: they are asked first.
func (q *query) runc() bool {
	if !fileName(q.m.ID) {
		return false
	}
	for _, o := range ociRuntimes() {
		file := path.Join(o.dir, q.m.ID, o.file)
		b, ok := q.read(file)
		if !ok {
			continue
		}
		s, err := o.parse(b)
		if err != nil {
			continue
		}
		w := &q.who
		w.Runtime, w.Labels, w.Source = o.name, s.Labels, file
		w.Name = q.scoped(text(short(q.m.ID)))
		return true
	}
	return false
}

// runcAt looks for a container of runc or crun alone whose cgroup is own.
func (r *Resolver) runcAt(own string, v visited) (Match, bool) {
	for _, o := range ociRuntimes() {
		index := r.cgroupIndex(o.dir, o.file, func(b []byte) (string, error) {
			s, err := o.parse(b)
			return s.Cgroup, err
		})
		if id, _, err := index.get(r.files, own); err == nil && id != "" {
			m := v.at.named(o.name, id)
			m.ID = m.Name
			return m, true
		}
	}
	return Match{}, false
}
