package identity

import (
	"errors"
	"path"
	"time"
)

// pveDir holds the configuration of all guests of Proxmox.
const pveDir = "/etc/pve"

// pvePatience is how long a file of Proxmox is waited for: once while its server
// hangs.
const pvePatience = time.Second

// errLate is that a file system has not answered.
var errLate = errors.New("the file system does not answer")

// cluster is the way to the files below /etc/pve. That is a FUSE file system, and
// while its server pmxcfs hangs, so does whoever looks there. The thread that does
// is left behind, and until its server answers there is no second one: place has
// room for one.
type cluster struct{ place chan struct{} }

func newCluster() cluster { return cluster{make(chan struct{}, 1)} }

// read returns what look does, or errLate where it takes longer than the patience
// or another one is still at it.
func (c cluster) read(look func() ([]byte, error)) ([]byte, error) {
	select {
	case c.place <- struct{}{}:
	default:
		return nil, errLate
	}
	type answer struct {
		b   []byte
		err error
	}
	got := make(chan answer, 1) // buffered: nobody may wait any more
	go func() {
		b, err := look()
		<-c.place
		got <- answer{b, err}
	}()
	select {
	case a := <-got:
		return a.b, a.err
	case <-time.After(pvePatience):
		return nil, errLate
	}
}

// readPVE returns the file of a guest of Proxmox, and its path. In a guest's own tree,
// where nothing waits for it, it reads as of any file: who is asked anew for each
// question must leave no thread behind.
func (q *query) readPVE(dir, id string) (file string, b []byte, ok bool) {
	file = path.Join(pveDir, dir, id+".conf")
	look := func() ([]byte, error) { return q.files.read(file) }
	read := q.cluster.read
	if q.inner {
		read = func(look func() ([]byte, error)) ([]byte, error) { return look() }
	}
	b, err := read(look)
	q.note(err)
	q.late = q.late || errors.Is(err, errLate)
	return file, b, err == nil
}
