package identity

import (
	"slices"
	"strings"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// byPath is the Source of a name that the path alone gave.
const byPath = "path"

// query is the search for one guest's name.
type query struct {
	*Resolver
	files  tree   // in place of the Resolver's
	home   string // of the user who runs the guest, empty where that is root
	path   string
	m      Match
	who    Who
	denied bool
	late   bool // a file that may name it has not been read yet
}

// ask goes to the engines that may know, until one does.
func (q *query) ask() {
	for _, source := range q.sources() {
		if source() {
			q.who.Found = true
			return
		}
	}
}

func (q *query) sources() []func() bool {
	if q.m.Kind == model.VM {
		return []func() bool{q.proxmoxVM}
	}
	if q.m.Foreign() {
		return q.userSources()
	}
	switch q.m.Runtime {
	case "docker":
		return []func() bool{q.docker, q.bundle, q.kubeLog}
	case "containerd":
		return []func() bool{q.bundle, q.kubeLog}
	case "podman":
		return []func() bool{q.storage, q.userdata}
	case "crio":
		return []func() bool{q.userdata, q.storage, q.kubeLog}
	case "runc", "crun":
		return []func() bool{q.runc}
	case "lxc":
		return []func() bool{q.lxc}
	case "nspawn", "libvirt-lxc":
		return []func() bool{q.machine}
	case "":
		return []func() bool{q.docker, q.bundle, q.userdata, q.storage, q.runc, q.kubeLog}
	}
	return nil
}

// userSources are those for the engines that a user runs without root. What
// root's engines say of a container with the same id is not asked: a user may
// call a directory in their own tree after it.
func (q *query) userSources() []func() bool {
	switch q.m.Runtime {
	case "docker":
		return []func() bool{q.docker}
	case "podman":
		return []func() bool{q.storage, q.userdata}
	case "crio":
		return []func() bool{q.userdata, q.storage}
	case "":
		return []func() bool{q.docker, q.userdata, q.storage}
	}
	return nil
}

// answer fills in what the path itself says where no file said more.
func (q *query) answer(v visited) Who {
	w := &q.who
	if !w.Found {
		q.byPath(v)
	}
	w.clean()
	if w.Name == "" {
		w.Name = short(w.ID)
	}
	if w.Name == "" {
		w.Name = text(v.name) // a Match that was made by hand
	}
	if w.Runtime == "" {
		w.Runtime = "unknown"
	}
	w.Denied = q.denied && (!w.Found || w.Source == byPath)
	w.Late = q.late
	w.Found = w.Found && !w.Late
	return *w
}

// clean makes values of labels of what files and paths say.
func (w *Who) clean() {
	for _, s := range []*string{
		&w.Runtime, &w.Name, &w.ID, &w.UUID, &w.Image, &w.Project, &w.KubeNamespace, &w.KubePod, &w.KubeContainer,
	} {
		*s = text(*s)
	}
	w.Source, w.Labels = valid(w.Source), labels(w.Labels)
}

func (q *query) byPath(v visited) {
	name := q.m.Name
	if q.m.Kind == model.VM {
		q.who.Runtime, name, _ = vmName(v.at, v.name)
	}
	if name == "" {
		return
	}
	q.who.Name, q.who.Source, q.who.Found = q.scoped(name), byPath, true
}

// scoped puts the scope before a name that is unique only inside it.
func (q *query) scoped(name string) string {
	switch q.m.Scope {
	case "", "default", "moby", "k8s.io":
		return name
	}
	return q.m.Scope + "/" + name
}

// read returns a file, and notes whether one was there that may not be read.
func (q *query) read(path string) ([]byte, bool) {
	b, err := q.files.read(path)
	q.note(err)
	return b, err == nil
}

// exists reports whether there is anything at path.
func (q *query) exists(path string) bool {
	_, err := q.files.lstat(path)
	q.note(err)
	return err == nil
}

func (q *query) note(err error) { q.denied = q.denied || isDenied(err) }

// fileName reports whether a name can be put into a path as one file's name.
func fileName(s string) bool {
	return s != "" && s != "." && s != ".." && len(s) <= 255 && !strings.ContainsAny(s, "/\x00")
}

// pod sets the name of a container in a Kubernetes pod. It reports false where
// a part of it is missing. What a user's files say is no word of the cluster's,
// and may be the name of any pod there: it makes a scoped name and no more.
func (q *query) pod(namespace, pod, container string) bool {
	if slices.Contains([]string{namespace, pod, container}, "") {
		return false
	}
	w, name := &q.who, namespace+"/"+pod+"/"+container
	if q.m.Foreign() {
		w.Name = q.scoped(name)
		return true
	}
	w.Name = name
	w.KubeNamespace, w.KubePod, w.KubeContainer = namespace, pod, container
	return true
}
