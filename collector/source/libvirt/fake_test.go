package libvirt_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
	"github.com/virt-exporter/virt_exporter/collector/source/libvirt"
	"github.com/virt-exporter/virt_exporter/fixtures/libvirtd"
)

// patience is how long requests may stay unanswered in tests in which all are
// answered, hasty in those in which some are not: long enough for a busy machine.
const (
	patience = time.Minute
	hasty    = 1500 * time.Millisecond
)

// host is a root directory with a daemon.
type host struct {
	*libvirtd.Server
	root string
}

// socket returns where a daemon of that name listens on the host.
func (h *host) socket(name string) string { return filepath.Join(h.root, "run/libvirt", name) }

// newHost returns a host whose daemon does not listen yet. The path is short:
// that of a socket may not have more than 107 bytes.
func newHost(t testing.TB, s *libvirtd.Server) *host {
	t.Helper()
	root, err := os.MkdirTemp("", "lv")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(root) })
	if err := os.MkdirAll(filepath.Join(root, "run/libvirt"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return &host{s, root}
}

// listen starts the daemon.
func (h *host) listen(t testing.TB) *host {
	t.Helper()
	if err := h.Listen(h.socket("libvirt-sock-ro")); err != nil {
		t.Fatal(err)
	}
	return h
}

// open returns a source of the host's daemon, which is closed before that ends.
func (h *host) open(t testing.TB, change ...func(*libvirt.Options)) *libvirt.Source {
	t.Helper()
	opts := libvirt.Options{RootFS: h.root, Timeout: patience}
	for _, f := range change {
		f(&opts)
	}
	s, err := libvirt.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// hurry makes a source wait no longer than it must.
func hurry(o *libvirt.Options) { o.Timeout = hasty }

// read reads a source that must succeed.
func read(t testing.TB, s *libvirt.Source) model.Reading {
	t.Helper()
	r, err := s.Read(t.Context())
	if err != nil {
		t.Fatalf("reading: %v", err)
	}
	return r
}

// readWithin reads a source with a deadline, which it must keep.
func readWithin(t testing.TB, s *libvirt.Source, limit time.Duration) (model.Reading, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	began := time.Now()
	r, err := s.Read(ctx)
	if took := time.Since(began); took > limit+time.Second {
		t.Errorf("reading took %v, with a deadline of %v", took, limit)
	}
	return r, err
}

// guest returns the guest of that name, which must be there.
func guest(t testing.TB, r model.Reading, name string) model.Guest {
	t.Helper()
	for _, g := range r.Guests {
		if g.Guest == name {
			return g
		}
	}
	t.Fatalf("no guest %s among %d", name, len(r.Guests))
	return model.Guest{}
}

func hasBlockFigures(g model.Guest) bool {
	if len(g.IO) == 0 {
		return false
	}
	_, ok := g.IO[0].Read.Requests.Get()
	return ok
}

// descriptors returns how many files this process has open.
func descriptors(t testing.TB) int {
	t.Helper()
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skipf("no list of open files: %v", err)
	}
	return len(open)
}

// eventually waits until something is the case.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not so after ten seconds: %s", what)
		}
	}
}

// listenTCP starts the daemon on a port of its own.
func (h *host) listenTCP(t testing.TB) (port string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h.Serve(l)
	_, port, _ = net.SplitHostPort(l.Addr().String())
	return port
}

// laterBy lets a source's clock run ahead.
func laterBy(d *atomic.Int64) func(*libvirt.Options) {
	return func(o *libvirt.Options) {
		o.Now = func() time.Time { return time.Now().Add(time.Duration(d.Load())) }
	}
}
