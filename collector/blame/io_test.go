package blame

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// ioGuestAt is what a guest does every second, in requests of 4 KiB unless said.
type ioGuestAt struct {
	name   string
	parent string  // container/docker/…
	cgroup string  // /name where it is empty
	waits  float64 // of each second
	none   bool    // it has no I/O figures
	does   []ioAt
}

type ioAt struct {
	device       string
	layer        model.Layer // host where it is empty
	reads        float64
	writes, size float64 // size of each, in bytes
	limit        model.IOLimit
}

type ioUnitAt struct {
	path, name string
	does       []ioAt
}

type diskAt struct {
	device          string
	requests        float64
	latency         float64 // seconds of each request
	busy            float64 // part of the time
	withoutBusyTime bool
}

type ioScene struct {
	name   string
	guests []ioGuestAt
	units  []ioUnitAt
	disks  []diskAt
	want   map[string]float64 // parts of what the first guest waits, by cause and culprit
}

func (s *ioScene) at(seconds float64) ([]*model.Guest, *model.Node, []model.Unit) {
	var guests []*model.Guest
	for _, a := range s.guests {
		g := container(a.name)
		g.Info.Parent = a.parent
		if a.cgroup != "" {
			g.Info.Cgroup = a.cgroup
		}
		g.Pressure.IOWaiting = model.Some(100 + a.waits*seconds)
		if !a.none {
			g.IO = usesAt(a.does, seconds)
		}
		guests = append(guests, g)
	}
	var units []model.Unit
	for _, a := range s.units {
		units = append(units, model.Unit{Path: a.path, Name: a.name, IO: usesAt(a.does, seconds)})
	}
	if s.disks == nil {
		return guests, nil, units
	}
	node := &model.Node{}
	for _, a := range s.disks {
		d := model.NodeDisk{Device: a.device}
		d.Read = model.Operations{
			Requests: model.Some(a.requests * seconds),
			Bytes:    model.Some(a.requests * seconds * 4096),
			Seconds:  model.Some(a.requests * seconds * a.latency),
		}
		if !a.withoutBusyTime {
			d.Busy = model.Some(a.busy * seconds)
		}
		node.Disks = append(node.Disks, d)
	}
	return guests, node, units
}

func usesAt(does []ioAt, seconds float64) []model.DeviceIO {
	var list []model.DeviceIO
	for _, a := range does {
		size := a.size
		if size == 0 {
			size = 4096
		}
		layer := a.layer
		if layer == "" {
			layer = model.LayerHost
		}
		list = append(list, model.DeviceIO{
			Device: a.device, Layer: layer,
			Read:       model.Operations{Requests: model.Some(a.reads * seconds), Bytes: model.Some(a.reads * seconds * size)},
			Write:      model.Operations{Requests: model.Some(a.writes * seconds), Bytes: model.Some(a.writes * seconds * size)},
			TotalLimit: a.limit,
		})
	}
	return list
}

func container(name string) *model.Guest {
	g := &model.Guest{Name: model.Name{Kind: model.Container, Runtime: "docker", Guest: name}}
	g.Info.Cgroup = "/docker/" + name
	return g
}

func TestIOStallIsPutOnWhoUsedTheDisk(t *testing.T) {
	victim := ioGuestAt{name: "victim", waits: 0.5, does: []ioAt{{device: "sda", reads: 100}}}
	hog := ioGuestAt{name: "hog", does: []ioAt{{device: "sda", reads: 900}}}
	busy := []diskAt{{device: "sda", requests: 1000, latency: 5e-3, busy: 0.9}}
	tests := []ioScene{
		{
			"a neighbour keeps the disk busy",
			[]ioGuestAt{victim, hog},
			nil, busy,
			map[string]float64{"self": 0.1, "neighbour container/docker/hog": 0.9},
		},
		{
			"a victim that hardly gets through",
			[]ioGuestAt{
				{name: "victim", waits: 1, does: []ioAt{{device: "sda", reads: 1}}},
				{name: "hog", does: []ioAt{{device: "sda", reads: 999}}},
			},
			nil, busy,
			map[string]float64{"self": 0.001, "neighbour container/docker/hog": 0.999},
		},
		{
			"who does as much as the victim is not to blame",
			[]ioGuestAt{
				{name: "victim", waits: 1, does: []ioAt{{device: "sda", reads: 500}}},
				{name: "equal", does: []ioAt{{device: "sda", reads: 500}}},
			},
			nil, busy,
			map[string]float64{"self": 0.5, "unexplained": 0.5},
		},
		{
			"of many that do a little nobody is named",
			append([]ioGuestAt{victim}, crowd(30, 30)...),
			nil,
			[]diskAt{{device: "sda", requests: 1000, busy: 1}},
			map[string]float64{"self": 0.1, "unexplained": 0.9},
		},
		{
			"a neighbour on another disk",
			[]ioGuestAt{victim, {name: "hog", does: []ioAt{{device: "sdb", reads: 900}}}},
			nil,
			[]diskAt{{device: "sda", requests: 100, latency: 1e-3, busy: 0.1}, {device: "sdb", requests: 900, busy: 1}},
			map[string]float64{"self": 1},
		},
		{
			"a disk that is not busy is kept from nobody",
			[]ioGuestAt{victim, hog},
			nil,
			[]diskAt{{device: "sda", requests: 1000, latency: 1e-4, busy: 0.3}},
			map[string]float64{"self": 0.1, "unexplained": 0.9},
		},
		{
			"nothing is known of the disk",
			[]ioGuestAt{victim, hog},
			nil, nil,
			map[string]float64{"self": 0.1, "neighbour container/docker/hog": 0.9},
		},
		{
			"a disk without busy time on which others do little",
			[]ioGuestAt{
				{name: "victim", waits: 1, does: []ioAt{{device: "sda", reads: 550}}},
				{name: "other", does: []ioAt{{device: "sda", reads: 350}}},
				{name: "little", does: []ioAt{{device: "sda", reads: 50}}},
				{name: "less", does: []ioAt{{device: "sda", reads: 50}}},
			},
			nil,
			[]diskAt{{device: "sda", requests: 1000, withoutBusyTime: true}},
			map[string]float64{"self": 0.55, "unexplained": 0.45},
		},
		{
			"more than the others do, but not much",
			append([]ioGuestAt{
				{name: "victim", waits: 1, does: []ioAt{{device: "sda", reads: 30}}},
				{name: "first", does: []ioAt{{device: "sda", reads: 90}}},
			}, crowd(22, 40)...),
			nil,
			[]diskAt{{device: "sda", requests: 1000, busy: 1}},
			map[string]float64{"self": 0.03, "unexplained": 0.97},
		},
		{
			"a service of the host",
			[]ioGuestAt{victim},
			[]ioUnitAt{{"/system.slice/backup.service", "backup.service", []ioAt{{device: "sda", reads: 900}}}},
			busy,
			map[string]float64{"self": 0.1, "system backup.service": 0.9},
		},
		{
			"services of one name are one",
			[]ioGuestAt{{name: "victim", waits: 1, does: []ioAt{{device: "sda", reads: 400}}}},
			[]ioUnitAt{
				{"/system.slice/run-1.service", "system.slice", []ioAt{{device: "sda", reads: 300}}},
				{"/system.slice/run-2.service", "system.slice", []ioAt{{device: "sda", reads: 300}}},
			},
			busy,
			map[string]float64{"self": 0.4, "system system.slice": 0.6},
		},
		{
			"a unit answers only for what its guests have not done",
			[]ioGuestAt{
				{name: "victim", cgroup: "/machine.slice/victim", waits: 1, does: []ioAt{{device: "sda", reads: 100}}},
				{name: "hog", cgroup: "/machine.slice/engine.service/hog", does: []ioAt{{device: "sda", reads: 600}}},
			},
			[]ioUnitAt{
				{"/machine.slice", "", []ioAt{{device: "sda", reads: 700}}},
				{"/machine.slice/engine.service", "engine.service", []ioAt{{device: "sda", reads: 600}}},
			},
			[]diskAt{{device: "sda", requests: 700, busy: 1}},
			map[string]float64{"self": 1. / 7, "neighbour container/docker/hog": 6. / 7},
		},
		{
			"what nobody is known to have done is the machine's own",
			[]ioGuestAt{victim},
			[]ioUnitAt{{"/machine.slice", "", []ioAt{{device: "sda", reads: 300}}}},
			busy,
			map[string]float64{"self": 0.1, "system -.slice": 0.9},
		},
		{
			"a guest inside it is no neighbour",
			[]ioGuestAt{
				{name: "victim", waits: 1, does: []ioAt{{device: "sda", reads: 1000}}},
				{name: "inner", parent: "container/docker/victim", cgroup: "/docker/victim/inner", does: []ioAt{{device: "sda", reads: 900}}},
			},
			nil, busy,
			map[string]float64{"self": 1},
		},
		{
			"the guest around it is no neighbour, one beside it is",
			[]ioGuestAt{
				{name: "victim", parent: "container/docker/outer", cgroup: "/docker/outer/victim", waits: 1, does: []ioAt{{device: "sda", reads: 100}}},
				{name: "outer", does: []ioAt{{device: "sda", reads: 1000}}},
				{name: "sibling", parent: "container/docker/outer", cgroup: "/docker/outer/sibling", does: []ioAt{{device: "sda", reads: 700}}},
			},
			nil, busy,
			map[string]float64{"self": 0.3, "neighbour container/docker/sibling": 0.7},
		},
		{
			"its own limit",
			[]ioGuestAt{
				{name: "victim", waits: 1, does: []ioAt{{device: "sda", reads: 95, limit: model.IOLimit{RequestsPerSecond: model.Some(100)}}}},
				hog,
			},
			nil, busy,
			map[string]float64{"limit": 1},
		},
		{
			"the limit of the guest around it",
			[]ioGuestAt{
				{name: "victim", parent: "container/docker/outer", waits: 1, does: []ioAt{{device: "sda", reads: 50}}},
				{name: "outer", does: []ioAt{{device: "sda", reads: 95, limit: model.IOLimit{BytesPerSecond: model.Some(400_000)}}}},
				hog,
			},
			nil, busy,
			map[string]float64{"limit": 1},
		},
		{
			"a limit that is far away",
			[]ioGuestAt{
				{name: "victim", waits: 1, does: []ioAt{{device: "sda", reads: 100, limit: model.IOLimit{RequestsPerSecond: model.Some(200)}}}},
				hog,
			},
			nil, busy,
			map[string]float64{"self": 0.1, "neighbour container/docker/hog": 0.9},
		},
		{
			"the limit of one of two virtual disks",
			[]ioGuestAt{
				{name: "victim", waits: 1, does: []ioAt{
					{device: "vda", layer: model.LayerGuest, reads: 100, limit: model.IOLimit{RequestsPerSecond: model.Some(100)}},
					{device: "vdb", layer: model.LayerGuest, reads: 100},
					{device: "sda", reads: 200},
				}},
				{name: "hog", does: []ioAt{{device: "sda", reads: 800}}},
			},
			nil, busy,
			map[string]float64{"limit": 0.5, "self": 0.1, "neighbour container/docker/hog": 0.4},
		},
		{
			"nothing is known of its I/O",
			[]ioGuestAt{{name: "victim", waits: 1, none: true}, hog},
			nil, busy,
			map[string]float64{"unexplained": 1},
		},
		{
			"only its virtual disk is known",
			[]ioGuestAt{{name: "victim", waits: 1, does: []ioAt{{device: "vda", layer: model.LayerGuest, reads: 100}}}, hog},
			nil, busy,
			map[string]float64{"unexplained": 1},
		},
		{
			"it has completed nothing",
			[]ioGuestAt{{name: "victim", waits: 1, does: []ioAt{{device: "sda"}}}, hog},
			nil, busy,
			map[string]float64{"unexplained": 1},
		},
		{
			"the disk is slow for one that is alone",
			[]ioGuestAt{{name: "victim", waits: 1, does: []ioAt{{device: "sda", reads: 20}}}},
			nil,
			[]diskAt{{device: "sda", requests: 20, latency: 50e-3, busy: 1}},
			map[string]float64{"device": 1},
		},
		{
			"its own long queue makes the disk seem slow",
			[]ioGuestAt{{name: "victim", waits: 1, does: []ioAt{{device: "sda", reads: 1000}}}},
			nil,
			[]diskAt{{device: "sda", requests: 1000, latency: 64e-3, busy: 1}},
			map[string]float64{"self": 1},
		},
		{
			"large requests cost more",
			[]ioGuestAt{
				{name: "victim", waits: 1, does: []ioAt{{device: "sda", reads: 16}}},
				{name: "hog", does: []ioAt{{device: "sda", writes: 1, size: 15 << 20}}},
			},
			nil, nil,
			map[string]float64{"self": 17. / 258, "neighbour container/docker/hog": 241. / 258},
		},
		{
			"two disks, one of them busy",
			[]ioGuestAt{
				{name: "victim", waits: 1, does: []ioAt{{device: "sda", reads: 100}, {device: "sdb", reads: 300}}},
				hog,
			},
			nil,
			[]diskAt{{device: "sda", requests: 1000, busy: 1}, {device: "sdb", requests: 300, busy: 0.1}},
			map[string]float64{"self": 0.75 + 0.025, "neighbour container/docker/hog": 0.225},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newIORing(DefaultCulprits)
			var g *model.Guest
			for step := range 12 {
				at := time.Duration(step) * 5 * time.Second
				guests, node, units := tt.at(at.Seconds())
				r.update(at, guests, node, units)
				g = guests[0]
			}
			got := parts(g.Blame.IOStall, 55*tt.guests[0].waits)
			if diff := cmp.Diff(tt.want, got, cmpopts.EquateApprox(0, 1e-6)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// parts returns what each cause and culprit has of a whole, without those that have
// nothing.
func parts(list []model.Stolen, whole float64) map[string]float64 {
	m := make(map[string]float64)
	for _, s := range list {
		key := string(s.Cause)
		if s.Culprit != "" {
			key += " " + s.Culprit
		}
		if part := s.Seconds / whole; part > 1e-9 {
			m[key] += part
		}
	}
	return m
}

func crowd(n int, reads float64) []ioGuestAt {
	var list []ioGuestAt
	for i := range n {
		list = append(list, ioGuestAt{name: "quiet" + string(rune('a'+i)), does: []ioAt{{device: "sda", reads: reads}}})
	}
	return list
}
