package libvirt_test

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/virt-exporter/virt_exporter/collector/model"
	"github.com/virt-exporter/virt_exporter/collector/source"
	"github.com/virt-exporter/virt_exporter/collector/source/libvirt"
	"github.com/virt-exporter/virt_exporter/fixtures/libvirtd"
)

func TestReadsDomains(t *testing.T) {
	h := newHost(t, &libvirtd.Server{}).listen(t)
	h.Add(libvirtd.Generate(2, 2, 3)...)
	h.Change("vm-1", func(d *libvirtd.Domain) { d.ID, d.State, d.Why = -1, 6, 0 })
	r := read(t, h.open(t))
	g := guest(t, r, "vm-0")
	want := model.Name{Kind: model.VM, Runtime: "qemu", Guest: "vm-0"}
	if g.Name != want || g.State != model.Running || g.Info.UUID != "5a3c119e-02d7-4e1f-8c44-000000000000" || g.Info.VMKey == "" {
		t.Errorf("the guest is %+v, %s, %+v", g.Name, g.State, g.Info)
	}
	if g.CPU.Usage != model.Some(11.84881) || g.MonitorAnswers != model.Some(1) || g.Migrating != model.Some(0) {
		t.Errorf("usage %v, monitor %v, migrating %v", g.CPU.Usage, g.MonitorAnswers, g.Migrating)
	}
	if len(g.IO) != 3 || g.IO[2].Read.Requests != model.Some(611) || len(g.Network) != 1 || len(g.Disks) != 3 || len(g.Exits) == 0 {
		t.Errorf("devices: %+v %+v %+v %+v", g.IO, g.Network, g.Disks, g.Exits)
	}
	off := guest(t, r, "vm-1")
	if off.State != model.Crashed || off.CPU.Usage != (model.Opt{}) || off.IO != nil || off.MonitorAnswers != (model.Opt{}) {
		t.Errorf("the inactive guest is %s, %+v, %+v", off.State, off.CPU, off.IO)
	}
}

func TestStates(t *testing.T) {
	tests := []struct {
		name         string
		state, why   int32
		want         model.State
		migrating    float64
		monitorKnown bool
	}{
		{"running", 1, 1, model.Running, 0, true},
		{"running after a migration", 1, 2, model.Running, 0, true},
		{"running here and there in post-copy", 1, 10, model.Running, 1, true},
		{"blocked", 2, 0, model.Blocked, 0, true},
		{"paused by a person", 3, 1, model.Paused, 0, true},
		{"paused for a migration", 3, 2, model.Paused, 1, true},
		{"paused by an I/O error", 3, 5, model.Paused, 0, true},
		{"paused in post-copy", 3, 12, model.Paused, 1, true},
		{"shutting down", 4, 0, model.ShuttingDown, 0, true},
		{"suspended", 7, 0, model.Suspended, 0, true},
		{"of a state that is not known yet", 42, 0, "", 0, true},
	}
	h := newHost(t, &libvirtd.Server{}).listen(t)
	h.Add(libvirtd.Generate(1, 1, 1)...)
	s := h.open(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h.Change("vm-0", func(d *libvirtd.Domain) { d.State, d.Why = tt.state, tt.why })
			g := guest(t, read(t, s), "vm-0")
			if g.State != tt.want || g.Migrating != model.Some(tt.migrating) {
				t.Errorf("state %q, migrating %v", g.State, g.Migrating)
			}
		})
	}
}

func TestOneDomainAtATimeGivesTheSameFigures(t *testing.T) {
	domains := libvirtd.Generate(2, 2, 2)
	bulk := newHost(t, &libvirtd.Server{Type: "vz"}).listen(t)
	bulk.Add(domains...)
	singly := newHost(t, &libvirtd.Server{Type: "vz", NoBulk: true}).listen(t)
	singly.Add(domains...)
	want, got := guest(t, read(t, bulk.open(t)), "vm-1"), guest(t, read(t, singly.open(t)), "vm-1")

	// The calls for single domains have no times, no flushes and nothing of KVM.
	want.CPU.Run, want.CPU.Steal, want.HaltPoll = model.Opt{}, model.Opt{}, model.HaltPoll{}
	want.Exits, want.KVMEvents = nil, nil
	for i := range want.IO {
		io := &want.IO[i]
		io.Read.Seconds, io.Write.Seconds, io.Flush = model.Opt{}, model.Opt{}, model.Operations{}
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(model.Opt{}), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("bulk call (-) and single calls (+) differ:\n%s", diff)
	}
	if n := singly.Calls(libvirtd.ProcBulkStats); n != 1 {
		t.Errorf("a driver without the bulk call was asked %d times", n)
	}
}

func TestContainersOfLibvirt(t *testing.T) {
	h := newHost(t, &libvirtd.Server{Type: "LXC", NoBulk: true}).listen(t)
	h.Add(libvirtd.Generate(1, 1, 0)...)
	s := h.open(t, func(o *libvirt.Options) { o.URIs = []string{"lxc:///system"} })
	want := model.Name{Kind: model.Container, Runtime: "libvirt-lxc", Guest: "vm-0"}
	if g := guest(t, read(t, s), "vm-0"); g.Name != want {
		t.Errorf("its name is %+v", g.Name)
	}
}

func TestTwoDaemonsShowADomainOnce(t *testing.T) {
	h := newHost(t, &libvirtd.Server{})
	h.Add(libvirtd.Generate(2, 1, 1)...)
	second := newHost(t, &libvirtd.Server{})
	second.Add(libvirtd.Generate(3, 1, 1)...)
	other := libvirtd.Generate(10, 1, 1)[9]
	other.Name = "vm-0" // another one of the same name
	second.Add(other)
	for host, path := range map[*host]string{h: h.socket("a"), second: h.socket("b")} {
		if err := host.Listen(path); err != nil {
			t.Fatal(err)
		}
	}
	var later atomic.Int64
	s := h.open(t, laterBy(&later), func(o *libvirt.Options) {
		o.URIs = []string{"qemu+unix:///system?socket=/run/libvirt/a", "qemu+unix:///system?socket=/run/libvirt/b"}
	})
	for range 3 {
		r := read(t, s)
		var names []string
		for _, g := range r.Guests {
			names = append(names, g.Guest)
		}
		want := []string{"vm-0", "vm-1", "vm-2", "vm-0~5a3c119e-02d"}
		if diff := cmp.Diff(want, names); diff != "" || r.Collisions != 1 {
			t.Errorf("names differ, %d collisions:\n%s", r.Collisions, diff)
		}
	}
	second.Stop()
	later.Store(int64(2 * time.Minute))
	r, err := s.Read(t.Context())
	if err == nil || !strings.Contains(err.Error(), "socket=/run/libvirt/b") || len(r.Guests) != 2 {
		t.Errorf("with one daemon gone: %d guests, error %v", len(r.Guests), err)
	}
}

func TestRemoteDaemonsGuestsHaveAHost(t *testing.T) {
	for _, uri := range []string{"qemu+tcp://127.0.0.1:%s/system", "qemu+tcp://localhost:%s/system"} {
		t.Run(uri, func(t *testing.T) {
			h := newHost(t, &libvirtd.Server{})
			h.Add(libvirtd.Generate(1, 1, 1)...)
			port := h.listenTCP(t)
			s := h.open(t, func(o *libvirt.Options) { o.URIs = []string{strings.ReplaceAll(uri, "%s", port)} })
			if g := guest(t, read(t, s), "vm-0"); g.VMHost != "" {
				t.Errorf("a daemon of this host is on %q", g.VMHost)
			}
		})
	}
}

func TestDetailsAreAskedForWhenDevicesChangeAndNowAndThen(t *testing.T) {
	h := newHost(t, &libvirtd.Server{}).listen(t)
	h.Add(libvirtd.Generate(120, 1, 1)...)
	now := time.Unix(1795246137, 0)
	s := h.open(t, func(o *libvirt.Options) { o.Now = func() time.Time { return now } })
	asked := func() int {
		before := h.Calls(libvirtd.ProcXMLDesc)
		read(t, s)
		return h.Calls(libvirtd.ProcXMLDesc) - before
	}
	for i, want := range []int{120, 0} {
		if got := asked(); got != want {
			t.Errorf("reading %d asked for the XML of %d domains, want %d", i, got, want)
		}
	}
	h.Change("vm-7", func(d *libvirtd.Domain) { d.Set("block.1.name", "vdz") })
	if got := asked(); got != 1 {
		t.Errorf("a new disk made it ask for %d", got)
	}
	h.Change("vm-8", func(d *libvirtd.Domain) { d.ID = 999 })
	if got := asked(); got != 1 {
		t.Errorf("a machine that began anew made it ask for %d", got)
	}
	now = now.Add(3 * time.Minute)
	if got := asked(); got != 50 {
		t.Errorf("minutes later it asked for %d", got)
	}
}

func TestOneBulkCallAReading(t *testing.T) {
	h := newHost(t, &libvirtd.Server{}).listen(t)
	h.Add(libvirtd.Generate(5, 1, 1)...)
	s := h.open(t)
	for range 10 {
		read(t, s)
	}
	if n := h.Calls(libvirtd.ProcBulkStats); n != 10 {
		t.Errorf("%d bulk calls in 10 readings", n)
	}
	if n := h.Accepted(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

func TestGuestsComeAndGo(t *testing.T) {
	h := newHost(t, &libvirtd.Server{}).listen(t)
	h.Add(libvirtd.Generate(2, 1, 1)...)
	s := h.open(t)
	read(t, s)
	h.Remove("vm-0")
	if r := read(t, s); len(r.Guests) != 1 {
		t.Errorf("%d guests remain", len(r.Guests))
	}
	h.Change("vm-1", func(d *libvirtd.Domain) { d.Name = "renamed" })
	guest(t, read(t, s), "renamed")
	h.Add(libvirtd.Generate(1, 1, 1)...)
	if r := read(t, s); len(r.Guests) != 2 || r.Collisions != 0 {
		t.Errorf("%d guests, %d collisions", len(r.Guests), r.Collisions)
	}
}

// A daemon that is just starting may list few domains.
func TestCountersGoOnAfterADomainWasMissing(t *testing.T) {
	h := newHost(t, &libvirtd.Server{}).listen(t)
	h.Add(libvirtd.Generate(2, 1, 1)...)
	var later atomic.Int64
	s := h.open(t, laterBy(&later))
	missing := libvirtd.Generate(2, 1, 1)[1]
	for _, away := range []time.Duration{time.Minute, time.Hour} {
		before := guest(t, read(t, s), "vm-1")
		h.Remove("vm-1")
		if r := read(t, s); len(r.Guests) != 1 {
			t.Errorf("%d guests while one is missing", len(r.Guests))
		}
		later.Add(int64(away))
		read(t, s)
		h.Add(missing)
		after := guest(t, read(t, s), "vm-1")
		if went := cmp.Equal(before.Exits, after.Exits, cmp.AllowUnexported(model.Opt{})) && before.CPU.Run == after.CPU.Run; went != (away == time.Minute) {
			t.Errorf("away for %v: %v then %v", away, before.Exits, after.Exits)
		}
	}
}

func TestActiveDomainsAreDescribedFirst(t *testing.T) {
	var slow atomic.Bool
	h := newHost(t, &libvirtd.Server{Tamper: func(proc uint32, p []byte) []byte {
		if proc == libvirtd.ProcXMLDesc {
			if slow.Swap(true) {
				time.Sleep(hasty / 10)
			}
		}
		return p
	}}).listen(t)
	h.Add(libvirtd.Generate(30, 1, 1)...)
	for i := range 28 {
		h.Change(fmt.Sprint("vm-", i), func(d *libvirtd.Domain) { d.ID, d.State = -1, 5 })
	}
	r := read(t, h.open(t, hurry))
	if n := h.Calls(libvirtd.ProcXMLDesc); n == 30 {
		t.Errorf("it took the time to ask for the XML of %d domains", n)
	}
	for _, name := range []string{"vm-28", "vm-29"} {
		if g := guest(t, r, name); len(g.Disks) != 1 {
			t.Errorf("%s has the disks %+v", name, g.Disks)
		}
	}
}

func TestLimitOfGuests(t *testing.T) {
	h := newHost(t, &libvirtd.Server{}).listen(t)
	h.Add(libvirtd.Generate(5, 1, 1)...)
	r := read(t, h.open(t, func(o *libvirt.Options) { o.MaxGuests = 3 }))
	if len(r.Guests) != 3 || r.Dropped["limit"] != 2 {
		t.Errorf("%d guests, dropped %v", len(r.Guests), r.Dropped)
	}
}

func TestLabelsStandBehindThoseOfOthers(t *testing.T) {
	h := newHost(t, &libvirtd.Server{}).listen(t)
	h.Add(libvirtd.Generate(1, 1, 1)...)
	h.Change("vm-0", func(d *libvirtd.Domain) {
		d.XML = strings.Replace(d.XML, "<memory ", "<metadata><i:info xmlns:i='https://acme.example/vm'><i:tier>gold</i:tier></i:info></metadata><memory ", 1)
	})
	s := h.open(t, func(o *libvirt.Options) { o.Metadata, o.LabelOffset = []string{"tier=info/tier"}, 2 })
	if diff := cmp.Diff([]string{"", "", "gold"}, guest(t, read(t, s), "vm-0").Info.Labels); diff != "" {
		t.Error(diff)
	}
}

func TestFeatures(t *testing.T) {
	now := func(o *libvirt.Options) { o.Now = func() time.Time { return time.Unix(1795246137+3600, 0) } }
	h := newHost(t, &libvirtd.Server{}).listen(t)
	h.Add(libvirtd.Generate(1, 1, 1)...)
	reasons := map[string]model.Reason{}
	for _, f := range read(t, h.open(t, now)).Features {
		reasons[f.Name] = f.Reason
	}
	want := map[string]model.Reason{"libvirt_bulk_stats": "", "balloon_stats": model.NotConfigured, "kvm_stats": ""}
	if diff := cmp.Diff(want, reasons); diff != "" {
		t.Error(diff)
	}
}

func TestHostsWithoutADaemon(t *testing.T) {
	h := newHost(t, &libvirtd.Server{})
	_, err := libvirt.New(libvirt.Options{RootFS: h.root})
	var unavailable *source.Unavailable
	if !errors.As(err, &unavailable) || unavailable.Reason != model.NoDaemon {
		t.Errorf("without a socket: %v", err)
	}
	h.listen(t)
	s := h.open(t)
	named := h.open(t, func(o *libvirt.Options) { o.URIs = []string{"qemu:///system"} })
	h.Stop()
	if _, err := s.Read(t.Context()); !errors.As(err, &unavailable) {
		t.Errorf("a socket that was left behind: %v", err)
	}
	if _, err := named.Read(t.Context()); err == nil || errors.As(err, &unavailable) {
		t.Errorf("a daemon that was named and is not there: %v", err)
	}
}

func TestWhatTheDaemonSaysIsTold(t *testing.T) {
	h := newHost(t, &libvirtd.Server{Refuse: "no connection driver available for lxc:///system"}).listen(t)
	s := h.open(t, func(o *libvirt.Options) { o.URIs = []string{"lxc:///system"} })
	if _, err := s.Read(t.Context()); err == nil || !strings.Contains(err.Error(), "no connection driver available") {
		t.Errorf("error %v", err)
	}
}
