package identity

import (
	"strings"
)

// kubeLog is what the name of a container's log says of it.
type kubeLog struct {
	namespace, pod, container string
}

// parseKubeLog reads POD_NAMESPACE_CONTAINER-ID.log, the name of a link that the
// kubelet keeps in /var/log/containers for each container that has written a
// log. Names in Kubernetes have no underscores.
func parseKubeLog(name string) (id string, k kubeLog, ok bool) {
	rest, ok := strings.CutSuffix(name, ".log")
	i := len(rest) - hexLen
	if !ok || i < 1 || rest[i-1] != '-' || !hexID(rest[i:]) {
		return "", kubeLog{}, false
	}
	part := strings.Split(rest[:i-1], "_")
	if len(part) != 3 || part[0] == "" || part[1] == "" || part[2] == "" {
		return "", kubeLog{}, false
	}
	return rest[i:], kubeLog{namespace: part[1], pod: part[0], container: part[2]}, true
}

// parseKubeName reads k8s_CONTAINER_POD_NAMESPACE_UID_ATTEMPT, the name that
// cri-dockerd and CRI-O give to a container.
func parseKubeName(name string) (kubeLog, bool) {
	part := strings.Split(name, "_")
	if len(part) != 6 || part[0] != "k8s" || part[1] == "" || part[2] == "" || part[3] == "" {
		return kubeLog{}, false
	}
	return kubeLog{namespace: part[3], pod: part[2], container: part[1]}, true
}

// kubeLog looks for the container's log. It is the only name that one who is
// not root can find of most containers in Kubernetes.
func (q *query) kubeLog() bool {
	if !hexID(q.m.ID) || q.m.Scope != "" && q.m.Scope != "k8s.io" {
		return false
	}
	name, k, err := q.kubelet.get(q.files, q.m.ID)
	q.note(err)
	if name == "" || !q.pod(k.namespace, k.pod, k.container) {
		return false
	}
	q.who.Source = q.kubelet.path + "/" + name
	return true
}
