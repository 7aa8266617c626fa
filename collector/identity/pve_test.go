package identity

import (
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// While the server of /etc/pve hangs, one thread waits there, and nobody else.
func TestAClusterThatHangsHoldsOneReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, answers := newCluster(), make(chan struct{})
		var looked atomic.Int32
		hangs := func() ([]byte, error) { looked.Add(1); <-answers; return []byte("late"), nil }
		well := func() ([]byte, error) { return []byte("name"), nil }
		start := time.Now()
		for range 100 {
			if _, err := c.read(hangs); !errors.Is(err, errLate) {
				t.Fatalf("a reading that hangs ended with %v", err)
			}
		}
		if took := time.Since(start); looked.Load() != 1 || took != pvePatience {
			t.Errorf("%d were left behind, in %v", looked.Load(), took)
		}
		close(answers)
		synctest.Wait()
		for range 100 {
			if b, err := c.read(well); string(b) != "name" || err != nil {
				t.Fatalf("once it answers: %q, %v", b, err)
			}
		}
	})
}

// A guest whose name cannot be read now has that of its path meanwhile, and nobody
// takes that for the last word.
func TestGuestsOfAClusterThatHangsAreLate(t *testing.T) {
	root := files{
		"/etc/pve/lxc/101.conf":         "hostname: db\n",
		"/etc/pve/qemu-server/100.conf": "name: mail\n",
		"/var/lib/lxc/101/config":       "",
	}.write(t)
	r := NewResolver(root)
	expect := func(path string, want Who) {
		t.Helper()
		m, _ := FromPath(path)
		if w := r.Resolve(path, m); w.Name != want.Name || w.Found != want.Found || w.Late != want.Late {
			t.Errorf("Resolve(%q) = %+v, want %+v", path, w, want)
		}
	}
	r.cluster.place <- struct{}{}
	expect("/lxc/101", Who{Name: "101", Late: true})
	expect("/qemu.slice/100.scope", Who{Name: "100", Late: true})
	expect("/lxc.payload.incus", Who{Name: "incus", Late: false, Found: true})
	<-r.cluster.place
	expect("/lxc/101", Who{Name: "db", Found: true})
	expect("/qemu.slice/100.scope", Who{Name: "mail", Found: true})

	inside := NewResolver("/").In(root)
	inside.cluster.place <- struct{}{}
	m, _ := FromPath("/lxc/101")
	if w := inside.Resolve("/lxc/101", m); w.Name != "db" {
		t.Errorf("inside a guest, where each question has a Resolver of its own: %+v", w)
	}
}
