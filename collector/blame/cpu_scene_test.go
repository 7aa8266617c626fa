package blame

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// player is somebody on a scene's host and the rates at which he does things there.
type player struct {
	name           string // a unit's begins with a slash: it is its path
	vm             bool
	parent, cgroup string
	within         string
	cpus           model.CPUSet
	weight, limit  float64

	usage, run      float64 // CPUs; run is usage unless it is given
	wait, throttled float64 // threads

	// at changes the rates for the i-th interval.
	at func(i int, p *player)
}

func (p *player) unit() bool { return strings.HasPrefix(p.name, "/") }

func (p *player) guestName() model.Name {
	if p.vm {
		return model.Name{Kind: model.VM, Runtime: "qemu", Guest: p.name}
	}
	return model.Name{Kind: model.Container, Runtime: "docker", Guest: p.name}
}

// stage plays a scene to a ring.
type stage struct {
	cpus, stolen float64 // of the machine
	rest         float64 // CPUs used by nobody on the scene
	step         time.Duration
	players      []player
	measured     string // the guest whose waits are measured

	ring   cpuRing
	now    time.Duration
	i      int
	sums   []player // what the counters have come to
	usage  float64
	steal  float64
	guests []*model.Guest
	units  []model.Unit
	node   *model.Node
}

func newStage(cpus float64, players ...player) *stage {
	return &stage{cpus: cpus, players: players, ring: newCPURing(5), step: 5 * time.Second, now: time.Hour, sums: make([]player, len(players))}
}

// play goes n steps on.
func (s *stage) play(n int) *stage {
	for range n {
		s.advance()
		s.update()
	}
	return s
}

func (s *stage) advance() {
	seconds := s.step.Seconds()
	s.now += s.step
	s.i++
	s.usage += s.rest * seconds
	s.steal += s.stolen * seconds
	for i := range s.players {
		p := s.players[i]
		if p.at != nil {
			p.at(s.i, &p)
		}
		if p.run == 0 {
			p.run = p.usage
		}
		sum := &s.sums[i]
		sum.usage += p.usage * seconds
		sum.run += p.run * seconds
		sum.wait += p.wait * seconds
		sum.throttled += p.throttled * seconds
		if p.parent == "" && (!p.unit() || strings.Count(p.name, "/") == 1) && !s.inUnit(&p) {
			s.usage += p.usage * seconds
		}
	}
}

// inUnit reports whether a unit on the scene already counts what p uses.
func (s *stage) inUnit(p *player) bool {
	for i := range s.players {
		u := &s.players[i]
		if u.unit() && u.name != p.name && (strings.HasPrefix(p.cgroup, u.name+"/") || p.within == u.name) {
			return true
		}
	}
	return false
}

func (s *stage) update() {
	s.guests, s.units = s.guests[:0], s.units[:0]
	s.node = &model.Node{CPUs: model.Some(s.cpus), CPUUsage: model.Some(s.usage), CPUSteal: model.Some(s.steal)}
	for i := range s.players {
		p, sum := &s.players[i], &s.sums[i]
		weight := model.Opt{}
		if p.weight > 0 {
			weight = model.Some(p.weight)
		}
		if p.unit() {
			name := p.name[strings.LastIndexByte(p.name, '/')+1:]
			s.units = append(s.units, model.Unit{Path: p.name, Name: name, Usage: model.Some(sum.usage), Weight: weight, CPUs: p.cpus})
			continue
		}
		g := &model.Guest{Name: p.guestName(), Within: p.within}
		g.Info.Cgroup, g.Info.Parent = p.cgroup, p.parent
		g.CPU = model.CPU{
			Usage: model.Some(sum.usage), Run: model.Some(sum.run), Steal: model.Some(sum.wait + sum.throttled),
			StealBy: []model.Stolen{
				{Cause: model.CauseThrottle, Method: model.Estimated, Seconds: sum.throttled},
				{Cause: model.CauseUnexplained, Method: model.Estimated, Seconds: sum.wait},
			},
			Weight: weight, Allowed: p.cpus,
		}
		if p.limit > 0 {
			g.CPU.LimitCores = model.Some(p.limit)
		}
		if p.name == s.measured {
			g.CPU.Waits = []model.Stolen{{Cause: model.CauseKernel, Method: model.Measured}}
		}
		s.guests = append(s.guests, g)
	}
	s.ring.update(s.now, s.guests, s.node, s.units)
}

// parts returns what a guest's steal has come to, by cause and culprit.
func (s *stage) parts(name string) map[string]float64 {
	parts := make(map[string]float64)
	for _, g := range s.guests {
		if g.Guest == name {
			for _, p := range g.Blame.Steal {
				parts[strings.TrimSuffix(fmt.Sprintf("%s %s", p.Cause, p.Culprit), " ")] += p.Seconds
			}
		}
	}
	return parts
}

// shares returns the parts of what a guest's steal grew by in n more steps.
func (s *stage) shares(name string, n int) map[string]float64 {
	before := s.parts(name)
	after := s.play(n).parts(name)
	total := 0.0
	for key, v := range after {
		after[key] = v - before[key]
		total += after[key]
	}
	for key := range after {
		if after[key] /= total; math.Abs(after[key]) < 1e-9 {
			delete(after, key)
		}
	}
	return after
}

func near(got, want float64) bool { return math.Abs(got-want) < 0.02 }

// expect compares the parts of what was waited.
func expect(t *testing.T, got, want map[string]float64) {
	t.Helper()
	for key, w := range want {
		if !near(got[key], w) {
			t.Errorf("%s has %.3f of the steal, want %.3f; all: %v", key, got[key], w, got)
		}
	}
	for key, v := range got {
		if _, ok := want[key]; !ok && v > 0.02 {
			t.Errorf("%s has %.3f of the steal, want none; all: %v", key, v, got)
		}
	}
}

func cpus(first, last int) model.CPUSet { return model.CPUSet(nil).Add(first, last) }
