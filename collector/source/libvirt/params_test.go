package libvirt

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	golibvirt "github.com/digitalocean/go-libvirt"
	"github.com/google/go-cmp/cmp"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

var compareOpts = cmp.AllowUnexported(model.Opt{})

func TestFillOfKVMDomain(t *testing.T) {
	params := domstats(t, "domstats.txt")["kvm1"]
	want := &model.Guest{
		CPU: model.CPU{
			Usage: model.Some(6.082868), Run: model.Some(5.84), Steal: model.Some(0.174749207), CPUs: model.Some(1),
		},
		Memory: model.Memory{
			Usage: model.Some(83476 * 1024), Balloon: model.Some(160 << 20), BalloonMaximum: model.Some(160 << 20),
		},
		HaltPoll: model.HaltPoll{Success: model.Some(0), Fail: model.Some(0)},
		Exits: []model.Exits{
			{Reason: "io", Count: model.Some(0)},
			{Reason: "mmio", Count: model.Some(809)},
			{Reason: "halt", Count: model.Some(0)},
			{Reason: "irq", Count: model.Some(0)},
			{Reason: "irq_window", Count: model.Some(7)},
			{Reason: "nmi_window", Count: model.Some(0)},
			{Reason: "hypercall", Count: model.Some(0)},
			{Reason: "other", Count: model.Some(16342 - 809 - 7)},
		},
		KVMEvents: []model.KVMEvent{
			{Event: "directed_yield_attempted", Count: model.Some(0)},
			{Event: "directed_yield_successful", Count: model.Some(0)},
			{Event: "preemption_reported", Count: model.Some(0)},
			{Event: "preemption_other", Count: model.Some(819)},
			{Event: "halt_wakeup", Count: model.Some(0)},
			{Event: "irq_injection", Count: model.Some(17)},
			{Event: "instruction_emulation", Count: model.Some(13438333)},
			{Event: "tlb_flush", Count: model.Some(8)},
		},
		IO: []model.DeviceIO{{
			Device: "vda", Layer: model.LayerGuest,
			Read:  model.Operations{Requests: model.Some(1), Bytes: model.Some(512), Seconds: model.Some(0.003832201)},
			Write: model.Operations{Requests: model.Some(0), Bytes: model.Some(0), Seconds: model.Some(0)},
			Flush: model.Operations{Requests: model.Some(0), Seconds: model.Some(0)},
		}},
	}
	if diff := cmp.Diff(want, filled(params), compareOpts); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if !monitored(params) {
		t.Error("the monitor answered, and it is said not to have")
	}
}

func TestFillOfDomainThatReportsItsMemory(t *testing.T) {
	g := filled(domstats(t, "domstats.txt")["tiny3"])
	want := model.Memory{
		Usage: model.Some(265492 << 10), Balloon: model.Some(160 << 20), BalloonMaximum: model.Some(160 << 20),
		Available: model.Some(77832 << 10), BalloonUpdated: model.Some(1795246065),
		GuestSwapIn: model.Some(0), GuestSwapOut: model.Some(0),
	}
	if diff := cmp.Diff(want, g.Memory, compareOpts); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if g.Exits != nil {
		t.Errorf("exits of a domain without KVM: %v", g.Exits)
	}
}

func TestFillOfOneParameter(t *testing.T) {
	for name, tc := range map[string]struct {
		params []string
		want   model.Guest
	}{
		"nothing":  {nil, model.Guest{}},
		"CPU time": {[]string{"cpu.time=1500000000"}, model.Guest{CPU: model.CPU{Usage: model.Some(1.5)}}},
		"a guest that does not report": {
			[]string{"balloon.usable=5", "balloon.swap_in=1", "balloon.swap_out=1", "balloon.last-update=0"},
			model.Guest{},
		},
		"a report without its time": {[]string{"balloon.usable=5", "balloon.swap_in=1"}, model.Guest{}},
		"unused does not stand for usable": {
			[]string{"balloon.unused=5", "balloon.last-update=7"},
			model.Guest{Memory: model.Memory{BalloonUpdated: model.Some(7)}},
		},
		"swapping in the guest": {
			[]string{"balloon.swap_in=3", "balloon.swap_out=4", "balloon.last-update=7"},
			model.Guest{Memory: model.Memory{
				BalloonUpdated: model.Some(7), GuestSwapIn: model.Some(3072), GuestSwapOut: model.Some(4096),
			}},
		},
		"run without steal": {[]string{"vcpu.current=1", "vcpu.0.time=1"}, model.Guest{CPU: model.CPU{CPUs: model.Some(1)}}},
		"an online vCPU that has neither": {
			[]string{"vcpu.0.time=1", "vcpu.0.delay=1", "vcpu.1.state=1"},
			model.Guest{},
		},
		"an offline vCPU has neither": {
			[]string{"vcpu.0.time=2000000000", "vcpu.0.delay=1000000000", "vcpu.1.state=0"},
			model.Guest{CPU: model.CPU{Run: model.Some(2), Steal: model.Some(1)}},
		},
		"fewer vCPUs than there are": {
			[]string{"vcpu.current=2", "vcpu.0.time=1", "vcpu.0.delay=1"},
			model.Guest{CPU: model.CPU{CPUs: model.Some(2)}},
		},
		"sparse vCPUs": {
			[]string{"vcpu.current=2", "vcpu.7.time=1000000000", "vcpu.7.delay=0", "vcpu.2.time=1000000000", "vcpu.2.delay=5000000000"},
			model.Guest{CPU: model.CPU{CPUs: model.Some(2), Run: model.Some(2), Steal: model.Some(5)}},
		},
		"halt polling of vCPUs": {
			[]string{
				"vcpu.0.halt_poll_success_ns.sum=1000000000", "vcpu.1.halt_poll_success_ns.sum=2000000000",
				"vcpu.0.halt_poll_fail_ns.sum=0", "vcpu.1.halt_poll_fail_ns.sum=500000000",
			},
			model.Guest{HaltPoll: model.HaltPoll{Success: model.Some(3), Fail: model.Some(0.5)}},
		},
		"halt polling of the vCPUs comes first": {
			[]string{"cpu.haltpoll.success.time=7000000000", "vcpu.0.halt_poll_success_ns.sum=1000000000"},
			model.Guest{HaltPoll: model.HaltPoll{Success: model.Some(1)}},
		},
		"a disk that is named only": {[]string{"block.0.name=vda", "block.0.path=/x"}, model.Guest{}},
		"a disk without a name":     {[]string{"block.0.rd.reqs=1"}, model.Guest{}},
		"a disk and what it is backed by": {
			[]string{"block.0.name=vda", "block.0.rd.reqs=1", "block.1.name=vda", "block.1.rd.reqs=9", "block.2.name=vdb", "block.2.fl.times=2000000000"},
			model.Guest{IO: []model.DeviceIO{
				{Device: "vda", Layer: model.LayerGuest, Read: model.Operations{Requests: model.Some(1)}},
				{Device: "vdb", Layer: model.LayerGuest, Flush: model.Operations{Seconds: model.Some(2)}},
			}},
		},
		"an interface, from the guest's side": {
			[]string{
				"net.count=2", "net.0.name=vnet3", "net.0.rx.bytes=1", "net.0.rx.pkts=2", "net.0.rx.errs=3", "net.0.rx.drop=4",
				"net.0.tx.bytes=5", "net.0.tx.pkts=6", "net.0.tx.drop=8", "net.1.name=down", "net.2.rx.bytes=1",
				"net.3.name=vnet3", "net.3.rx.bytes=99",
			},
			model.Guest{Network: []model.Interface{{
				Name:     "vnet3",
				Receive:  model.Traffic{Bytes: model.Some(1), Packets: model.Some(2), Drops: model.Some(4)},
				Transmit: model.Traffic{Bytes: model.Some(5), Packets: model.Some(6), Drops: model.Some(8)},
			}}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(&tc.want, filled(typedParams(tc.params...)), compareOpts); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestFillTakesAnyNumberAndNothingElse(t *testing.T) {
	boolean := *golibvirt.NewTypedParamValueBoolean(1)
	for name, tc := range map[string]struct {
		value golibvirt.TypedParamValue
		want  model.Opt
	}{
		"ullong":          {golibvirt.TypedParamValue{D: 4, I: uint64(2e9)}, model.Some(2)},
		"llong":           {golibvirt.TypedParamValue{D: 3, I: int64(2e9)}, model.Some(2)},
		"uint":            {golibvirt.TypedParamValue{D: 2, I: uint32(2e9)}, model.Some(2)},
		"int":             {golibvirt.TypedParamValue{D: 1, I: int32(2e9)}, model.Some(2)},
		"double":          {golibvirt.TypedParamValue{D: 5, I: 2e9}, model.Some(2)},
		"largest":         {golibvirt.TypedParamValue{D: 4, I: uint64(math.MaxUint64)}, model.Some(math.MaxUint64 / 1e9)},
		"negative llong":  {golibvirt.TypedParamValue{D: 3, I: int64(-1)}, model.Opt{}},
		"negative int":    {golibvirt.TypedParamValue{D: 1, I: int32(-1)}, model.Opt{}},
		"negative double": {golibvirt.TypedParamValue{D: 5, I: -1.0}, model.Opt{}},
		"no number":       {golibvirt.TypedParamValue{D: 5, I: math.NaN()}, model.Opt{}},
		"infinite":        {golibvirt.TypedParamValue{D: 5, I: math.Inf(1)}, model.Opt{}},
		"boolean":         {boolean, model.Opt{}},
		"string":          {golibvirt.TypedParamValue{D: 7, I: "2"}, model.Opt{}},
		"nil":             {golibvirt.TypedParamValue{}, model.Opt{}},
		"something":       {golibvirt.TypedParamValue{D: 9, I: struct{}{}}, model.Opt{}},
	} {
		t.Run(name, func(t *testing.T) {
			g := filled([]golibvirt.TypedParam{{Field: "cpu.time", Value: tc.value}})
			if g.CPU.Usage != tc.want {
				t.Errorf("got %v, want %v", g.CPU.Usage, tc.want)
			}
		})
	}
}

func TestFillOfHostileNames(t *testing.T) {
	params := typedParams(
		"", ".", "vcpu", "vcpu.", "vcpu..time=1", "vcpu.-1.time=1", "vcpu.4294967295.time=1", "vcpu.99999999999999999999.time=1",
		"vcpu.4096.time=1", "vcpu.0x1.time=1", "vcpu.0=1", "block.", "block.0=1", "block.4294967295.name=vda",
		"block.64.name=vda", "block.64.rd.reqs=1", "block.0.rd=1", "net.64.name=x", "net..name=x", "balloon.=1", "cpu=1",
		"block.0.latency_histogram.read.bin.4294967295.value=1", "block.0.latency_histogram..bin.0.value=1",
	)
	var c carry
	g := new(model.Guest)
	c.fill(g, params)
	if diff := cmp.Diff(new(model.Guest), g, compareOpts); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if len(c.vcpus.all) > 0 || len(c.blocks.all) > 1 || len(c.nets.all) > 0 {
		t.Errorf("kept %d vCPUs, %d disks, %d interfaces", len(c.vcpus.all), len(c.blocks.all), len(c.nets.all))
	}
}

func TestFillBoundsWhatItKeeps(t *testing.T) {
	var params []golibvirt.TypedParam
	for i := range 10_000 {
		params = append(params, typedParams(
			fmt.Sprintf("vcpu.%d.time=1", 9999-i), fmt.Sprintf("vcpu.%d.delay=1", 9999-i),
			fmt.Sprintf("block.%d.name=%d", i, i), fmt.Sprintf("block.%d.rd.reqs=1", i),
			fmt.Sprintf("net.%d.name=%d", i, i), fmt.Sprintf("net.%d.rx.bytes=1", i),
		)...)
	}
	var c carry
	g := new(model.Guest)
	c.fill(g, params)
	if len(c.vcpus.all) != maxVCPUs || len(g.IO) != maxDevices || len(g.Network) != maxDevices {
		t.Errorf("kept %d vCPUs, %d disks, %d interfaces", len(c.vcpus.all), len(g.IO), len(g.Network))
	}
	if !slices.IsSortedFunc(c.vcpus.all, func(a, b vcpu) int { return int(a.index) - int(b.index) }) {
		t.Error("vCPUs are not in order")
	}
}

func TestFillMakesNamesOfDevicesLabels(t *testing.T) {
	g := filled([]golibvirt.TypedParam{
		{Field: "block.0.name", Value: *golibvirt.NewTypedParamValueString("v\xff" + strings.Repeat("ä", 4000))},
		{Field: "block.0.rd.reqs", Value: *golibvirt.NewTypedParamValueUllong(1)},
		{Field: "block.1.name", Value: *golibvirt.NewTypedParamValueInt(1)},
		{Field: "block.1.rd.reqs", Value: *golibvirt.NewTypedParamValueUllong(1)},
	})
	if len(g.IO) != 1 {
		t.Fatalf("%d disks, want 1", len(g.IO))
	}
	if name := g.IO[0].Device; label(name) != name || len(name) > maxLabel || !strings.HasPrefix(name, "v\uFFFDä") {
		t.Errorf("name of %d bytes: %.20q…", len(name), name)
	}
}

func TestFillLeavesNothingOfTheReadingBefore(t *testing.T) {
	var c carry
	g := new(model.Guest)
	c.fill(g, domstats(t, "domstats.txt")["tiny3"])
	c.fill(g, typedParams("net.0.name=a", "net.0.rx.bytes=1"))
	c.fill(g, nil)
	g.Exits, g.IO, g.Network = nil, nil, nil // empty all
	if diff := cmp.Diff(new(model.Guest), g, compareOpts); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestFillFollowsDisksByName(t *testing.T) {
	var c carry
	g := new(model.Guest)
	c.fill(g, typedParams("block.0.name=vda", "block.0.rd.reqs=1", "block.1.name=vdb", "block.1.rd.reqs=2"))
	c.fill(g, typedParams("block.0.name=vdb", "block.0.rd.reqs=3"))
	want := []model.DeviceIO{{Device: "vdb", Layer: model.LayerGuest, Read: model.Operations{Requests: model.Some(3)}}}
	if diff := cmp.Diff(want, g.IO, compareOpts); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestMonitored(t *testing.T) {
	for name, tc := range map[string]struct {
		params []string
		want   bool
	}{
		"nothing": {nil, false},
		"what is known without": {[]string{
			"state.state=1", "cpu.time=1", "cpu.haltpoll.fail.time=1", "balloon.current=1", "balloon.maximum=1",
			"vcpu.current=1", "vcpu.maximum=1", "vcpu.0.state=1", "vcpu.0.time=1", "vcpu.0.wait=1", "vcpu.0.delay=1",
			"net.0.name=a", "block.count=1", "block.0.name=vda", "block.0.path=/x",
		}, false},
		"resident memory": {[]string{"balloon.rss=1"}, true},
		"last report":     {[]string{"balloon.last-update=0"}, true},
		"halted":          {[]string{"vcpu.3.halted=yes"}, true},
		"a KVM statistic": {[]string{"vcpu.3.exits.sum=1"}, true},
		"requests":        {[]string{"block.0.rd.reqs=0"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := monitored(typedParams(tc.params...)); got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}

func TestFillNeedsNoOrder(t *testing.T) {
	params := domstats(t, "domstats.txt")["kvm1"]
	want := filled(params)
	slices.Reverse(params)
	if diff := cmp.Diff(want, filled(params), compareOpts); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// benchmarkParams is a domain of 4 vCPUs with all that KVM counts, and 3 disks.
func benchmarkParams(tb testing.TB) []golibvirt.TypedParam {
	var params []golibvirt.TypedParam
	for _, p := range domstats(tb, "domstats.txt")["kvm1"] {
		copies := 1
		if strings.HasPrefix(p.Field, "vcpu.0.") {
			copies = 4
		} else if strings.HasPrefix(p.Field, "block.0.") {
			copies = 3
		}
		for i := range copies {
			q := p
			q.Field = strings.Replace(p.Field, ".0.", fmt.Sprintf(".%d.", i), 1)
			if p.Field == "block.0.name" {
				q.Value = *golibvirt.NewTypedParamValueString("vd" + string(rune('a'+i)))
			}
			if p.Field == "vcpu.current" {
				q.Value = *golibvirt.NewTypedParamValueUint(4)
			}
			params = append(params, q)
		}
	}
	// As the daemon sends them: one device after the other.
	slices.SortStableFunc(params, func(a, b golibvirt.TypedParam) int { return strings.Compare(device(a.Field), device(b.Field)) })
	return params
}

func device(field string) string {
	parts := strings.SplitN(field, ".", 3)
	return strings.Join(parts[:min(2, len(parts))], ".")
}

func BenchmarkFill(b *testing.B) {
	params := benchmarkParams(b)
	var c carry
	g := new(model.Guest)
	b.ReportAllocs()
	for b.Loop() {
		c.fill(g, params)
	}
	b.ReportMetric(float64(len(params)), "params")
}

func TestFillDoesNotAllocate(t *testing.T) {
	params := slices.Concat(benchmarkParams(t), histogramParams("read"), typedParams("net.0.name=vnet0", "net.0.rx.bytes=1"))
	d, err := parseDetails(fullDomain, nil)
	if err != nil {
		t.Fatal(err)
	}
	var c carry
	g := new(model.Guest)
	reading := func() {
		c.fill(g, params)
		d.apply(g)
	}
	reading()
	if n := testing.AllocsPerRun(100, reading); n != 0 {
		t.Errorf("%v allocations a reading", n)
	}
}

func FuzzFill(f *testing.F) {
	for _, params := range domstats(f, "domstats.txt") {
		var text []string
		for i := range params {
			text = append(text, fmt.Sprintf("%s=%v", params[i].Field, params[i].Value.I))
		}
		f.Add(strings.Join(text, "\n"), "")
	}
	f.Add("vcpu.0.time=5\nvcpu.0.delay=1\nvcpu.1.exits.sum=9\nvcpu.1.io_exits.sum=10", "vcpu.0.time=1\nvcpu.0.delay=1\nvcpu.0.exits.sum=1")
	f.Add("block.0.name=vda\nblock.0.rd.times=1\nblock.0.latency_histogram.read.bin.count=1\n"+
		"block.0.latency_histogram.read.bin.0.start=0\nblock.0.latency_histogram.read.bin.0.value=3", "block.0.name=\xff")
	f.Fuzz(func(t *testing.T, first, second string) {
		var c carry
		g := new(model.Guest)
		before := make(map[string]float64)
		for _, text := range []string{first, second, first, ""} {
			params := typedParams(strings.Split(text, "\n")...)
			c.fill(g, params)
			monitored(params)
			now := exitsOf(g)
			now["run"], now["steal"] = g.CPU.Run.Or(-1), g.CPU.Steal.Or(-1)
			for name, was := range before {
				if n, ok := now[name]; ok && n != -1 && n < was {
					t.Fatalf("%s fell from %v to %v", name, was, n)
				}
			}
			maps.Copy(before, now)
			checkGuest(t, g)
		}
	})
}

// checkGuest fails where a guest holds what may not be exposed.
func checkGuest(t *testing.T, g *model.Guest) {
	t.Helper()
	if len(g.IO) > 2*maxDevices || len(g.Network) > maxDevices || len(g.Disks) > maxDevices || len(g.Shares) > maxDevices {
		t.Fatal("too many devices")
	}
	names := make(map[string]struct{})
	check := func(s string) {
		if label(s) != s {
			t.Fatalf("%q is no label", s)
		}
	}
	unique := func(kind, s string) {
		check(s)
		if _, ok := names[kind+s]; ok || s == "" {
			t.Fatalf("%s %q is there twice, or empty", kind, s)
		}
		names[kind+s] = struct{}{}
	}
	for i := range g.IO {
		unique("disk", g.IO[i].Device)
	}
	for i := range g.Network {
		unique("interface", g.Network[i].Name)
	}
	for _, d := range g.Disks {
		unique("info", d.Device)
		for _, s := range []string{d.HostDevice, d.Bus, d.Cache, d.Driver, d.Format} {
			check(s)
		}
	}
	for _, s := range g.Shares {
		for _, s := range []string{s.Tag, s.Source, s.FSType, s.Cache} {
			check(s)
		}
	}
	for _, s := range append(slices.Clone(g.Info.Labels), g.Info.Project, g.Info.Accelerator) {
		check(s)
	}
}
