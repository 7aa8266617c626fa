package identity

import (
	"errors"
	"os"
	"path/filepath"
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
		start = time.Now()
		for time.Sleep(time.Hour); time.Since(start) < 2*time.Hour; time.Sleep(time.Second) {
			began := time.Now()
			if _, err := c.read(well); !errors.Is(err, errLate) || time.Since(began) != 0 {
				t.Fatalf("beside the one that is left behind: %v after %v", err, time.Since(began))
			}
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

// All who ask a slow server together wait a second in ten, and each time some have
// their answer.
func TestASlowClusterIsGivenASecondInTen(t *testing.T) {
	for _, takes := range []time.Duration{30 * time.Millisecond, 400 * time.Millisecond, 900 * time.Millisecond, 1010 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			c := newCluster()
			slow := func() ([]byte, error) { time.Sleep(takes); return nil, nil }
			for round := range 5 {
				start, answers := time.Now(), 0
				for range 100 {
					if _, err := c.read(slow); err == nil {
						answers++
					} else if !errors.Is(err, errLate) {
						t.Fatal(err)
					}
				}
				if took := time.Since(start); took != pvePatience || answers != int(pvePatience/takes) {
					t.Errorf("with %v for each, round %d took %v and gave %d answers", takes, round, took, answers)
				}
				time.Sleep(pveSpan)
			}
		})
	}
}

// A panic is that of who waits for the answer, and holds no place.
func TestAPanicInAClusterIsTheReaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster()
		read := func(look func() ([]byte, error)) (b []byte, panicked any, err error) {
			defer func() { panicked = recover() }()
			b, err = c.read(look)
			return b, nil, err
		}
		if _, p, _ := read(func() ([]byte, error) { panic("a mistake") }); p != "a mistake" {
			t.Errorf("panicked with %v", p)
		}
		if _, p, err := read(func() ([]byte, error) { time.Sleep(time.Minute); panic("after all have gone") }); !errors.Is(err, errLate) || p != nil {
			t.Errorf("who waits no longer: %v, panicked with %v", err, p)
		}
		time.Sleep(time.Minute)
		if b, p, err := read(func() ([]byte, error) { return []byte("name"), nil }); string(b) != "name" || err != nil || p != nil {
			t.Errorf("after it: %q, %v, panicked with %v", b, err, p)
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

// What does not say that there is no such file is no answer: until /etc/pve is mounted
// again, nobody takes a guest of Proxmox for one of LXC.
func TestAClusterThatIsNotMountedIsLate(t *testing.T) {
	lxc := "/var/lib/lxc/101"
	for _, tt := range []struct {
		name  string
		files files
		link  string // that /etc/pve/lxc is
		want  Who
	}{
		{"mounted", files{pveVersion: "", "/etc/pve/lxc/101.conf": "hostname: db\n"}, "", Who{Name: "db", Found: true}},
		{"not mounted", files{}, "", Who{Name: "101", Late: true}},
		{"mounted, and it has no such guest", files{pveVersion: ""}, "", Who{Name: "101", Found: true, Source: lxc}},
		{"it fails", files{pveVersion: ""}, "lxc", Who{Name: "101", Late: true}}, // ELOOP
		{"a directory of that name", files{pveVersion: "", "/etc/pve/lxc/101.conf/x": ""}, "", Who{Name: "101", Found: true, Source: lxc}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.files[pveServer], tt.files[lxc+"/config"] = "", ""
			root := tt.files.write(t)
			if tt.link != "" {
				if err := os.Symlink(tt.link, filepath.Join(root, pveDir, "lxc")); err != nil {
					t.Fatal(err)
				}
			}
			m, _ := FromPath("/lxc/101")
			w := NewResolver(root).Resolve("/lxc/101", m)
			if w.Name != tt.want.Name || w.Found != tt.want.Found || w.Late != tt.want.Late || tt.want.Source != "" && w.Source != tt.want.Source {
				t.Errorf("got %+v, want %+v", w, tt.want)
			}
		})
	}
	r := NewResolver(files{pveServer: ""}.write(t))
	m, _ := FromPath("/qemu.slice/100.scope")
	if w := r.Resolve("/qemu.slice/100.scope", m); w.Name != "100" || !w.Late {
		t.Errorf("a virtual machine: %+v", w)
	}
}
