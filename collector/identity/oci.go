package identity

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
)

// ociConfig is what we want of a bundle's config.json, the OCI runtime
// specification's configuration.
type ociConfig struct {
	Annotations map[string]string `json:"annotations"`
	Mounts      []struct {
		Source string `json:"source"`
	} `json:"mounts"`
	Linux struct {
		CgroupsPath string `json:"cgroupsPath"`
	} `json:"linux"`
}

func parseOCI(b []byte) (ociConfig, error) {
	var c ociConfig
	if err := json.Unmarshal(b, &c); err != nil {
		return ociConfig{}, fmt.Errorf("parsing an OCI configuration: %w", err)
	}
	return c, nil
}

// dockerDir returns the directory that Docker keeps for the container with this
// id, by the files in it that Docker mounts into the container. It is right
// wherever Docker's data root was moved to.
func (c ociConfig) dockerDir(id string) string {
	for _, m := range c.Mounts {
		dir, file := path.Split(m.Source)
		switch file {
		case "hostname", "hosts", "resolv.conf":
			if dir = path.Clean(dir); path.IsAbs(dir) && strings.HasSuffix(dir, "/containers/"+id) {
				return dir
			}
		}
	}
	return ""
}

const tasks = "io.containerd.runtime.v2.task"

// containerdRoots are the state directories of containerd and of those that
// bring one along.
func containerdRoots() []string {
	return []string{
		"/run/containerd",
		"/run/k3s/containerd", // and RKE2
		"/run/k0s/containerd",
		"/var/snap/microk8s/common/run/containerd",
		"/run/docker/containerd/daemon",
		"/run/snap.docker/containerd/daemon",
	}
}

// maxNamespaces bounds how many namespaces of one containerd are looked into.
const maxNamespaces = 64

// namespaces returns those of the containerd whose state is in root, the one
// that the path names first. Who may not list them may still enter them.
func (q *query) namespaces(root string) []string {
	all, err := q.files.names(path.Join(root, tasks))
	if isDenied(err) {
		all = []string{"k8s.io", "moby", "default"}
	}
	slices.Sort(all)
	if i := slices.IndexFunc(all, func(ns string) bool { return text(ns) == q.m.Scope }); i > 0 {
		all[0], all[i] = all[i], all[0]
	}
	return all[:min(len(all), maxNamespaces)]
}

// bundle looks for the bundle that containerd made for the container.
func (q *query) bundle() bool {
	if !fileName(q.m.ID) {
		return false
	}
	for _, root := range containerdRoots() {
		for _, ns := range q.namespaces(root) {
			if q.wrongNamespace(ns) {
				continue
			}
			dir := path.Join(root, tasks, ns, q.m.ID)
			file := path.Join(dir, "config.json")
			if b, ok := q.read(file); ok {
				c, err := parseOCI(b)
				return err == nil && q.bundled(ns, file, c)
			}
			if q.m.Runtime == "" && q.exists(dir) { // closed to us, but telling
				q.who.Runtime = engineOf(ns)
			}
		}
	}
	return false
}

// wrongNamespace reports whether the path says another namespace than ns. One
// id may be there in several.
func (q *query) wrongNamespace(ns string) bool {
	return q.m.Scope != "" && q.m.Scope != text(ns)
}

// engineOf returns the engine that uses a namespace of containerd: Docker's is
// "moby".
func engineOf(namespace string) string {
	if namespace == "moby" {
		return "docker"
	}
	return "containerd"
}

// bundled names the container by containerd's bundle of it.
func (q *query) bundled(ns, file string, c ociConfig) bool {
	w := &q.who
	w.Runtime, w.Labels, w.Source = engineOf(ns), c.Annotations, file
	if w.Runtime == "docker" {
		dir := c.dockerDir(q.m.ID)
		return dir != "" && q.dockerAt(dir)
	}
	if q.m.Scope == "" {
		q.m.Scope = ns
	}
	if !q.kube(criKeys(), c.Annotations) {
		// The id is the name, unless nerdctl gave it one. Nothing better will
		// come: the bundle never changes.
		w.Name = q.scoped(text(short(q.m.ID)))
		if name := c.Annotations["nerdctl/name"]; name != "" {
			w.Name = q.scoped(text(name))
		}
	}
	return true
}

// kubeKeys are the annotations by which an implementation of the kubelet's CRI
// says what a container is.
type kubeKeys struct {
	namespace, pod, container, kind, image string
}

func criKeys() kubeKeys {
	return kubeKeys{
		namespace: "io.kubernetes.cri.sandbox-namespace",
		pod:       "io.kubernetes.cri.sandbox-name",
		container: "io.kubernetes.cri.container-name",
		kind:      "io.kubernetes.cri.container-type",
		image:     "io.kubernetes.cri.image-name",
	}
}

func crioKeys() kubeKeys {
	return kubeKeys{
		namespace: "io.kubernetes.pod.namespace",
		pod:       "io.kubernetes.pod.name",
		container: "io.kubernetes.container.name",
		kind:      "io.kubernetes.cri-o.ContainerType",
		image:     "io.kubernetes.cri-o.ImageName",
	}
}

// kube names a container of Kubernetes by its annotations.
func (q *query) kube(k kubeKeys, a map[string]string) bool {
	w, container := &q.who, a[k.container]
	if a[k.kind] == "sandbox" {
		w.Pause = true
		container = "POD" // what the kubelet called it
	}
	if !q.pod(a[k.namespace], a[k.pod], container) {
		return false
	}
	w.Image = a[k.image]
	return true
}

// containerdAt looks for a container that containerd has put at a path of its
// own choice, by default /NAMESPACE/ID.
func (r *Resolver) containerdAt(own string, v visited) (Match, bool) {
	if !fileName(v.name) {
		return Match{}, false
	}
	q := query{Resolver: r, files: r.files}
	if v.at.depth == 1 {
		q.m.Scope = v.at.parent
	}
	for _, root := range containerdRoots() {
		for _, ns := range q.namespaces(root) {
			dir := path.Join(root, tasks, ns)
			id := v.name
			if !q.isAt(path.Join(dir, id), own, ns) {
				id, _, _ = r.cgroupIndex(dir, "config.json", cgroupOf).get(r.files, own)
			}
			if id != "" {
				m := v.at.named(engineOf(ns), id)
				m.ID, m.Scope = m.Name, text(ns)
				return m, true
			}
		}
	}
	return Match{}, false
}

func cgroupOf(config []byte) (string, error) {
	c, err := parseOCI(config)
	return path.Join("/", c.Linux.CgroupsPath), err
}

// isAt reports whether the bundle in dir is of the container whose cgroup is
// own. A bundle that may not be read is believed where the path is the default.
func (q *query) isAt(dir, own, ns string) bool {
	b, err := q.files.read(path.Join(dir, "config.json"))
	if isDenied(err) {
		return own == path.Join("/", ns, path.Base(dir)) && q.exists(dir)
	}
	if err != nil {
		return false
	}
	cgroup, err := cgroupOf(b)
	return err == nil && cgroup == own
}
