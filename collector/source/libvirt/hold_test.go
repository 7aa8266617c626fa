package libvirt_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
	"github.com/virt-exporter/virt_exporter/fixtures/libvirtd"
)

func TestThreeStuckMonitorsLeaveTheOthersFresh(t *testing.T) {
	t.Parallel()
	h := newHost(t, &libvirtd.Server{}).listen(t)
	h.Add(libvirtd.Generate(6, 1, 1)...)
	s := h.open(t, hurry)
	read(t, s)
	stuck := []string{"vm-1", "vm-2", "vm-4"}
	for _, name := range stuck {
		h.Hang(name, true)
	}
	eventually(t, "the stuck domains are known", func() bool {
		r, err := readWithin(t, s, time.Minute)
		return err == nil && guest(t, r, "vm-4").MonitorAnswers == model.Some(0)
	})
	for i := range 20 {
		h.Change("vm-3", func(d *libvirtd.Domain) { d.Set("block.0.rd.reqs", uint64(5000+i)) })
		r := read(t, s)
		if g := guest(t, r, "vm-3"); g.IO[0].Read.Requests != model.Some(float64(5000+i)) || g.MonitorAnswers != model.Some(1) {
			t.Fatalf("another domain is not fresh: %+v, monitor %v", g.IO, g.MonitorAnswers)
		}
		for _, name := range stuck {
			if g := guest(t, r, name); g.MonitorAnswers != model.Some(0) || hasBlockFigures(g) {
				t.Fatalf("%s has %+v, monitor %v", name, g.IO, g.MonitorAnswers)
			}
		}
	}
	if n := h.Stuck(); n != 3 {
		t.Errorf("%d workers of the daemon are stuck", n)
	}
	for _, name := range stuck {
		h.Hang(name, false)
	}
}

func TestBeyondTheLimitNoMonitorIsAsked(t *testing.T) {
	t.Parallel()
	h := newHost(t, &libvirtd.Server{}).listen(t)
	h.Add(libvirtd.Generate(7, 1, 1)...)
	s := h.open(t, hurry)
	read(t, s)
	h.Hang("vm-1", true)
	eventually(t, "the first stuck domain is known", func() bool {
		r, _ := readWithin(t, s, time.Minute)
		return guest(t, r, "vm-1").MonitorAnswers == model.Some(0)
	})
	for _, name := range []string{"vm-2", "vm-4", "vm-5"} {
		h.Hang(name, true)
	}
	for i := range 20 {
		r, err := readWithin(t, s, time.Minute)
		if err == nil || !strings.Contains(err.Error(), "only what needs no monitor") {
			t.Fatalf("reading %d: error %v", i, err)
		}
		for name, want := range map[string]model.Opt{"vm-1": model.Some(0), "vm-3": {}, "vm-4": {}} {
			g := guest(t, r, name)
			if g.MonitorAnswers != want || g.State != model.Running || len(g.Network) != 1 || hasBlockFigures(g) {
				t.Fatalf("%s is %s, monitor %v, with %+v and %+v", name, g.State, g.MonitorAnswers, g.Network, g.IO)
			}
		}
	}
	if stuck, open := h.Stuck(), h.Open(); stuck != 4 || open != 5 {
		t.Errorf("%d workers of the daemon are stuck, %d connections", stuck, open)
	}
	for _, name := range []string{"vm-1", "vm-2", "vm-4", "vm-5"} {
		h.Hang(name, false)
	}
	eventually(t, "all is read again", func() bool {
		r, err := s.Read(t.Context())
		g := guest(t, r, "vm-5")
		return err == nil && hasBlockFigures(g) && g.MonitorAnswers == model.Some(1) && h.Open() == 1
	})
}

func TestMonitorOfADomainThatIsPaused(t *testing.T) {
	t.Parallel()
	h := newHost(t, &libvirtd.Server{}).listen(t)
	h.Add(libvirtd.Generate(2, 1, 1)...)
	s := h.open(t, hurry)
	h.Change("vm-1", func(d *libvirtd.Domain) { d.State, d.Why = 3, 5 })
	if g := guest(t, read(t, s), "vm-1"); g.MonitorAnswers != model.Some(1) {
		t.Errorf("before: %v", g.MonitorAnswers)
	}
	h.Hang("vm-1", true)
	for range 4 {
		r, _ := readWithin(t, s, time.Minute)
		if g := guest(t, r, "vm-1"); g.MonitorAnswers != (model.Opt{}) || g.State != model.Paused {
			t.Errorf("%s, monitor %v", g.State, g.MonitorAnswers)
		}
	}
	h.Hang("vm-1", false)
}

// swallowing returns a daemon that loses answers to a procedure: the next ones,
// as many as are stored.
func swallowing(s *libvirtd.Server, proc uint32) (*libvirtd.Server, *atomic.Int32) {
	n := new(atomic.Int32)
	s.Tamper = func(p uint32, packet []byte) []byte {
		if p == proc && n.Add(-1) >= 0 {
			return nil
		}
		return packet
	}
	return s, n
}

func TestAnswersThatAreLostAreNotWaitedForForever(t *testing.T) {
	for name, proc := range map[string]uint32{
		"connecting": libvirtd.ProcOpen, "the driver": libvirtd.ProcGetType, "the list": libvirtd.ProcListDomains,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, lost := swallowing(new(libvirtd.Server), proc)
			lost.Store(2)
			h := newHost(t, server).listen(t)
			h.Add(libvirtd.Generate(1, 1, 1)...)
			var later atomic.Int64
			s := h.open(t, hurry, laterBy(&later))
			for _, reading := range []struct{ minute, asked int }{{0, 1}, {9, 1}, {11, 2}, {60, 2}, {80, 3}} {
				later.Store(int64(reading.minute) * int64(time.Minute))
				_, err := readWithin(t, s, time.Minute)
				for err != nil && strings.Contains(err.Error(), "the daemon is late") { // its round goes on
					_, err = readWithin(t, s, time.Minute)
				}
				if n := h.Calls(proc); n != reading.asked || (err == nil) != (n == 3) {
					t.Errorf("in minute %d it has been asked for %d times, error %v", reading.minute, n, err)
				}
			}
			eventually(t, "what was lost is not waited for", func() bool { return h.Open() == 1 })
		})
	}
}

func TestRequestsToConnectDoNotPileUp(t *testing.T) {
	t.Parallel()
	server, lost := swallowing(new(libvirtd.Server), libvirtd.ProcOpen)
	lost.Store(1000)
	h := newHost(t, server).listen(t)
	h.Add(libvirtd.Generate(1, 1, 1)...)
	var later atomic.Int64
	s := h.open(t, hurry, laterBy(&later))
	for range 40 {
		readWithin(t, s, time.Minute)
		later.Add(int64(30 * time.Minute))
	}
	if n := h.Calls(libvirtd.ProcOpen); n != 3 {
		t.Errorf("%d requests to connect are left in the daemon", n)
	}
	h.Stop() // and with it they go
	lost.Store(0)
	h.listen(t)
	eventually(t, "the daemon is read", func() bool {
		r, err := s.Read(t.Context())
		return err == nil && len(r.Guests) == 1
	})
}

func TestLostStatisticsAreNotWaitedFor(t *testing.T) {
	t.Parallel()
	server, lost := swallowing(new(libvirtd.Server), libvirtd.ProcBulkStats)
	h := newHost(t, server).listen(t)
	h.Add(libvirtd.Generate(2, 1, 1)...)
	s := h.open(t, hurry)
	read(t, s)
	for i := range 6 {
		lost.Store(1)
		r, err := readWithin(t, s, time.Minute)
		if err == nil || !hasBlockFigures(guest(t, r, "vm-1")) {
			t.Fatalf("reading %d: %+v, error %v", i, guest(t, r, "vm-1").IO, err)
		}
	}
	eventually(t, "there is one connection", func() bool { return h.Open() == 1 })
}

func TestALateAnswerCostsItsOwnDomainWhereAllAreAskedSingly(t *testing.T) {
	for name, proc := range map[string]uint32{"info": libvirtd.ProcGetInfo, "XML": libvirtd.ProcXMLDesc} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, lost := swallowing(&libvirtd.Server{Type: "Xen", NoBulk: true}, proc)
			h := newHost(t, server).listen(t)
			h.Add(libvirtd.Generate(4, 1, 1)...)
			var later atomic.Int64
			s := h.open(t, hurry, laterBy(&later))
			read(t, s)
			later.Store(int64(4 * time.Minute)) // the XML is due again
			lost.Store(1)
			for i := range 3 {
				r, err := readWithin(t, s, time.Minute)
				if err == nil || !strings.Contains(err.Error(), "domain vm-0: ") {
					t.Errorf("reading %d: error %v", i, err)
				}
				if bulk := r.Features[0]; bulk.Name != "libvirt_bulk_stats" || bulk.Reason != model.NotSupported {
					t.Errorf("reading %d: feature %+v", i, bulk)
				}
				for _, g := range r.Guests[1:] {
					if _, ok := g.CPU.Usage.Get(); !ok || g.State != model.Running || !hasBlockFigures(g) || g.Runtime != "xen" {
						t.Errorf("reading %d: %s is %q, with %+v and %+v", i, g.Guest, g.State, g.CPU, g.IO)
					}
				}
			}
		})
	}
}

func TestDomainsThatAreNotReachedKeepWhatTheyHad(t *testing.T) {
	t.Parallel()
	var slow atomic.Bool
	h := newHost(t, &libvirtd.Server{Type: "TEST", StateOnly: true, Tamper: func(proc uint32, p []byte) []byte {
		if slow.Load() && proc == libvirtd.ProcGetInfo {
			time.Sleep(hasty / 6)
		}
		return p
	}}).listen(t)
	h.Add(libvirtd.Generate(20, 1, 1)...)
	s := h.open(t, hurry)
	read(t, s)
	slow.Store(true)
	h.Change("vm-9", func(d *libvirtd.Domain) { d.State = 3 })
	fresh := make(map[string]bool)
	for i := range 5 {
		for j := range 20 {
			h.Change(fmt.Sprint("vm-", j), func(d *libvirtd.Domain) { d.Set("cpu.time", uint64(1e15)) })
		}
		r, err := readWithin(t, s, time.Minute)
		if err == nil || !strings.Contains(err.Error(), "were not reached") {
			t.Errorf("reading %d: error %v", i, err)
		}
		for _, g := range r.Guests {
			want := model.Running
			if g.Guest == "vm-9" {
				want = model.Paused
			}
			usage, ok := g.CPU.Usage.Get()
			if !ok || g.State != want || !hasBlockFigures(g) {
				t.Fatalf("reading %d: %s is %q, with %+v and %+v", i, g.Guest, g.State, g.CPU, g.IO)
			}
			fresh[g.Guest] = fresh[g.Guest] || usage == 1e6
		}
	}
	for j := range 20 {
		if name := fmt.Sprint("vm-", j); !fresh[name] {
			t.Errorf("%s was never read", name)
		}
	}
}

func TestFiguresOfAnEarlierReadingDoNotPassForThisOnes(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	var slow atomic.Bool
	h := newHost(t, &libvirtd.Server{Tamper: func(proc uint32, p []byte) []byte {
		if slow.Load() && proc == libvirtd.ProcXMLDesc {
			<-release
		}
		return p
	}}).listen(t)
	h.Add(libvirtd.Generate(1, 1, 1)...)
	var later atomic.Int64
	s := h.open(t, laterBy(&later))
	slow.Store(true)
	if r, err := readWithin(t, s, deadline); err == nil || len(r.Guests) != 0 {
		t.Errorf("%d guests, error %v", len(r.Guests), err)
	}
	later.Store(int64(20 * time.Second))
	close(release)
	r, err := readWithin(t, s, time.Minute)
	if err == nil || !strings.Contains(err.Error(), "late: its figures are 2") || len(r.Guests) != 1 {
		t.Errorf("%d guests, error %v", len(r.Guests), err)
	}
	read(t, s)
}
