package identity

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"sync"
	"time"
)

const (
	pveDir     = "/etc/pve"          // the configuration of all guests of Proxmox
	pveVersion = "/etc/pve/.version" // there while it is mounted
	pveServer  = "/usr/bin/pmxcfs"   // there where it is to be mounted
)

// pvePatience is how long files of Proxmox are waited for, all together, in pveSpan.
const (
	pvePatience = time.Second
	pveSpan     = 10 * time.Second
)

// errLate is that a file system has not answered, or that it is not there yet.
var errLate = errors.New("the file system does not answer")

// cluster is the way to the files below /etc/pve. That is a FUSE file system, and
// while its server pmxcfs hangs, so does whoever looks there. The thread that does
// is left behind, and until its server answers there is no second one: place has
// room for one.
type cluster struct {
	place chan struct{}

	mu    sync.Mutex
	began time.Time     // of the span
	spent time.Duration // of the patience, in this span
}

func newCluster() *cluster { return &cluster{place: make(chan struct{}, 1)} }

// read returns what look does, or errLate where it takes longer than the patience
// that is left or another one is still at it. Where look panics, so does read, unless
// it has gone by then.
func (c *cluster) read(look func() ([]byte, error)) ([]byte, error) {
	began := time.Now()
	patience := c.patience(began)
	if patience <= 0 {
		return nil, errLate
	}
	select {
	case c.place <- struct{}{}:
	default:
		return nil, errLate
	}
	defer func() { c.spend(time.Since(began)) }()
	type answer struct {
		b     []byte
		err   error
		panic any
	}
	got := make(chan answer, 1) // buffered: nobody may wait any more
	go func() {
		var a answer
		defer func() {
			a.panic = recover()
			<-c.place
			got <- a
		}()
		a.b, a.err = look()
	}()
	select {
	case a := <-got:
		if a.panic != nil {
			panic(a.panic)
		}
		return a.b, a.err
	case <-time.After(patience):
		return nil, errLate
	}
}

// patience returns what is left of it. The first to ask when a span is over has it all.
func (c *cluster) patience(now time.Time) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Sub(c.began) >= pveSpan {
		c.began, c.spent = now, 0
	}
	return pvePatience - c.spent
}

func (c *cluster) spend(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.spent += d
}

// readPVE returns the file of a guest of Proxmox, and its path. In a guest's own tree,
// where nothing waits for it, it reads as of any file: who is asked anew for each
// question must leave no thread behind.
func (q *query) readPVE(dir, id string) (string, []byte, bool) {
	files, file := q.files, path.Join(pveDir, dir, id+".conf")
	if q.inner {
		b, ok := q.read(file)
		return file, b, ok
	}
	b, err := q.cluster.read(func() ([]byte, error) { return files.readPVE(file) })
	q.note(err)
	q.late = q.late || errors.Is(err, errLate)
	return file, b, err == nil
}

// readPVE reads a file below /etc/pve. Its error is errLate where that says nothing of
// the file: the server has ended (ENOTCONN, ECONNABORTED), or is yet to mount it.
func (t tree) readPVE(path string) ([]byte, error) {
	b, err := t.read(path)
	if errors.Is(err, fs.ErrNotExist) && t.has(pveServer) {
		if !t.has(pveVersion) {
			return nil, fmt.Errorf("%w: %w", errLate, err)
		}
		b, err = t.read(path) // it may have been mounted just now
	}
	switch {
	case err == nil, errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission), errors.Is(err, errNotRegular):
		return b, err
	}
	return nil, fmt.Errorf("%w: %w", errLate, err)
}

// has reports whether there is anything at path, or may be.
func (t tree) has(path string) bool {
	_, err := t.lstat(path)
	return err == nil || errors.Is(err, fs.ErrPermission)
}
