package identity

import (
	"path/filepath"
	"sync"
)

// Resolver names guests by the files that engines keep below a root. It may be
// used by several goroutines at a time.
type Resolver struct {
	files   tree
	inner   bool // the files of another container
	cluster *cluster

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
		files:   tree{root: filepath.Clean("/" + absolute(rootfs))},
		cluster: newCluster(),
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
// make a reading wait: keep it off a scrape's own path. At most 256 KiB of each
// of their files are read, and at most 4096 names of a directory.
func (r *Resolver) In(root string) *Resolver {
	in := NewResolver(root)
	in.inner, in.files.tenant = true, true
	return in
}

// Resolve names the guest at path, of which FromPath or Lookup said m. It reads
// regular files only, at most 4 MiB of each. Where /etc/pve of Proxmox hangs it
// leaves one goroutine there at most, and the guest is Late. For files there it waits
// at most a second in ten, all guests together.
//
// A guest inside another one is named by its path alone, unless the Resolver is
// one for the files of the guest around it: on the host the same name or id is
// somebody else's, and whoever owns a guest calls the directories inside it as
// they like.
//
// What a user runs without root is named by files that this user, root or this
// process owns, at most 1 MiB of each, below their home and /run/user/UID.
// Symbolic links there are followed where they are relative and lead nowhere
// else, and not at all before Linux 5.6. See Match.Foreign.
func (r *Resolver) Resolve(path string, m Match) Who {
	v := visit(path)
	q := &query{
		Resolver: r, files: r.files, path: path, m: m,
		who: Who{Kind: m.Kind, Runtime: m.Runtime, ID: m.ID},
	}
	if r.inner || v.tail == 0 {
		q.enterHome()
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
