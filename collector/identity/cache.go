package identity

import (
	"errors"
	"io/fs"
	"path"
	"sync"
	"syscall"
	"time"
)

// version tells one state of a file or directory from another.
type version struct {
	modified time.Time
	size     int64
	inode    uint64 // files that are replaced whole get another
}

func versionOf(info fs.FileInfo) version {
	v := version{modified: info.ModTime(), size: info.Size()}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		v.inode = st.Ino
	}
	return v
}

// settle is how long after a change a second one may bear the same time: the
// clock of file systems is coarse.
const settle = time.Second

// dirIndex keeps what the names in a directory say, by id. The directory is
// listed when it has changed, not for each question.
type dirIndex[T any] struct {
	path  string
	parse func(name string) (id string, value T, ok bool)
	retry bool // a name that says nothing may do so later

	mu         sync.Mutex
	listed     time.Time
	version    version
	incomplete bool
	entries    map[string]indexed[T]
}

type indexed[T any] struct {
	name  string
	value T
}

func newDirIndex[T any](path string, parse func(string) (string, T, bool)) *dirIndex[T] {
	return &dirIndex[T]{path: path, parse: parse}
}

// get returns the name that stands for id and what it says, "" where there is
// none.
func (d *dirIndex[T]) get(files tree, id string) (name string, value T, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	info, err := files.stat(d.path)
	if err != nil {
		d.entries = nil
		return "", value, err
	}
	if d.stale(versionOf(info)) {
		if err := d.list(files, versionOf(info)); err != nil {
			return "", value, err
		}
	}
	e := d.entries[id]
	return e.name, e.value, nil
}

// stale reports whether the directory has changed or may have, the latter once
// in the settling time.
func (d *dirIndex[T]) stale(now version) bool {
	if d.entries == nil || d.version != now {
		return true
	}
	unsure := d.incomplete || d.listed.Sub(now.modified) < settle
	return unsure && time.Since(d.listed) >= settle
}

func (d *dirIndex[T]) list(files tree, v version) error {
	d.listed, d.version, d.incomplete = time.Now(), v, false
	names, err := files.names(d.path)
	if err != nil {
		d.entries = nil
		return err
	}
	d.entries = make(map[string]indexed[T], len(names))
	for _, name := range names {
		id, value, ok := d.parse(name)
		if ok {
			d.entries[id] = indexed[T]{name: name, value: value}
		}
		d.incomplete = d.incomplete || d.retry && !ok
	}
	return nil
}

// cgroupIndex returns the index of a directory that has one for each container,
// in which a file tells the container's cgroup: by cgroup it gives the name. Ids
// of 64 digits are left out, for where they are the path ends in the id.
func (r *Resolver) cgroupIndex(dir, file string, cgroup func([]byte) (string, error)) *dirIndex[struct{}] {
	r.mu.Lock()
	defer r.mu.Unlock()
	if i := r.cgroups[dir]; i != nil {
		return i
	}
	i := newDirIndex(dir, func(name string) (string, struct{}, bool) {
		if hexID(name) {
			return "", struct{}{}, true
		}
		b, err := r.files.read(path.Join(dir, name, file))
		if err != nil {
			return "", struct{}{}, false
		}
		own, err := cgroup(b)
		if len(own) > maxText { // no path, but it would be kept
			return "", struct{}{}, true
		}
		return own, struct{}{}, err == nil
	})
	i.retry = true
	r.cgroups[dir] = i
	return i
}

func isDenied(err error) bool { return errors.Is(err, fs.ErrPermission) }
