package fsprobe

import (
	"fmt"
	"path"
	"strings"

	"github.com/virt-exporter/virt_exporter/collector/kernel"
	"github.com/virt-exporter/virt_exporter/collector/model"
)

// Named is a mount that the operator names, because it is not found by itself:
// the root file system of a container, or one that need not be slow.
type Named struct {
	Runtime, Guest string // of the container whose mount it is; empty for this machine itself
	Path           string // a mountpoint, or a directory below one
}

// String returns what ParseNamed reads.
func (n Named) String() string {
	if n.Runtime == "" {
		return n.Path
	}
	return n.Runtime + "/" + n.Guest + ":" + n.Path
}

// of reports whether it is a mount of that guest, or of this machine for the
// zero name.
func (n Named) of(name model.Name) bool {
	return n.Runtime == name.Runtime && n.Guest == name.Guest && name.Kind != model.VM
}

// ParseNamed reads PATH or RUNTIME/GUEST:PATH. The guest's name may have slashes,
// as the names of pods do, and ends at the first colon before a slash.
func ParseNamed(s string) (Named, error) {
	n := Named{Path: s}
	if !strings.HasPrefix(s, "/") {
		guest, rest, ok := strings.Cut(s, ":/")
		if !ok {
			return Named{}, fmt.Errorf("%q is neither PATH nor RUNTIME/GUEST:PATH, of which PATH begins with a slash", s)
		}
		n.Path = "/" + rest
		if n.Runtime, n.Guest, ok = strings.Cut(guest, "/"); !ok || n.Runtime == "" || n.Guest == "" {
			return Named{}, fmt.Errorf("%q names no guest: it is written RUNTIME/GUEST, as in docker/web:%s", s, n.Path)
		}
	}
	switch clean := path.Clean(n.Path); {
	case !mayShow(n.Path):
		return Named{}, fmt.Errorf("the path in %.100q is longer than %d bytes or no UTF-8", s, maxMountpoint)
	case clean != n.Path:
		return Named{}, fmt.Errorf("the path in %q must be written as %s", s, clean)
	}
	return n, nil
}

// lookUp finds the mount at a path, or the one that holds it. Mounts are those
// that can be reached. exact is false where the path is no mountpoint.
func lookUp(mounts []kernel.Mount, dir string) (m kernel.Mount, exact, ok bool) {
	for i := range mounts {
		at := mounts[i].Mountpoint
		if !below(dir, at) || ok && len(at) < len(m.Mountpoint) {
			continue
		}
		m, ok = mounts[i], true
	}
	return m, m.Mountpoint == dir, ok
}

// below reports whether a path is dir or below it.
func below(p, dir string) bool {
	rest, ok := strings.CutPrefix(p, dir)
	return ok && (rest == "" || rest[0] == '/' || dir == "/")
}
