package identity

import (
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// Resolver names guests by the files that engines keep below a root. It may be
// used by several goroutines at a time.
type Resolver struct {
	files tree
	inner bool // the files of another container

	mu      sync.Mutex
	kubelet *dirIndex[kubeLog]
	lists   map[string]*storageList        // of Podman, by path
	cgroups map[string]*dirIndex[struct{}] // of containers with a free path, by directory
}

// NewResolver returns a Resolver for the files below rootfs, "/" for those of
// this machine. Where it is another directory, symbolic links in it are
// resolved within it, which needs Linux 5.6.
func NewResolver(rootfs string) *Resolver {
	return &Resolver{
		files:   tree(filepath.Clean("/" + absolute(rootfs))),
		kubelet: newDirIndex("/var/log/containers", parseKubeLog),
		lists:   make(map[string]*storageList),
		cgroups: make(map[string]*dirIndex[struct{}]),
	}
}

func absolute(dir string) string {
	if dir == "" {
		return "/"
	}
	if abs, err := filepath.Abs(dir); err == nil {
		return abs
	}
	return dir
}

// In returns a Resolver for the guests inside another container, by the files
// of that container: root is <procfs>/PID/root of any of its processes. The
// paths given to it are from the host's root all the same. What those files say
// was written by whoever owns that container, and a file system of theirs can
// make a reading wait: keep it off a scrape's own path.
func (r *Resolver) In(root string) *Resolver {
	in := NewResolver(root)
	in.inner = true
	return in
}

// Resolve names the guest at path, of which FromPath or Lookup said m. It reads
// regular files only, at most 4 MiB of each.
//
// A guest inside another one that has but a name, no id, is named by its path
// alone, unless the Resolver is one for the files of the guest around it: on the
// host the same name may be somebody else's.
func (r *Resolver) Resolve(path string, m Match) Who {
	v := visit(path)
	q := &query{
		Resolver: r, path: path, m: m,
		who: Who{Kind: m.Kind, Runtime: m.Runtime, ID: m.ID},
	}
	if r.inner || v.tail == 0 || hexID(m.ID) {
		q.ask()
	}
	return q.answer(v)
}

// Lookup asks the engines' files about a directory for which FromPath was not
// ok but Candidate was.
func (r *Resolver) Lookup(path string) (Match, bool) {
	v := visit(path)
	if v.ok || v.closed || !plainName(v.name) || (v.tail > 0 && !r.inner) {
		return Match{}, false
	}
	own := filepath.Clean("/" + path[v.tail:])
	if m, ok := r.containerdAt(own, v); ok {
		return m, true
	}
	return r.runcAt(own, v)
}

// byPath is the Source of a name that the path alone gave.
const byPath = "path"

// query is the search for one guest's name.
type query struct {
	*Resolver
	path   string
	m      Match
	who    Who
	denied bool
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

// answer fills in what the path itself says where no file said more.
func (q *query) answer(v visited) Who {
	w := &q.who
	if !w.Found {
		q.byPath(v)
	}
	if w.Name = text(w.Name); w.Name == "" {
		w.Name = text(short(w.ID))
	}
	if w.Name == "" {
		w.Name = text(v.name) // a Match that was made by hand
	}
	if w.Runtime == "" {
		w.Runtime = "unknown"
	}
	w.Denied = q.denied && (!w.Found || w.Source == byPath)
	w.Image = text(w.Image)
	return *w
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
// a part of it is missing.
func (w *Who) pod(namespace, pod, container string) bool {
	if slices.Contains([]string{namespace, pod, container}, "") {
		return false
	}
	w.KubeNamespace, w.KubePod, w.KubeContainer = text(namespace), text(pod), text(container)
	w.Name = w.KubeNamespace + "/" + w.KubePod + "/" + w.KubeContainer
	return true
}
