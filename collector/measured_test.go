package collector

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/virt-exporter/virt_exporter/collector/model"
	"github.com/virt-exporter/virt_exporter/collector/source"
)

var (
	web    = model.Name{Kind: model.Container, Runtime: "docker", Guest: "web"}
	ofSelf = []model.Stolen{{Cause: model.CauseSelf, Method: model.Measured}}
)

// merging merges what sources say of one moment after the other.
type merging struct {
	host host
	now  time.Duration
}

// merge returns the guest as it is exposed, when its source says read and it was
// measured so; nil if it was not.
func (m *merging) merge(read model.Guest, measured *model.MeasuredGuest) *model.Guest {
	m.now += 15 * time.Second
	views := []view{
		{source: sourceCgroup, answered: true, health: &health{}, reading: model.Reading{Guests: []model.Guest{read}}},
		{source: sourceBPF, answered: true, health: &health{}},
	}
	if measured != nil {
		views[1].reading.Measured = []model.MeasuredGuest{*measured}
	}
	before := read
	m.host.merge(views, m.now)
	if diff := cmp.Diff(before, views[0].reading.Guests[0], cmp.AllowUnexported(model.Opt{})); diff != "" {
		panic("the source's own guest was changed: " + diff)
	}
	return m.host.guests[0]
}

// waited is a container that its source read so, in seconds.
func waited(run, steal, throttle float64) model.Guest {
	return model.Guest{Name: web, CPU: model.CPU{
		Usage: model.Some(2 * run), Run: model.Some(run), Steal: model.Some(steal),
		StealBy: []model.Stolen{
			{Cause: model.CauseThrottle, Method: model.Estimated, Seconds: throttle},
			{Cause: model.CauseUnexplained, Method: model.Estimated, Seconds: steal - throttle},
		},
	}}
}

func TestMeasuredRunAndStealReplaceWhatIsRead(t *testing.T) {
	exact := func(run, steal float64) *model.MeasuredGuest {
		return &model.MeasuredGuest{Name: web, Run: model.Some(run), Steal: model.Some(steal), Waits: ofSelf}
	}
	steps := []struct {
		name                 string
		read                 model.Guest
		measured             *model.MeasuredGuest
		run, steal, throttle float64
	}{
		{"nobody measures", waited(100, 10, 4), nil, 100, 10, 4},
		{"measured from now on", waited(101, 11, 5), exact(0, 0), 101, 11, 5},
		{"it saw more than the threads that are left", waited(102, 11.5, 5.5), exact(8, 3), 109, 14, 5.5},
		{"quotas held it for longer than it waited", waited(103, 20, 14), exact(9, 4), 110, 15, 6.5},
		{"one is missing: neither counts", waited(104, 21, 14), &model.MeasuredGuest{Name: web, Run: model.Some(12)}, 111, 16, 6.5},
		{"not measured any more", waited(106, 24, 15), nil, 113, 19, 7.5},
		{"measured again, anew", waited(107, 25, 15), exact(1, 1), 114, 20, 7.5},
		{"and on", waited(107, 25, 15), exact(3, 4), 116, 23, 7.5},
	}
	var m merging
	for _, step := range steps {
		g := m.merge(step.read, step.measured)
		got := [3]float64{g.CPU.Run.Or(-1), g.CPU.Steal.Or(-1), g.CPU.StealBy[0].Seconds}
		if want := [3]float64{step.run, step.steal, step.throttle}; got != want {
			t.Errorf("%s: run, steal and throttle are %v, want %v", step.name, got, want)
		}
		if sum := g.CPU.StealBy[0].Seconds + g.CPU.StealBy[1].Seconds; sum != step.steal {
			t.Errorf("%s: the parts of %v sum to %v", step.name, step.steal, sum)
		}
		if (g.CPU.Waits != nil) != (step.measured != nil && step.measured.Waits != nil) {
			t.Errorf("%s: waits are %v", step.name, g.CPU.Waits)
		}
	}
}

func TestAVirtualMachineKeepsTheStealOfItsVCPUs(t *testing.T) {
	g := model.Guest{Name: model.Name{Kind: model.VM, Runtime: "qemu", Guest: "db"}, CPU: model.CPU{Run: model.Some(5), Steal: model.Some(2)}}
	var m merging
	m.host.merge([]view{
		{source: sourceVMM, answered: true, health: &health{}, reading: model.Reading{Guests: []model.Guest{g}}},
		{source: sourceBPF, health: &health{}, reading: model.Reading{Measured: []model.MeasuredGuest{{
			Name: g.Name, Run: model.Some(50), Steal: model.Some(20), Waits: ofSelf, VMMExits: []model.Exits{{Reason: "io", Count: model.Some(3)}},
		}}}},
	}, time.Second)
	got := m.host.guests[0]
	if got.CPU.Run != model.Some(5) || got.CPU.Steal != model.Some(2) || got.CPU.Waits == nil || len(got.VMMExits) != 1 {
		t.Errorf("%+v, exits %v", got.CPU, got.VMMExits)
	}
}

func TestCoverageIsThatOfWhatIsExposed(t *testing.T) {
	var m merging
	for i := range 3 {
		n := float64(i)
		g := m.merge(waited(n, 0, 0), &model.MeasuredGuest{Name: web, Run: model.Some(1.5 * n), Steal: model.Some(0)})
		if want := 0.75; i > 0 && g.CPU.StealCoverage.Or(0) != want { // of 2 s of CPU time for each step
			t.Errorf("coverage is %v, want %v", g.CPU.StealCoverage, want)
		}
	}
}

func TestMeasuredIOReplacesThatOfTheSameDevice(t *testing.T) {
	ops := func(n float64) model.Operations {
		return model.Operations{Requests: model.Some(n), Bytes: model.Some(4096 * n)}
	}
	disk := func(n float64) model.DeviceIO {
		return model.DeviceIO{
			Device: "sda", Layer: model.LayerHost, Read: ops(n), Write: ops(0),
			ReadLimit: model.IOLimit{BytesPerSecond: model.Some(1e6)},
		}
	}
	guestDisk := model.DeviceIO{Device: "sda", Layer: model.LayerGuest, Read: ops(1)}
	seen := func(n float64) model.Operations {
		o := ops(n)
		o.Seconds, o.Latency = model.Some(n/100), &model.Histogram{Sum: n / 100}
		return o
	}
	var m merging
	merge := func(read []model.DeviceIO, measured ...model.DeviceIO) []model.DeviceIO {
		return m.merge(model.Guest{Name: web, IO: read}, &model.MeasuredGuest{Name: web, IO: measured}).IO
	}
	check := func(what string, got, want []model.DeviceIO) {
		t.Helper()
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(model.Opt{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	merge([]model.DeviceIO{guestDisk, disk(100)}, model.DeviceIO{Device: "sda", Layer: model.LayerHost, Read: seen(0), Discard: seen(0)})
	got := merge([]model.DeviceIO{guestDisk, disk(103)},
		model.DeviceIO{Device: "sda", Layer: model.LayerHost, Read: seen(4), Discard: seen(0)},
		model.DeviceIO{Device: "nvme0n1", Layer: model.LayerHost, Write: seen(2)})
	want := disk(104)
	want.Read.Seconds, want.Read.Latency = seen(4).Seconds, seen(4).Latency
	check("measured", got, []model.DeviceIO{guestDisk, want, {Device: "nvme0n1", Layer: model.LayerHost, Write: seen(2)}})
	check("not any more", m.merge(model.Guest{Name: web, IO: []model.DeviceIO{guestDisk, disk(110)}}, nil).IO,
		[]model.DeviceIO{guestDisk, disk(111)})
}

func TestALedgerIsForgottenTenMinutesAfterItsGuest(t *testing.T) {
	measured := &model.MeasuredGuest{Name: web, Run: model.Some(1), Steal: model.Some(1)}
	other := model.Guest{Name: model.Name{Kind: model.Container, Runtime: "docker", Guest: "other"}}
	var m merging
	m.merge(waited(10, 1, 0), measured)
	m.now += forgetAfter - 30*time.Second
	m.merge(other, measured)
	if len(m.host.measured.ledgers) != 1 {
		t.Error("it was forgotten too soon")
	}
	m.now += time.Minute
	m.merge(other, measured)
	if n := len(m.host.measured.ledgers); n != 0 {
		t.Errorf("%d ledgers", n)
	}
	for i := range 3 * mostAbsent {
		g := other
		g.Guest = fmt.Sprint("g", i)
		m.now -= 15*time.Second - time.Millisecond
		m.merge(g, &model.MeasuredGuest{Name: g.Name})
	}
	if n := len(m.host.measured.ledgers); n > mostAbsent+1 {
		t.Errorf("%d ledgers of guests that came and went", n)
	}
}

func TestRequestsAreOfTheFirstMountOfTheirSuperblock(t *testing.T) {
	h := host{mounts: []*model.Mount{{Mountpoint: "/no"}, {Mountpoint: "/a", Device: 39, Requests: make([]model.MountRequests, 9)}, {Mountpoint: "/b", Device: 39}}}
	read := &model.Histogram{Sum: 1}
	h.putRequests([]view{{reading: model.Reading{Requests: []model.Requests{
		{Device: 39, Opcode: "read", Latency: read}, {Device: 39, Opcode: "read", Latency: read}, {Device: 0, Opcode: "read", Latency: read}, {Device: 39, Opcode: "write"},
	}}}})
	if got := h.mounts[1].Requests; len(got) != 1 || got[0].Latency != read || h.mounts[0].Requests != nil || h.mounts[2].Requests != nil {
		t.Errorf("%v, %v, %v", h.mounts[0].Requests, got, h.mounts[2].Requests)
	}
}

// listening is a source that is told who is there.
type listening struct {
	*script
	mu   sync.Mutex
	told []source.Surroundings
}

func (l *listening) Surrounded(s source.Surroundings) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.told = append(l.told, s)
}

// heard returns how often it was told, and what it was told last.
func (l *listening) heard() (int, source.Surroundings) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.told), l.told[len(l.told)-1]
}

func TestWhatIsMeasuredIsReadAndToldBetweenScrapes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kernel := &listening{script: gives(sourceBPF, model.Reading{}, nil)}
		var late atomic.Bool
		cgroups := &script{name: sourceCgroup, read: func(ctx context.Context, _ int64) (model.Reading, error) {
			r := guests("web")
			r.Guests[0].Info.Cgroup = "/web"
			r.Units = []model.Unit{{Path: "/a.service", Name: "a.service", Usage: model.Some(1)}}
			if late.Load() {
				<-ctx.Done()
				return model.Reading{}, ctx.Err()
			}
			return r, nil
		}}
		c := collectFrom(t, new(strings.Builder), opens(cgroups), opener{sourceBPF, func(Config) (source.Source, error) { return kernel, nil }})
		h := c.Handler(HandlerOpts{})
		watching(t, c, func() {
			scrape(h)
			time.Sleep(15*time.Second - time.Millisecond)
			n, got := kernel.heard()
			if reads := kernel.reads.Load(); reads != 3 || n != 3 {
				t.Errorf("%d readings, told %d times", reads, n)
			}
			want := source.Surroundings{
				Guests: []source.Guest{{Name: web, Cgroup: "/web"}}, Units: []model.Unit{{Path: "/a.service", Name: "a.service"}},
			}
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(model.Opt{})); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			late.Store(true)
			scrape(h)
			if n, got := kernel.heard(); n != 3 {
				t.Errorf("it is told that nobody is there, when a source is late: %v", got)
			}
		})
	})
}

func TestInhabitantsOwnTheirThreads(t *testing.T) {
	vm := model.Guest{Name: model.Name{Kind: model.VM, Guest: "db"}, Within: "/x", Threads: model.Threads{Processes: []int32{1, 2}, VCPUs: []int32{3}}}
	h := host{guests: []*model.Guest{&vm, {Ended: true}, {Name: model.Name{VMHost: "elsewhere"}}}}
	got := h.inhabitants()
	vm.Threads.Processes[0], vm.Threads.VCPUs[0] = 9, 9
	want := []source.Guest{{Name: vm.Name, Threads: model.Threads{Processes: []int32{1, 2}, VCPUs: []int32{3}}}}
	if diff := cmp.Diff(want, got.Guests); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func BenchmarkInhabitants(b *testing.B) {
	r := full(1000)
	var h host
	for i := range r.Guests {
		g := &r.Guests[i]
		if i%10 == 0 {
			g.Kind, g.Threads = model.VM, model.Threads{Processes: []int32{1, 2, 3}, VCPUs: []int32{4, 5, 6, 7}}
		}
		h.guests = append(h.guests, g)
	}
	for i := range 200 {
		h.units = append(h.units, model.Unit{Path: fmt.Sprint("/unit", i), Name: "unit"})
	}
	b.ReportAllocs()
	for b.Loop() {
		h.inhabitants()
	}
}

func BenchmarkMeasured(b *testing.B) {
	r := full(1000)
	views := []view{{source: sourceCgroup, health: &health{}, reading: r}, {source: sourceBPF, health: &health{}}}
	for i := range r.Guests {
		g := &r.Guests[i]
		views[1].reading.Measured = append(views[1].reading.Measured, model.MeasuredGuest{
			Name: g.Name, Run: g.CPU.Run, Steal: g.CPU.Steal, Latency: &model.Histogram{}, IO: g.IO, Waits: ofSelf,
		})
	}
	var h host
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		h.merge(views, time.Duration(i)*time.Second)
	}
}
