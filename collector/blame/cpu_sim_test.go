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

// simGroup is a group of threads that a simulated scheduler lets run.
type simGroup struct {
	name    string
	threads int
	weight  float64
	cpus    []int
	on, off int // milliseconds that a thread runs and sleeps in the mean; no off is always on

	run     float64
	waits   []float64 // threads that waited while the i-th group ran, in seconds; its own at its own place
	members []*simThread
}

type simThread struct {
	group *simGroup
	cpu   int
	awake bool
	left  int // milliseconds until that changes
	ran   int // by which the threads of a group take turns
}

// sim is a fair scheduler in ticks of a millisecond: on each CPU the group runs next
// that has had least for its weight there, which is spread over the CPUs as its
// threads are.
type sim struct {
	groups []*simGroup
	had    [][]float64 // virtual run time, by CPU and group
	rng    *rand.Rand
}

func newSim(seed uint64, cpus int, groups ...*simGroup) *sim {
	s := &sim{groups: groups, rng: rand.New(rand.NewPCG(seed, 1)), had: make([][]float64, cpus)}
	for c := range s.had {
		s.had[c] = make([]float64, len(groups))
	}
	for _, g := range groups {
		g.waits = make([]float64, len(groups))
		if g.weight == 0 {
			g.weight = defaultWeight
		}
		if g.cpus == nil {
			for c := range cpus {
				g.cpus = append(g.cpus, c)
			}
		}
		for range g.threads {
			g.members = append(g.members, &simThread{group: g, cpu: g.cpus[0], left: s.phase(g.on + g.off)})
		}
	}
	return s
}

// phase is a random time around a mean.
func (s *sim) phase(mean int) int { return 1 + s.rng.IntN(2*max(mean, 1)) }

// play goes on for so many milliseconds.
func (s *sim) play(ms int) {
	for ms := range ms {
		for _, g := range s.groups {
			for _, t := range g.members {
				s.turn(t)
			}
		}
		if ms%4 == 0 {
			s.balance()
		}
		for c := range s.had {
			s.tick(c)
		}
	}
}

// turn wakes a thread up and puts it to sleep.
func (s *sim) turn(t *simThread) {
	g := t.group
	switch {
	case !t.awake && (g.off == 0 || t.left <= 0):
		t.awake, t.left = true, s.phase(g.on)
		t.cpu = slices.MinFunc(g.cpus, func(a, b int) int { return s.load(a) - s.load(b) })
		s.join(t)
	case t.awake && g.off > 0 && t.left <= 0:
		t.awake, t.left = false, s.phase(g.off)
	case !t.awake:
		t.left--
	}
}

// join lets a group that slept have no more than the least that others had.
func (s *sim) join(t *simThread) {
	i := slices.Index(s.groups, t.group)
	least := math.Inf(1)
	for j, g := range s.groups {
		if j != i && s.on(g, t.cpu) > 0 {
			least = min(least, s.had[t.cpu][j])
		}
	}
	if !math.IsInf(least, 1) {
		s.had[t.cpu][i] = max(s.had[t.cpu][i], least-0.006/defaultWeight)
	}
}

func (s *sim) on(g *simGroup, cpu int) int {
	n := 0
	for _, t := range g.members {
		if t.awake && t.cpu == cpu {
			n++
		}
	}
	return n
}

func (s *sim) load(cpu int) int {
	n := 0
	for _, g := range s.groups {
		n += s.on(g, cpu)
	}
	return n
}

func awake(g *simGroup) int {
	n := 0
	for _, t := range g.members {
		if t.awake {
			n++
		}
	}
	return n
}

// balance moves a thread from a CPU with more of them to one with fewer.
func (s *sim) balance() {
	for _, g := range s.groups {
		for _, t := range g.members {
			for _, c := range g.cpus {
				if t.awake && s.load(c)+1 < s.load(t.cpu) {
					t.cpu = c
					s.join(t)
					return
				}
			}
		}
	}
}

// tick runs a thread on a CPU and notes who waited for it.
func (s *sim) tick(cpu int) {
	next := -1
	for i, g := range s.groups {
		if s.on(g, cpu) > 0 && (next < 0 || s.had[cpu][i] < s.had[cpu][next]) {
			next = i
		}
	}
	if next < 0 {
		return
	}
	const ms = 0.001
	g := s.groups[next]
	g.run += ms
	here := s.on(g, cpu)
	s.had[cpu][next] += ms / (g.weight * float64(here) / float64(awake(g)))
	var runs *simThread
	for _, t := range g.members {
		if t.awake && t.cpu == cpu && (runs == nil || t.ran < runs.ran) {
			runs = t
		}
	}
	runs.ran++
	runs.left--
	for _, v := range s.groups {
		n := s.on(v, cpu)
		if v == g {
			n--
		}
		v.waits[next] += ms * float64(n)
	}
}

// read gives what sources would have read of it.
func (s *sim) read() ([]*model.Guest, *model.Node) {
	var guests []*model.Guest
	node := &model.Node{CPUs: model.Some(float64(len(s.had)))}
	total := 0.0
	for _, g := range s.groups {
		wait := 0.0
		for _, w := range g.waits {
			wait += w
		}
		total += g.run
		out := &model.Guest{Name: model.Name{Kind: model.Container, Runtime: "docker", Guest: g.name}}
		out.Info.Cgroup = "/docker/" + g.name
		out.CPU.Usage, out.CPU.Run, out.CPU.Steal, out.CPU.Weight = model.Some(g.run), model.Some(g.run), model.Some(wait), model.Some(g.weight)
		out.CPU.StealBy = []model.Stolen{{Cause: model.CauseUnexplained, Method: model.Estimated, Seconds: wait}}
		for _, c := range g.cpus {
			out.CPU.Allowed = out.CPU.Allowed.Add(c, c)
		}
		guests = append(guests, out)
	}
	node.CPUUsage = model.Some(total)
	return guests, node
}

func TestNobodyWithinHisShareIsNamedInASimulation(t *testing.T) {
	if testing.Short() {
		t.Skip("simulates schedulers")
	}
	for seed := range uint64(12) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 7))
			cpus := 1 + rng.IntN(4)
			var groups []*simGroup
			for i := range 2 + rng.IntN(5) {
				g := &simGroup{name: fmt.Sprint("g", i), threads: 1 + rng.IntN(4), weight: []float64{100, 100, 300}[rng.IntN(3)]}
				if rng.IntN(3) > 0 {
					g.on, g.off = 1+rng.IntN(40), 1+rng.IntN(120)
				}
				groups = append(groups, g)
			}
			s, r := newSim(seed, cpus, groups...), newCPURing(20)
			const samples = 24
			for i := range samples {
				s.play(5000)
				guests, node := s.read()
				r.update(time.Hour+time.Duration(i)*5*time.Second, guests, node, nil)
			}
			judge(t, s, &r, samples*5)
		})
	}
}

// judge compares the accounts of all groups with what the simulation knows.
func judge(t *testing.T, s *sim, r *cpuRing, seconds float64) {
	t.Helper()
	sum := 0.0
	for _, g := range s.groups {
		if g.run >= busyCPUs*seconds {
			sum += g.weight
		}
	}
	named, truth, wrong := 0.0, 0.0, 0.0
	for i, v := range s.groups {
		for j, g := range s.groups {
			if j == i {
				continue
			}
			blamed, share := blamed(r, v.name, g.name), g.weight/sum*float64(len(s.had))
			named, truth, wrong = named+blamed, truth+v.waits[j], wrong+max(blamed-v.waits[j], 0)
			// What it is within in the long run it may exceed now and then.
			if g.run/seconds < 0.95*share && blamed > 0.01*seconds {
				t.Errorf("%s (%.3f CPUs, within its share of %.3f) is to blame for %.2f s of %s, of which %.2f s are true", g.name, g.run/seconds, share, blamed, v.name, v.waits[j])
			}
		}
	}
	t.Logf("waited %.2f s for others, who are to blame for %.2f s, %.2f s too much", truth, named, wrong)
}

func blamed(r *cpuRing, victim, culprit string) float64 {
	for name, g := range r.guests {
		if name.Guest == victim {
			if p := g.account.find(model.CauseNeighbour, "container/docker/"+culprit); p != nil {
				return p.seconds
			}
		}
	}
	return 0
}

func TestASoleHogIsFoundInASimulation(t *testing.T) {
	tests := []struct {
		name   string
		cpus   int
		groups []*simGroup
	}{
		{"eight threads beside one", 2, []*simGroup{{name: "victim", threads: 1}, {name: "hog", threads: 8}}},
		{"beside bursts", 2, []*simGroup{{name: "victim", threads: 2, on: 20, off: 60}, {name: "hog", threads: 8}}},
		{"beside a pinned one", 2, []*simGroup{{name: "victim", threads: 1, cpus: []int{0}}, {name: "hog", threads: 8}}},
		{"beside quiet ones", 2, []*simGroup{
			{name: "victim", threads: 1, on: 50, off: 50},
			{name: "hog", threads: 6},
			{name: "q1", threads: 1, on: 1, off: 200},
			{name: "q2", threads: 1, on: 1, off: 300},
			{name: "q3", threads: 1, on: 1, off: 250},
		}},
		{"in bursts of its own", 2, []*simGroup{{name: "victim", threads: 1, on: 100, off: 50}, {name: "hog", threads: 8, on: 3000, off: 3000}}},
		{"on four CPUs", 4, []*simGroup{{name: "victim", threads: 2, on: 40, off: 40}, {name: "hog", threads: 16}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, r := newSim(3, tt.cpus, tt.groups...), newCPURing(5)
			victim := s.groups[0]
			var true0, named0 float64
			for i := range 40 {
				s.play(5000)
				guests, node := s.read()
				r.update(time.Hour+time.Duration(i)*5*time.Second, guests, node, nil)
				if i == 3 {
					true0, named0 = victim.waits[1], blamed(&r, "victim", "hog")
				}
			}
			truth, named := victim.waits[1]-true0, blamed(&r, "victim", "hog")-named0
			t.Logf("waited %.2f s for the hog, who is to blame for %.2f s; %v in all", truth, named, victim.waits)
			if truth < 10 || named < 0.8*truth || named > 1.1*truth {
				t.Errorf("it waited %.2f s for the hog, who is to blame for %.2f s", truth, named)
			}
			judge(t, s, &r, 200)
		})
	}
}
