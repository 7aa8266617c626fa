package identity

import (
	"encoding/json"
	"fmt"
	"path"
	"strings"
)

// stored is a container in the list of containers/storage, the library that
// Podman and CRI-O share.
type stored struct {
	Name, Image string
	Infra       bool // holds the namespaces of a pod
}

// storedJSON is an entry of containers.json. Its metadata is JSON in a string.
type storedJSON struct {
	ID       string   `json:"id"`
	Names    []string `json:"names"`
	Metadata string   `json:"metadata"`
}

type storedMetadata struct {
	Name    string `json:"name"`
	Image   string `json:"image-name"`
	IsInfra bool   `json:"is-infra"`
}

// parseStorage reads containers.json or volatile-containers.json.
func parseStorage(b []byte) (map[string]stored, error) {
	var list []storedJSON
	if err := json.Unmarshal(b, &list); err != nil {
		return nil, fmt.Errorf("parsing a list of containers/storage: %w", err)
	}
	all := make(map[string]stored, len(list))
	for _, c := range list {
		var m storedMetadata
		if json.Unmarshal([]byte(c.Metadata), &m) != nil {
			m = storedMetadata{} // that of another program: names are enough
		}
		s := stored{Name: m.Name, Image: m.Image}
		if len(c.Names) > 0 {
			s.Name = c.Names[0] // follows a renaming, the metadata does not
		}
		s.Infra = m.IsInfra || isInfra(s)
		all[c.ID] = s
	}
	return all, nil
}

// isInfra knows the infra container of a Podman pod, and the service container
// of "kube play", by name and image. A name alone proves nothing: people call
// their own containers so.
func isInfra(s stored) bool {
	base, infra := strings.CutSuffix(s.Name, "-infra")
	_, service := strings.CutSuffix(s.Name, "-service")
	if infra && len(base) == 12 && lowerHex(base) {
		return true
	}
	repository := s.Image[strings.LastIndexByte(s.Image, '/')+1:]
	repository, _, _ = strings.Cut(repository, ":")
	pause := s.Image == "" || repository == "pause" || repository == "podman-pause"
	return (infra || service) && pause
}

// storageDirs are where containers/storage keeps its lists and what belongs to
// a container. The run root holds the lists of hosts that forget containers at
// boot.
func (q *query) storageDirs() []string {
	roots := []string{"/var/lib/containers/storage", "/run/containers/storage"}
	if q.home != "" {
		roots = []string{path.Join(q.home, ".local/share/containers/storage"), path.Join(runtimeDir(q.m.Scope), "containers")}
	}
	var dirs []string
	for _, driver := range []string{"overlay", "vfs", "btrfs", "zfs"} {
		for _, root := range roots {
			dirs = append(dirs, path.Join(root, driver+"-containers"))
		}
	}
	return dirs
}

// storage looks for the container in the lists of containers/storage.
func (q *query) storage() bool {
	for _, dir := range q.storageDirs() {
		for _, list := range []string{"containers.json", "volatile-containers.json"} {
			file := path.Join(dir, list)
			if s, ok := q.stored(file)[q.m.ID]; ok && s.Name != "" {
				q.fromStorage(file, s)
				return true
			}
		}
	}
	return false
}

func (q *query) fromStorage(file string, s stored) {
	w := &q.who
	k, isKube := parseKubeName(s.Name)
	if w.Runtime == "" {
		w.Runtime = "podman"
		if isKube {
			w.Runtime = "crio"
		}
	}
	if q.userdata() { // annotations say more
		return
	}
	w.Image, w.Source = s.Image, file
	w.Pause = w.Pause || s.Infra
	if isKube && q.pod(k.namespace, k.pod, k.container) {
		w.Pause = k.container == "POD"
		return
	}
	w.Name = q.scoped(s.Name)
}

// userdata looks for the configuration that CRI-O and Podman keep beside the
// container's storage. Podman's has annotations, but no name.
func (q *query) userdata() bool {
	if !fileName(q.m.ID) {
		return false
	}
	for _, dir := range q.storageDirs()[:2] {
		file := path.Join(dir, q.m.ID, "userdata/config.json")
		b, ok := q.read(file)
		if !ok {
			continue
		}
		c, err := parseOCI(b)
		if err != nil {
			continue
		}
		q.managed(c)
		if q.kube(crioKeys(), c.Annotations) {
			q.who.Source = file
			return true
		}
	}
	return false
}

// managed takes over the annotations, and the engine from them where the path
// does not tell it.
func (q *query) managed(c ociConfig) {
	w := &q.who
	w.Labels = c.Annotations
	if q.m.Runtime != "" {
		return
	}
	switch c.Annotations["io.container.manager"] {
	case "cri-o":
		w.Runtime = "crio"
	case "libpod":
		w.Runtime = "podman"
	}
}
