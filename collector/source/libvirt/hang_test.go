package libvirt_test

import (
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
	"github.com/virt-exporter/virt_exporter/fixtures/libvirtd"
)

// deadline is that of a scrape. It is shorter than what a request may take.
const deadline = hasty / 3

func TestAStuckMonitorCostsItsOwnDomain(t *testing.T) {
	h := newHost(t, &libvirtd.Server{}).listen(t)
	h.Add(libvirtd.Generate(3, 2, 2)...)
	s := h.open(t, hurry)
	read(t, s)
	h.Hang("vm-1", true)
	if r, err := readWithin(t, s, deadline); err == nil || len(r.Guests) != 3 {
		t.Errorf("the first reading has %d guests and error %v", len(r.Guests), err)
	}
	eventually(t, "the stuck domain is known, and others are read", func() bool {
		r, err := readWithin(t, s, time.Minute)
		return err == nil && guest(t, r, "vm-1").MonitorAnswers == model.Some(0)
	})
	files, goroutines := descriptors(t), runtime.NumGoroutine()
	for i := range 100 {
		h.Change("vm-2", func(d *libvirtd.Domain) { d.Set("block.0.rd.reqs", uint64(5000+i)) })
		r, err := readWithin(t, s, 10*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		stuck, other := guest(t, r, "vm-1"), guest(t, r, "vm-2")
		if other.IO[0].Read.Requests != model.Some(float64(5000+i)) || other.MonitorAnswers != model.Some(1) {
			t.Fatalf("another domain is not fresh: %+v, monitor %v", other.IO, other.MonitorAnswers)
		}
		if _, ok := stuck.CPU.Steal.Get(); !ok || stuck.MonitorAnswers != model.Some(0) || hasBlockFigures(stuck) {
			t.Fatalf("the stuck domain has %+v, monitor %v", stuck.CPU, stuck.MonitorAnswers)
		}
	}
	if n := h.Stuck(); n != 1 {
		t.Errorf("%d workers of the daemon are stuck", n)
	}
	if n := descriptors(t); n > files {
		t.Errorf("%d descriptors are open, %d were before", n, files)
	}
	if n := runtime.NumGoroutine(); n > goroutines+1 {
		t.Errorf("%d goroutines run, %d did before", n, goroutines)
	}
	h.Hang("vm-1", false)
	eventually(t, "the domain answers again over one connection", func() bool {
		g := guest(t, read(t, s), "vm-1")
		return g.MonitorAnswers == model.Some(1) && hasBlockFigures(g) && h.Open() == 1
	})
}

func TestADaemonThatNeverAnswers(t *testing.T) {
	t.Parallel()
	var silent atomic.Bool
	silent.Store(true)
	h := newHost(t, &libvirtd.Server{Tamper: func(_ uint32, p []byte) []byte {
		if silent.Load() {
			return nil
		}
		return p
	}}).listen(t)
	h.Add(libvirtd.Generate(1, 1, 1)...)
	var later atomic.Int64
	s := h.open(t, hurry, laterBy(&later))
	for range 100 {
		if r, err := readWithin(t, s, deadline/5); err == nil || len(r.Guests) != 0 {
			t.Errorf("%d guests, error %v", len(r.Guests), err)
		}
	}
	if n := h.Accepted(); n != 1 {
		t.Errorf("%d connections", n)
	}
	silent.Store(false)
	later.Store(int64(11 * time.Minute)) // the answer of then never comes
	eventually(t, "the daemon is read", func() bool {
		r, err := s.Read(t.Context())
		return err == nil && len(r.Guests) == 1
	})
}

func TestADaemonThatStopsAnswering(t *testing.T) {
	t.Parallel()
	var silent atomic.Bool
	h := newHost(t, &libvirtd.Server{Tamper: func(_ uint32, p []byte) []byte {
		if silent.Load() {
			return nil
		}
		return p
	}}).listen(t)
	h.Add(libvirtd.Generate(1, 1, 1)...)
	s := h.open(t, hurry)
	read(t, s)
	silent.Store(true)
	r, err := readWithin(t, s, deadline)
	if err == nil || !strings.Contains(err.Error(), "late: its figures are") || len(r.Guests) != 1 {
		t.Errorf("%d guests, error %v", len(r.Guests), err)
	}
	for range 5 {
		readWithin(t, s, deadline)
	}
	if n := h.Calls(libvirtd.ProcListDomains) + h.Calls(libvirtd.ProcBulkStats); n > 3 {
		t.Errorf("%d requests were made of it", n)
	}
	h.Stop() // and with it go the requests that were held
	silent.Store(false)
	h.listen(t)
	eventually(t, "the daemon is read", func() bool {
		r, err := s.Read(t.Context())
		return err == nil && hasBlockFigures(guest(t, r, "vm-0"))
	})
}

func TestFiguresAreNotUsedForLong(t *testing.T) {
	t.Parallel()
	h := newHost(t, &libvirtd.Server{}).listen(t)
	h.Add(libvirtd.Generate(1, 1, 1)...)
	var later atomic.Int64
	s := h.open(t, hurry, laterBy(&later))
	read(t, s)
	h.Hang("vm-0", true)
	later.Store(int64(2 * time.Minute))
	r, err := readWithin(t, s, deadline)
	if err == nil || len(r.Guests) != 0 {
		t.Errorf("%d guests, error %v", len(r.Guests), err)
	}
	h.Hang("vm-0", false)
}

func TestASlowDaemonIsNotAStuckOne(t *testing.T) {
	t.Parallel()
	var slow atomic.Int32
	slow.Store(3)
	h := newHost(t, &libvirtd.Server{Tamper: func(proc uint32, p []byte) []byte {
		if proc == libvirtd.ProcBulkStats && slow.Add(-1) >= 0 {
			time.Sleep(hasty * 3 / 2)
		}
		return p
	}}).listen(t)
	h.Add(libvirtd.Generate(2, 1, 1)...)
	s := h.open(t, hurry)
	eventually(t, "its figures are there", func() bool {
		r, err := s.Read(t.Context())
		return err == nil && hasBlockFigures(guest(t, r, "vm-1"))
	})
	if n := h.Accepted(); n > 4 {
		t.Errorf("%d connections", n)
	}
}

func TestARequestAboutOneDomainThatIsNotAnswered(t *testing.T) {
	t.Parallel()
	var swallow atomic.Int32
	swallow.Store(1)
	h := newHost(t, &libvirtd.Server{Tamper: func(proc uint32, p []byte) []byte {
		if proc == libvirtd.ProcXMLDesc && swallow.Add(-1) >= 0 {
			return nil
		}
		return p
	}}).listen(t)
	h.Add(libvirtd.Generate(3, 1, 1)...)
	s := h.open(t, hurry)
	r, err := s.Read(t.Context())
	if err == nil || !strings.Contains(err.Error(), "domain vm-0: reading a domain's XML") {
		t.Errorf("error %v", err)
	}
	if g := guest(t, r, "vm-0"); !hasBlockFigures(g) || len(g.Disks) != 0 {
		t.Errorf("the domain has %+v and %+v", g.IO, g.Disks)
	}
	if g := guest(t, read(t, s), "vm-2"); len(g.Disks) != 1 {
		t.Errorf("another domain has %+v", g.Disks)
	}
}

// Answers that no libvirt gives. None may panic or allocate what it says.
func TestBadAnswers(t *testing.T) {
	tests := []struct {
		name string
		bad  func([]byte) []byte
	}{
		{"half a packet, and then nothing", func(p []byte) []byte { return p[:len(p)/2] }},
		{"half a length", func(p []byte) []byte { return p[:2] }},
		{"length 0", length(0)},
		{"length 27", length(27)},
		{"length 28 of a longer packet", length(28)},
		{"length 2^31", length(1 << 31)},
		{"length 2^32-1", length(1<<32 - 1)},
		{"text", func([]byte) []byte { return []byte("HTTP/1.1 400 Bad Request\r\n\r\n") }},
		{"another program", set(4, 0x20008087)},
		{"another procedure", set(12, 318)},
		{"an event", set(16, 2)},
		{"the reply to another request", set(20, 999)},
		{"a status of streams", set(24, 2)},
		{"the reply twice", func(p []byte) []byte { return append(p, p...) }},
		{"an error with a text of 4 GiB", func(p []byte) []byte { return set(40, 1<<32-4)(set(24, 1)(p)) }},
		{"a billion domains", set(28, 1_000_000_000)},
		{"a domain with a name of 2 GiB", set(32, 1<<31-4)},
		{"a billion parameters", set(60, 1_000_000_000)},
		{"a parameter with a name of 2 GiB", set(64, 1<<31-4)},
		{"a parameter of no type", set(80, 99)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var good atomic.Bool
			h := newHost(t, &libvirtd.Server{Tamper: func(proc uint32, p []byte) []byte {
				if proc == libvirtd.ProcBulkStats && !good.Load() {
					return tt.bad(p)
				}
				return p
			}}).listen(t)
			h.Add(libvirtd.Generate(1, 1, 1)...)
			s := h.open(t, hurry)
			_, err := readWithin(t, s, 20*time.Second)
			if err == nil && tt.name != "the reply twice" { // the first one was good
				t.Error("no error")
			}
			if err != nil && len(err.Error()) > 2000 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
			good.Store(true)
			eventually(t, "the daemon is read", func() bool {
				r, err := s.Read(t.Context())
				return err == nil && hasBlockFigures(guest(t, r, "vm-0"))
			})
		})
	}
}

func length(n uint32) func([]byte) []byte { return set(0, n) }

// set returns a function that writes a word of a packet.
func set(at int, v uint32) func([]byte) []byte {
	return func(p []byte) []byte {
		copy(p[at:], []byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)})
		return p
	}
}

func TestTheDaemonRestarts(t *testing.T) {
	h := newHost(t, &libvirtd.Server{}).listen(t)
	h.Add(libvirtd.Generate(1, 1, 1)...)
	var later atomic.Int64
	s := h.open(t, laterBy(&later))
	read(t, s)
	for i := range 3 {
		t.Run(fmt.Sprint("while nobody reads ", i), func(t *testing.T) {
			h.Stop()
			h.listen(t)
			read(t, s)
		})
	}
	h.Stop()
	if r, err := s.Read(t.Context()); err == nil || len(r.Guests) != 1 {
		t.Errorf("while it has just gone: %d guests, error %v", len(r.Guests), err)
	}
	later.Store(int64(2 * time.Minute))
	if r, err := s.Read(t.Context()); err == nil || len(r.Guests) != 0 {
		t.Errorf("while it is away: %d guests, error %v", len(r.Guests), err)
	}
	h.listen(t)
	eventually(t, "it is read again", func() bool {
		r, err := s.Read(t.Context())
		return err == nil && len(r.Guests) == 1
	})
}

func TestClosingEndsWhatHangs(t *testing.T) {
	h := newHost(t, &libvirtd.Server{}).listen(t)
	h.Add(libvirtd.Generate(1, 1, 1)...)
	h.Hang("vm-0", true)
	s := h.open(t)
	readWithin(t, s, deadline) // its request waits on for a minute
	began := time.Now()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("closing took %v", took)
	}
	h.Hang("vm-0", false)
}
