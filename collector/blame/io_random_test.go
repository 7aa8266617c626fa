package blame

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// randomHost is a host on which everything may happen.
type randomHost struct {
	rng    *rand.Rand
	guests []*model.Guest
	gone   []*model.Guest
	units  []model.Unit
	node   *model.Node
	born   int
}

func newRandomHost(seed uint64) *randomHost {
	h := &randomHost{rng: rand.New(rand.NewPCG(seed, 1)), node: &model.Node{Memory: model.Some(64 << 30)}}
	for i := range h.rng.IntN(6) {
		name := fmt.Sprintf("unit%d.service", i)
		if i == 0 {
			name = ""
		}
		h.units = append(h.units, model.Unit{Path: fmt.Sprintf("/unit%d", i), Name: name, IO: h.devices(), Memory: model.Some(1e9)})
	}
	for i := range h.rng.IntN(4) {
		h.node.Disks = append(h.node.Disks, model.NodeDisk{Device: fmt.Sprintf("sd%c", 'a'+i)})
	}
	for range 1 + h.rng.IntN(12) {
		h.birth()
	}
	return h
}

func (h *randomHost) birth() {
	h.born++
	g := container(fmt.Sprintf("g%d", h.born))
	if h.rng.IntN(3) == 0 {
		g.Kind = model.VM
	}
	switch h.rng.IntN(4) {
	case 0:
		g.Info.Cgroup = fmt.Sprintf("/unit%d/%s", h.rng.IntN(6), g.Guest)
	case 1:
		g.Info.Parent = fmt.Sprintf("container/docker/g%d", 1+h.rng.IntN(h.born)) // it may be its own, or one that is gone
	case 2:
		g.Info.Cgroup, g.Within = "", "/unit1"
	}
	g.IO = h.devices()
	h.guests = append(h.guests, g)
}

func (h *randomHost) devices() []model.DeviceIO {
	var list []model.DeviceIO
	for i := range h.rng.IntN(4) {
		d := model.DeviceIO{Device: fmt.Sprintf("sd%c", 'a'+i), Layer: model.LayerHost}
		if h.rng.IntN(4) == 0 {
			d.Layer = model.LayerGuest
		}
		if h.rng.IntN(4) == 0 {
			d.ReadLimit.BytesPerSecond = model.Some(1e6)
		}
		list = append(list, d)
	}
	return list
}

// maybe adds to a counter, takes it away or leaves it.
func (h *randomHost) maybe(o model.Opt, most float64) model.Opt {
	switch h.rng.IntN(40) {
	case 0:
		return model.Opt{}
	case 1:
		return model.Some(h.rng.Float64()) // it begins anew
	case 2, 3, 4, 5, 6, 7, 8, 9, 10, 11:
		return o
	}
	return model.Some(o.Or(0) + h.rng.Float64()*most)
}

func (h *randomHost) work(list []model.DeviceIO) []model.DeviceIO {
	list = slices.Clone(list)
	for i := range list {
		d := &list[i]
		d.Read.Requests, d.Read.Bytes = h.maybe(d.Read.Requests, 1e4), h.maybe(d.Read.Bytes, 1e8)
		d.Write.Requests, d.Write.Bytes = h.maybe(d.Write.Requests, 1e4), h.maybe(d.Write.Bytes, 1e8)
	}
	return list
}

// step lets some time go by.
func (h *randomHost) step() {
	switch h.rng.IntN(8) {
	case 0:
		h.birth()
	case 1:
		if len(h.guests) > 1 {
			h.gone = append(h.gone, h.guests[0])
			h.guests = h.guests[1:]
		}
	case 2:
		h.guests = append(h.guests, h.gone...)
		h.gone = nil
	}
	next := make([]*model.Guest, 0, len(h.guests))
	for _, g := range h.guests {
		n := *g
		n.Blame = model.Blame{}
		n.Pressure.IOWaiting = h.maybe(g.Pressure.IOWaiting, 5)
		n.Pressure.MemoryWaiting = h.maybe(g.Pressure.MemoryWaiting, 5)
		n.Memory.Usage = h.maybe(g.Memory.Usage, 1e9)
		n.Memory.Anon = h.maybe(g.Memory.Anon, 1e9)
		n.Memory.Swap = h.maybe(g.Memory.Swap, 1e8)
		if h.rng.IntN(6) == 0 {
			n.Memory.Events.Max = h.maybe(g.Memory.Events.Max, 3)
		}
		n.IO = h.work(g.IO)
		next = append(next, &n)
	}
	h.guests = next
	for i := range h.units {
		h.units[i].IO = h.work(h.units[i].IO)
		h.units[i].Memory = h.maybe(h.units[i].Memory, 1e9)
	}
	for i := range h.node.Disks {
		d := &h.node.Disks[i]
		d.Read.Requests, d.Read.Bytes = h.maybe(d.Read.Requests, 1e5), h.maybe(d.Read.Bytes, 1e9)
		d.Write.Seconds, d.Busy = h.maybe(d.Write.Seconds, 100), h.maybe(d.Busy, 8)
	}
	h.node.Pressure.MemoryWaiting = h.maybe(h.node.Pressure.MemoryWaiting, 5)
}

// seen is what was said of a guest.
type seen struct {
	total float64
	parts map[string]float64
}

func partsOf(list []model.Stolen) map[string]float64 { return parts(list, 1e-12) }

// increases checks that what a guest's parts have grown by is what its pressure has
// grown by.
func increases(t *testing.T, what string, before seen, known bool, total float64, list []model.Stolen, atStart bool) {
	t.Helper()
	want := total - before.total
	switch {
	case !known && atStart:
		want = 0
	case !known || want < 0:
		before, want = seen{}, total
	}
	var sum float64
	for key, value := range partsOf(list) {
		value *= 1e-12
		grown := value - before.parts[key]
		if grown < -1e-9 {
			t.Errorf("%s: %s fell from %v to %v", what, key, before.parts[key], value)
		}
		sum += grown
	}
	if math.Abs(sum-want) > 1e-6 {
		t.Errorf("%s: the parts grew by %v, the pressure by %v", what, sum, want)
	}
}

func TestPartsGrowAsThePressureDoes(t *testing.T) {
	rings := []struct {
		name     string
		ring     func() func(time.Duration, []*model.Guest, *model.Node, []model.Unit)
		pressure func(*model.Guest) model.Opt
		blame    func(*model.Guest) []model.Stolen
	}{
		{
			"io",
			func() func(time.Duration, []*model.Guest, *model.Node, []model.Unit) {
				r := newIORing(1000)
				return r.update
			},
			func(g *model.Guest) model.Opt { return g.Pressure.IOWaiting },
			func(g *model.Guest) []model.Stolen { return g.Blame.IOStall },
		},
		{
			"memory",
			func() func(time.Duration, []*model.Guest, *model.Node, []model.Unit) {
				r := newMemoryRing(1000)
				return r.update
			},
			func(g *model.Guest) model.Opt { return g.Pressure.MemoryWaiting },
			func(g *model.Guest) []model.Stolen { return g.Blame.MemoryStall },
		},
	}
	for _, ring := range rings {
		t.Run(ring.name, func(t *testing.T) {
			for seed := range uint64(30) {
				h, update := newRandomHost(seed), ring.ring()
				known, first := make(map[model.Name]seen), make(map[model.Name]bool)
				now := time.Duration(0)
				for step := range 60 {
					h.step()
					node, units := h.node, h.units
					if h.rng.IntN(10) == 0 {
						node, units = nil, nil
					}
					update(now, h.guests, node, units)
					for _, g := range h.guests {
						if step == 0 {
							first[g.Name] = true
						}
						total, ok := ring.pressure(g).Get()
						if list := ring.blame(g); (list != nil) != ok {
							t.Fatalf("seed %d step %d: pressure %v gave %v", seed, step, ok, list)
						}
						if !ok {
							continue
						}
						before, had := known[g.Name]
						increases(t, fmt.Sprintf("seed %d step %d %s", seed, step, g), before, had, total, ring.blame(g), first[g.Name])
						p := partsOf(ring.blame(g))
						for key := range p {
							p[key] *= 1e-12
						}
						known[g.Name] = seen{total, p}
					}
					if t.Failed() {
						return
					}
					again := slices.Clone(h.guests)
					for i, g := range again {
						n := *g
						n.Blame = model.Blame{}
						again[i] = &n
					}
					update(now+time.Second, again, node, units)
					for i, g := range again {
						if !slices.Equal(ring.blame(g), ring.blame(h.guests[i])) {
							t.Fatalf("seed %d step %d: the same reading gave something else", seed, step)
						}
					}
					now += time.Duration(1000+h.rng.IntN(9000)) * time.Millisecond
				}
			}
		})
	}
}
