package blame

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// anyHost is a host on which anything happens.
type anyHost struct {
	rng    *rand.Rand
	guests []*model.Guest
	units  []model.Unit
	node   *model.Node
	now    time.Duration
}

func newAnyHost(seed uint64) *anyHost {
	h := &anyHost{rng: rand.New(rand.NewPCG(seed, 2)), now: time.Hour}
	for i := range 1 + h.rng.IntN(25) {
		g := &model.Guest{Name: model.Name{Kind: model.Container, Runtime: "docker", Guest: fmt.Sprint("g", i)}}
		if h.rng.IntN(3) == 0 {
			g.Kind, g.Runtime = model.VM, "qemu"
		}
		if h.rng.IntN(4) > 0 {
			g.Info.Cgroup = h.path()
		}
		if h.rng.IntN(3) == 0 {
			g.Within = h.path()
		}
		if h.rng.IntN(4) == 0 { // which may be in itself, or in one that is in it
			g.Info.Parent = fmt.Sprint("container/docker/g", h.rng.IntN(25))
		}
		if h.rng.IntN(2) == 0 {
			g.CPU.Allowed = h.cpus()
		}
		if h.rng.IntN(3) == 0 {
			g.CPU.LimitCores = model.Some(4 * h.rng.Float64())
		}
		if h.rng.IntN(3) == 0 {
			g.CPU.Weight = model.Some(float64(h.rng.IntN(10000)))
		}
		h.set(g, 0, 0)
		h.guests = append(h.guests, g)
	}
	for range h.rng.IntN(10) {
		h.units = append(h.units, model.Unit{Path: h.path(), Name: []string{"", "a.service", "b.slice"}[h.rng.IntN(3)], Usage: model.Some(0), CPUs: h.cpus()})
	}
	h.node = &model.Node{CPUs: model.Some(4), CPUUsage: model.Some(0), CPUSteal: model.Some(0)}
	return h
}

func (h *anyHost) path() string {
	p := ""
	for range 1 + h.rng.IntN(3) {
		p += "/" + string(rune('a'+h.rng.IntN(4)))
	}
	return p
}

func (h *anyHost) cpus() model.CPUSet {
	var s model.CPUSet
	for c := range 4 {
		if h.rng.IntN(2) == 0 {
			s = s.Add(c, c)
		}
	}
	return s
}

func (h *anyHost) set(g *model.Guest, throttle, rest float64) {
	g.CPU.Steal = model.Some(throttle + rest)
	g.CPU.StealBy = []model.Stolen{
		{Cause: model.CauseThrottle, Method: model.Estimated, Seconds: throttle},
		{Cause: model.CauseUnexplained, Method: model.Estimated, Seconds: rest},
	}
}

// grow is a while in which everybody did something.
func (h *anyHost) grow() {
	h.now += time.Duration(h.rng.IntN(8000)) * time.Millisecond
	more := func(o *model.Opt, most float64) {
		*o = model.Some(o.Or(0) + most*h.rng.Float64()*float64(h.rng.IntN(2)))
	}
	for _, g := range h.guests {
		more(&g.CPU.Usage, 10)
		more(&g.CPU.Run, 10)
		throttle, rest := model.Some(g.CPU.StealBy[0].Seconds), model.Some(g.CPU.StealBy[1].Seconds)
		more(&throttle, 3)
		more(&rest, 12)
		h.set(g, throttle.Or(0), rest.Or(0))
		switch h.rng.IntN(200) {
		case 0:
			g.CPU.Usage = model.Some(0)
		case 1:
			g.CPU.Run = model.Some(math.Inf(1))
		case 2:
			g.CPU.Usage = model.Opt{}
		}
	}
	for i := range h.units {
		more(&h.units[i].Usage, 5)
	}
	more(&h.node.CPUUsage, 20)
	more(&h.node.CPUSteal, 2)
}

// reading is of most of them.
func (h *anyHost) reading() []*model.Guest {
	var guests []*model.Guest
	for _, g := range h.guests {
		if h.rng.IntN(20) > 0 {
			guests = append(guests, g)
		}
	}
	return guests
}

func TestIncreasesOfThePartsSumToThoseOfTheSteal(t *testing.T) {
	for seed := range uint64(60) {
		checkHost(t, seed, 100)
	}
}

func FuzzIncreasesOfTheParts(f *testing.F) {
	for seed := range uint64(4) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) { checkHost(t, seed, 40) })
}

// checkHost plays a random host to a ring that names everybody, and to one that
// names two.
func checkHost(t *testing.T, seed uint64, steps int) {
	t.Helper()
	h, all, two := newAnyHost(seed), newCPURing(1000), newCPURing(2)
	type state struct {
		steal float64
		parts map[string]float64
	}
	before := make(map[model.Name]state)
	for range steps {
		h.grow()
		node := h.node
		if h.rng.IntN(10) == 0 {
			node = nil
		}
		guests := h.reading()
		two.update(h.now, guests, node, h.units)
		for _, g := range guests {
			named := 0
			for _, p := range g.Blame.Steal {
				if p.Culprit != "" && p.Culprit != model.OtherCulprits {
					named++
				}
			}
			if named > 2 {
				t.Fatalf("seed %d: %s names %d: %v", seed, g, named, g.Blame.Steal)
			}
		}
		all.update(h.now, guests, node, h.units)
		for _, g := range guests {
			now := state{g.CPU.Steal.Or(0), make(map[string]float64)}
			grown := 0.0
			was, known := before[g.Name]
			for _, p := range g.Blame.Steal {
				key := string(p.Cause) + " " + p.Culprit
				if _, twice := now.parts[key]; twice {
					t.Fatalf("seed %d: %s has %s twice", seed, g, key)
				}
				now.parts[key] = p.Seconds
				grown += p.Seconds - was.parts[key]
				if !(p.Seconds >= was.parts[key]) {
					t.Fatalf("seed %d: %s of %s fell from %v to %v", seed, key, g, was.parts[key], p.Seconds)
				}
				if p.Culprit == g.String() || p.Method != model.Estimated {
					t.Fatalf("seed %d: %s has the part %+v", seed, g, p)
				}
			}
			if known && math.Abs(grown-(now.steal-was.steal)) > 1e-6 || len(now.parts) < len(was.parts) {
				t.Fatalf("seed %d: %s of %s grew by %v, its parts by %v", seed, "the steal", g, now.steal-was.steal, grown)
			}
			before[g.Name] = now
		}
	}
}
