package identity

import (
	"encoding/json"
	"fmt"
	"path"
	"strings"
)

// dockerConfig is what we want of Docker's containers/ID/config.v2.json. It is
// the same with the image store of Docker 29, which keeps layers elsewhere:
// names are never taken of the paths of layers.
type dockerConfig struct {
	ID     string
	Name   string // with a leading slash
	Config struct {
		Image  string
		Labels map[string]string
	}
}

func parseDocker(b []byte) (dockerConfig, error) {
	var c dockerConfig
	if err := json.Unmarshal(b, &c); err != nil {
		return dockerConfig{}, fmt.Errorf("parsing a container of docker: %w", err)
	}
	c.Name = strings.TrimPrefix(c.Name, "/")
	return c, nil
}

// parseDataRoot returns the data root that Docker's daemon.json sets, "" where
// it sets none.
func parseDataRoot(b []byte) string {
	var c struct {
		DataRoot string `json:"data-root"`
		Graph    string `json:"graph"` // its name until 17.05
	}
	if json.Unmarshal(b, &c) != nil {
		return ""
	}
	for _, dir := range []string{c.DataRoot, c.Graph} {
		if path.IsAbs(dir) {
			return path.Clean(dir)
		}
	}
	return ""
}

// docker looks into Docker's own directories. That they are where they are by
// default is not certain: bundle finds others.
func (q *query) docker() bool {
	if !fileName(q.m.ID) {
		return false
	}
	for _, root := range q.dockerRoots() {
		if q.dockerAt(path.Join(root, "containers", q.m.ID)) {
			return true
		}
	}
	return false
}

func (q *query) dockerRoots() []string {
	if q.home != "" {
		return []string{path.Join(q.home, ".local/share/docker")}
	}
	roots := []string{"/var/lib/docker", "/var/snap/docker/common/var-lib-docker"}
	if b, err := q.files.read("/etc/docker/daemon.json"); err == nil {
		if root := parseDataRoot(b); root != "" {
			roots = append(roots, root)
		}
	}
	return roots
}

// dockerAt reads the directory that Docker keeps for the container.
func (q *query) dockerAt(dir string) bool {
	file := path.Join(dir, "config.v2.json")
	b, ok := q.read(file)
	if !ok {
		return false
	}
	c, err := parseDocker(b)
	if err != nil || c.Name == "" || (c.ID != "" && c.ID != q.m.ID) {
		return false
	}
	w := &q.who
	w.Runtime, w.Source, w.Image, w.Labels = "docker", file, c.Config.Image, c.Config.Labels
	if !q.criDockerd(c) {
		w.Name = q.scoped(c.Name)
	}
	return true
}

// criDockerd names what the kubelet runs in Docker, through cri-dockerd or the
// dockershim before it.
func (q *query) criDockerd(c dockerConfig) bool {
	w, l := &q.who, c.Config.Labels
	namespace, pod, container := l["io.kubernetes.pod.namespace"], l["io.kubernetes.pod.name"], l["io.kubernetes.container.name"]
	if k, ok := parseKubeName(c.Name); ok {
		namespace, pod, container = k.namespace, k.pod, k.container
	}
	w.Pause = l["io.kubernetes.docker.type"] == "podsandbox" || strings.HasPrefix(c.Name, "k8s_POD_")
	return q.pod(namespace, pod, container)
}
