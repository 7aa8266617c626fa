// Package identity says who a cgroup belongs to: which engine runs it, under
// which id, and by what name a person knows it. FromPath is pure over the path
// of a cgroup directory; a Resolver reads the files that engines leave on the
// host. No daemon is asked.
package identity

import (
	"strings"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// Match is what the path of one cgroup directory says of it. All strings are
// valid UTF-8: what is not stands there as U+FFFD.
type Match struct {
	// Kind is container, or vm for the paths of virtual machines: what those are
	// called is the business of who reads their processes, and the fields
	// below are empty for them.
	Kind model.Kind

	// Runtime is the engine: docker, podman, containerd, crio, lxc, incus, lxd,
	// nspawn, libvirt-lxc, …. It is empty for an id whose engine only files can
	// tell.
	Runtime string

	ID   string // the engine's id; empty where the path has only a name
	Name string // the name where the path itself has it, unescaped

	// Scope is what Name or ID is unique in: "user@1000" for rootless engines,
	// the containerd namespace, the project of Incus; empty where not scoped.
	Scope string

	PodUID string // of Kubernetes, with dashes where it is a UUID

	// Helper marks what belongs to an engine and is no guest: conmon, the LXC
	// monitor, the nspawn supervisor, …. Neither are the directories below it.
	Helper bool
}

const userScope = "user@"

// Foreign reports whether the guest is of an engine that a user runs without
// root. Resolve then reads below that user's home, which may be on a file
// system that does not answer, a network's or one of the user's own making: it
// may take for ever, and belongs where nothing waits for it. It holds up no
// other guest's Resolve meanwhile, those of the same user apart. FromPath and
// Lookup read nothing there. The same goes for any guest that is resolved
// by the files of another, see In.
func (m Match) Foreign() bool { return strings.HasPrefix(m.Scope, userScope) }

// Who is the full identity of a guest. What is unknown is empty. All strings are
// valid UTF-8, and none but Source and the values of Labels is longer than 3
// KiB.
type Who struct {
	Kind          model.Kind
	Runtime       string
	Name          string // the label guest; never empty
	ID            string
	UUID          string
	Image         string
	Project       string
	KubeNamespace string // this and the next two are empty for what a user runs
	KubePod       string
	KubeContainer string

	// Labels are the labels and annotations that the engine's files give: at
	// most 128, the first in the order of their keys, of which the keys are at
	// most 1 KiB long and the values are cut off after 4 KiB.
	Labels map[string]string

	// Source is the file, below the root as given, that named the guest, or
	// "path" where the path alone did.
	Source string

	Found  bool // false: nothing but the id was found, ask again later
	Pause  bool // a pod's sandbox container: no guest
	Denied bool // a file that would name it could not be read for lack of permission
	Late   bool // a file that may name it is on a file system that hangs or is yet to be mounted: not Found, ask again
}
