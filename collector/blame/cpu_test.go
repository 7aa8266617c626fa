package blame

import (
	"math"
	"testing"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// quiet are guests that do little.
func quiet(n int, with ...player) []player {
	for i := range n {
		with = append(with, player{name: "quiet" + string(rune('A'+i)), usage: 0.004, wait: 0.001})
	}
	return with
}

func TestBlameForScenesOfKnownTruth(t *testing.T) {
	third := 1.0 / 3
	tests := []struct {
		name    string
		cpus    float64
		stolen  float64
		rest    float64
		players []player
		victim  string
		want    map[string]float64
	}{
		{
			"a hog of 8 threads beside one thread", 2, 0, 0,
			[]player{{name: "victim", usage: 2 * third, wait: third}, {name: "hog", usage: 4 * third, wait: 8 - 4*third}},
			"victim",
			map[string]float64{"neighbour container/docker/hog": 1},
		},
		{ // k = 8 on 2 CPUs: (8/2 - 1) × its run is its own, 4 × the victim's run is nobody's fault
			"the hog's own waits", 2, 0, 0,
			[]player{{name: "victim", usage: 2 * third, wait: third}, {name: "hog", usage: 4 * third, wait: 8 - 4*third}},
			"hog",
			map[string]float64{"self": 0.6, "unexplained": 0.4},
		},
		{
			"two equal spinners on one CPU", 1, 0, 0,
			[]player{{name: "a", usage: 0.5, wait: 0.5}, {name: "b", usage: 0.5, wait: 0.5}},
			"a",
			map[string]float64{"unexplained": 1},
		},
		{
			"three threads alone on one CPU", 1, 0, 0,
			[]player{{name: "a", usage: 1, wait: 2}},
			"a",
			map[string]float64{"self": 1},
		},
		{
			"a quota alone", 2, 0, 0,
			[]player{{name: "a", usage: 0.2, throttled: 0.8, limit: 0.2}},
			"a",
			map[string]float64{"throttle": 1},
		},
		{ // 28 s = 3 × 7.98 s throttled + 2 × 2.02 s for its own threads
			"a quota and three threads", 1, 0, 0,
			[]player{{name: "a", usage: 0.202, throttled: 2.394, wait: 0.404, limit: 0.2}},
			"a",
			map[string]float64{"throttle": 0.856, "self": 0.144},
		},
		{
			"a hog pinned elsewhere", 4, 0, 0,
			[]player{
				{name: "victim", usage: 0.5, wait: 0.5, cpus: cpus(0, 0)},
				{name: "twin", usage: 0.5, wait: 0.5, cpus: cpus(0, 0)},
				{name: "hog", usage: 3, wait: 20, cpus: cpus(1, 3)},
			},
			"victim",
			map[string]float64{"unexplained": 1},
		},
		{
			"the pinned victim of a hog that may run everywhere", 2, 0, 0,
			[]player{{name: "victim", usage: 2 * third, wait: third, cpus: cpus(0, 0)}, {name: "hog", usage: 4 * third, wait: third}},
			"victim",
			map[string]float64{"neighbour container/docker/hog": 1},
		},
		{
			"within a small weight", 1, 0, 0,
			[]player{{name: "big", usage: 0.9, wait: 0.1, weight: 900}, {name: "small", usage: 0.1, wait: 0.9, weight: 100}},
			"big",
			map[string]float64{"unexplained": 1},
		},
		{
			"within a large weight", 1, 0, 0,
			[]player{{name: "big", usage: 0.9, wait: 0.1, weight: 900}, {name: "small", usage: 0.1, wait: 0.9, weight: 100}},
			"small",
			map[string]float64{"unexplained": 1},
		},
		{
			"over a small weight", 1, 0, 0,
			[]player{{name: "big", usage: 0.5, wait: 0.3, weight: 900}, {name: "small", usage: 0.5, wait: 0.5, weight: 100}},
			"big",
			map[string]float64{"neighbour container/docker/small": 1},
		},
		{
			"a service of the host", 2, 0, 0,
			[]player{{name: "victim", usage: 2 * third, wait: third}, {name: "/system.slice/backup.service", usage: 4 * third}, {name: "/system.slice", usage: 4 * third}},
			"victim",
			map[string]float64{"system backup.service": 1},
		},
		{
			"kernel threads", 1, 0, 0.7,
			[]player{{name: "victim", usage: 0.3, wait: 0.2}},
			"victim",
			map[string]float64{"system -.slice": 1},
		},
		{ // without the hog's 0.2 beyond his half there would still be 0.1 that the victim cannot claim
			"a victim that wants more than its share", 1, 0, 0,
			[]player{{name: "victim", usage: 0.3, wait: 0.3}, {name: "hog", usage: 0.7, wait: 1}},
			"victim",
			map[string]float64{"neighbour container/docker/hog": 2 * third, "unexplained": third},
		},
		{
			"a host that is robbed itself", 1, 0.25, 0,
			[]player{{name: "a", usage: 0.75, wait: 0.25}},
			"a",
			map[string]float64{"hypervisor": 0.25, "unexplained": 0.75},
		},
		{
			"thirty quiet guests and a hog", 2, 0, 0,
			quiet(30, player{name: "victim", usage: 0.5, wait: 0.3}, player{name: "hog", usage: 1.38, wait: 7}),
			"victim",
			map[string]float64{"neighbour container/docker/hog": 0.92, "unexplained": 0.08},
		},
		{
			"two equals are not to blame for each other where others are quiet", 2, 0, 0,
			[]player{{name: "a", usage: 0.97, wait: 0.1}, {name: "b", usage: 0.97, wait: 0.1}, {name: "c", usage: 0.06, wait: 0.04}},
			"a",
			map[string]float64{"self": 0.058, "unexplained": 0.942},
		},
		{
			"a guest inside is no neighbour of the one around it", 2, 0, 0,
			[]player{
				{name: "lxc", usage: 1.5, wait: 2.5, cgroup: "/lxc.payload.c1"},
				{name: "other", usage: 0.5, wait: 0.1},
				{name: "inner", parent: "container/docker/lxc", usage: 1.4, wait: 2.3, cgroup: "/lxc.payload.c1/docker/inner"},
			},
			"lxc",
			map[string]float64{"self": 0.6, "unexplained": 0.4},
		},
		{
			"the one around a guest counts as itself", 1, 0, 0,
			[]player{
				{name: "lxc", usage: 1, wait: 1, cgroup: "/lxc.payload.c1"},
				{name: "inner", parent: "container/docker/lxc", usage: 0.3, wait: 0.5, cgroup: "/lxc.payload.c1/docker/inner"},
			},
			"inner",
			map[string]float64{"self": 1},
		},
		{
			"a hog beside it in the same container", 1, 0, 0,
			[]player{
				{name: "lxc", usage: 1, wait: 3, cgroup: "/lxc.payload.c1"},
				{name: "inner", parent: "container/docker/lxc", usage: 0.2, wait: 0.3, cgroup: "/lxc.payload.c1/docker/inner"},
				{name: "hog", parent: "container/docker/lxc", usage: 0.8, wait: 3, cgroup: "/lxc.payload.c1/docker/hog"},
			},
			"inner",
			map[string]float64{"neighbour container/docker/hog": 1},
		},
		{
			"a machine and a container", 2, 0, 0,
			[]player{
				{name: "vm", vm: true, usage: 0.71, run: 0.67, wait: third, cgroup: "/machine.slice/vm.scope"},
				{name: "hog", usage: 1.29, wait: 6, cgroup: "/docker/hog"},
				{name: "/machine.slice", usage: 0.71},
				{name: "/docker", usage: 1.29},
			},
			"vm",
			map[string]float64{"neighbour container/docker/hog": 0.87, "self": 0.03, "unexplained": 0.10},
		},
		{
			"a machine that shares the cgroup it was started in", 2, 0, 0,
			[]player{
				{name: "vm", vm: true, usage: 0.6, wait: 0.4, within: "/user.slice"},
				{name: "twin", vm: true, usage: 1.4, wait: 2, within: "/user.slice"},
				{name: "/user.slice", usage: 2},
			},
			"vm",
			map[string]float64{"neighbour vm/qemu/twin": 1},
		},
		{ // the slice as a whole takes its half: who takes most of that harms those in it alone
			"a service within the share of its slice", 2, 0, 0,
			[]player{
				{name: "victim", usage: 1, wait: 0.5, cgroup: "/machine/victim"},
				{name: "/machine", usage: 1},
				{name: "/system.slice", usage: 1},
				{name: "/system.slice/a.service", usage: 0.9},
				{name: "/system.slice/b.service", usage: 0.1},
			},
			"victim",
			map[string]float64{"self": 0.25, "unexplained": 0.75},
		},
		{
			"what a smaller quota leaves belongs to others", 1, 0, 0,
			[]player{{name: "held", usage: 0.1, wait: 0.05, throttled: 0.05, limit: 0.1}, {name: "spinner", usage: 0.9, wait: 0.1}},
			"held",
			map[string]float64{"throttle": 0.5, "unexplained": 0.5},
		},
		{ // the service took 0.9 more than its share, but its slice only 0.2
			"a service of a slice that is a little over its share", 2, 0, 0,
			[]player{
				{name: "victim", usage: 0.8, wait: 0.5, cgroup: "/machine/victim"},
				{name: "/machine", usage: 0.8},
				{name: "/system.slice", usage: 1.2},
				{name: "/system.slice/a.service", usage: 1.17},
				{name: "/system.slice/b.service", usage: 0.03},
			},
			"victim",
			map[string]float64{"system a.service": 0.2 * 1.3 / 0.5, "self": 0.1333, "unexplained": 1 - 0.1333 - 0.2*1.3/0.5},
		},
		{
			"what hogs the container around a guest is no neighbour", 1, 0, 0,
			[]player{
				{name: "lxc", usage: 1, wait: 3, cgroup: "/lxc.payload.c1"},
				{name: "inner", parent: "container/docker/lxc", usage: 0.1, wait: 0.3, cgroup: "/lxc.payload.c1/docker/inner"},
			},
			"inner",
			map[string]float64{"self": 1},
		},
		{
			"a parent that no path shows", 1, 0, 0,
			[]player{
				{name: "lxc", usage: 1, wait: 3, cgroup: "/lxc.payload.c1"},
				{name: "vm", vm: true, parent: "container/docker/lxc", usage: 0.1, wait: 0.3},
			},
			"vm",
			map[string]float64{"self": 1},
		},
		{ // of the half that overlaps comes half of what it ran: 0.95 of 2.85
			"hogs of which one may run on half of the victim's CPUs", 4, 0, 0,
			[]player{
				{name: "victim", usage: 0.1, wait: 0.3, cpus: cpus(0, 1)},
				{name: "near", usage: 1.9, wait: 9, cpus: cpus(0, 1)},
				{name: "half", usage: 1.9, wait: 9, cpus: cpus(1, 2)},
			},
			"victim",
			map[string]float64{"neighbour container/docker/near": 2 * third, "neighbour container/docker/half": third},
		},
		{ // two threads waited for the 0.1 that it took too much
			"for each thread that waited", 2, 0, 0,
			[]player{{name: "victim", usage: 0.9, wait: 1.1, cpus: cpus(0, 1)}, {name: "hog", usage: 1.1, wait: 5}},
			"victim",
			map[string]float64{"neighbour container/docker/hog": 2.0 / 11, "self": 0.2903, "unexplained": 1 - 0.2903 - 2.0/11},
		},
		{
			"a little over the share is within it", 1, 0, 0,
			[]player{{name: "a", usage: 0.48, wait: 0.52}, {name: "b", usage: 0.52, wait: 0.48}},
			"a",
			map[string]float64{"unexplained": 1},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newStage(tt.cpus, tt.players...)
			s.stolen, s.rest = tt.stolen, tt.rest
			s.play(5)
			expect(t, s.shares(tt.victim, 20), tt.want)
		})
	}
}

func TestASingleOddIntervalNamesNobody(t *testing.T) {
	s := newStage(1, player{name: "victim", usage: 0.5, wait: 0.1}, player{name: "hog", usage: 0.4, at: func(i int, p *player) {
		if i == 10 || i == 20 || i == 21 {
			p.usage = 0.6
		}
	}})
	s.play(19)
	if v := s.parts("victim")["neighbour container/docker/hog"]; v != 0 {
		t.Errorf("one interval over his share made it %v", v)
	}
	s.play(1)
	if v := s.parts("victim")["neighbour container/docker/hog"]; v != 0 {
		t.Errorf("another made it %v", v)
	}
	s.play(1)
	if v := s.parts("victim")["neighbour container/docker/hog"]; v == 0 {
		t.Error("two in a row named nobody")
	}
}

// bursts is on in some of the samples, four at a time, in no regular way.
func bursts(seed int) func(i int) bool {
	return func(i int) bool { return (uint32(i/4)*2654435761+uint32(seed)*40503)>>13&1 == 1 }
}

// culprit is a hog that does more in some intervals.
func culprit(name string, on func(int) bool) player {
	return player{name: name, at: func(i int, p *player) {
		if p.usage = 1.2; on(i) { // enough for courses to be compared
			p.usage = 2
		}
	}}
}

// The two are over their share all the time, so that only their course tells them
// apart.
func TestWhoRunsWhenTheVictimWaitsIsToBlame(t *testing.T) {
	on := func(i int) bool { return i/3%2 == 0 }
	off := func(i int) bool { return (i+1)/3%4 > 1 } // as often with the other as without
	victim := player{name: "victim", usage: 0.2, at: func(i int, p *player) {
		if p.wait = 0.05; on(i) {
			p.wait = 0.4
		}
	}}
	s := newStage(3, victim, culprit("guilty", on), culprit("innocent", off))
	got := s.play(119).shares("victim", 120)
	guilty, innocent := got["neighbour container/docker/guilty"], got["neighbour container/docker/innocent"]
	if guilty < 1.7*innocent || guilty < 0.55 {
		t.Errorf("guilty %v, innocent %v: %v", guilty, innocent, got)
	}
	alone := newStage(3, victim, culprit("innocent", off))
	got = alone.play(119).shares("victim", 120)
	if v := got["neighbour container/docker/innocent"]; v > 0.65 {
		t.Errorf("one whose course is another is to blame for %v", v)
	}
}

func TestAConstantHogKeepsItsPart(t *testing.T) {
	with := bursts(1)
	victim := player{name: "victim", usage: 0.3, at: func(i int, p *player) {
		if p.wait = 0.2; with(i) {
			p.wait = 0.5
		}
	}}
	s := newStage(3, victim, player{name: "constant", usage: 1.2}, player{name: "bursty", usage: 0.3, at: func(i int, p *player) {
		if p.usage = 0.1; with(i) {
			p.usage = 1.4
		}
	}})
	s.play(60)
	got := s.shares("victim", 60)
	if got["neighbour container/docker/constant"] < 0.3 || got["neighbour container/docker/bursty"] < 0.2 {
		t.Errorf("they are %v", got)
	}
}

func TestTheSameReadingTwiceChangesNothing(t *testing.T) {
	s := newStage(2, player{name: "victim", usage: 0.6, wait: 0.3}, player{name: "hog", usage: 1.3, wait: 7})
	s.play(10)
	want := s.parts("victim")
	for _, later := range []time.Duration{0, time.Millisecond, 10 * time.Second, time.Hour} {
		s.now += later
		s.update()
		for key, v := range s.parts("victim") {
			if v != want[key] {
				t.Errorf("%v later %s is %v, was %v", later, key, v, want[key])
			}
		}
	}
}

func TestAtAnyPaceTheSameIsSaid(t *testing.T) {
	for _, step := range []time.Duration{100 * time.Millisecond, time.Second, 3 * time.Second, 5 * time.Second, time.Minute} {
		s := newStage(2, player{name: "victim", usage: 0.6, wait: 0.3}, player{name: "hog", usage: 1.4, wait: 7})
		s.step = step
		s.play(int(max(20*time.Second, 5*step) / step))
		expect(t, s.shares("victim", 20), map[string]float64{"neighbour container/docker/hog": 1})
	}
}

func TestAccountsBeginWithEverythingUnexplained(t *testing.T) {
	s := newStage(2, player{name: "victim", usage: 0.6, wait: 0.3}, player{name: "hog", usage: 1.4, wait: 7})
	s.sums[0].wait = 100
	s.play(1)
	if got := s.parts("victim"); got["unexplained"] != 101.5 || len(got) != 2 {
		t.Errorf("at first sight: %v", got)
	}
	s.play(10)
	s.sums[0] = player{wait: 1} // it was started again
	s.play(1)
	if got := s.parts("victim"); got["unexplained"] != 2.5 || len(got) != 2 {
		t.Errorf("started again: %v", got)
	}
}

func TestGuestsThatAreMissingAreRemembered(t *testing.T) {
	for _, tt := range []struct {
		name  string
		gone  time.Duration
		known bool
	}{
		{"one reading", 5 * time.Second, true},
		{"nine minutes", 9 * time.Minute, true},
		{"eleven minutes", 11 * time.Minute, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStage(2, player{name: "hog", usage: 1.4, wait: 7}, player{name: "victim", usage: 0.6, wait: 0.3})
			s.play(10)
			victim, sum, before := s.players[1], s.sums[1], s.parts("victim")
			s.players, s.sums = s.players[:1], s.sums[:1]
			s.play(int(tt.gone / s.step))
			s.players, s.sums = append(s.players, victim), append(s.sums, sum)
			s.play(1)
			after := s.parts("victim")
			const hog = "neighbour container/docker/hog"
			if known := after[hog] > 0 && after[hog] == before[hog]; known != tt.known {
				t.Errorf("before %v, after %v", before, after)
			}
			if tt.known && math.Abs(after["unexplained"]-before["unexplained"]-1.5) > 1e-6 {
				t.Errorf("what was waited meanwhile is explained: before %v, after %v", before, after)
			}
			if total := len(s.ring.guests); total != 2 {
				t.Errorf("%d guests are known", total)
			}
		})
	}
}

func TestNoBlameWhereTheSourceKnowsMoreOrNothing(t *testing.T) {
	estimated := model.Stolen{Cause: model.CauseUnexplained, Method: model.Estimated, Seconds: 1}
	for _, tt := range []struct {
		name string
		edit func(*model.Guest)
	}{
		{"no steal", func(g *model.Guest) { g.CPU.Steal = model.Opt{} }},
		{"no parts", func(g *model.Guest) { g.CPU.StealBy = nil }},
		{"measured", func(g *model.Guest) { g.CPU.StealBy[0].Method = model.Measured }},
		{"another cause", func(g *model.Guest) { g.CPU.StealBy[0].Cause = "coscheduling" }},
		{"not a number", func(g *model.Guest) { g.CPU.StealBy[0].Seconds = math.NaN() }},
		{"of another machine", func(g *model.Guest) { g.VMHost = "esx1" }},
		{"ended", func(g *model.Guest) { g.Ended = true }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newCPURing(5)
			g := &model.Guest{Name: model.Name{Kind: model.VM, Runtime: "qemu", Guest: "a"}}
			g.CPU.Steal, g.CPU.StealBy = model.Some(1), []model.Stolen{estimated}
			tt.edit(g)
			g.Blame.Steal = []model.Stolen{estimated}
			r.update(time.Second, []*model.Guest{g}, nil, nil)
			if g.Blame.Steal != nil {
				t.Errorf("blame is %v", g.Blame.Steal)
			}
		})
	}
}

func TestWithoutTheMachineOrUnitsTheRestIsUnexplained(t *testing.T) {
	s := newStage(2, player{name: "victim", usage: 0.6, wait: 0.3}, player{name: "hog", usage: 1.4, wait: 7})
	for range 20 {
		s.advance()
		s.update()
		s.ring.update(s.now, s.guests, nil, nil)
	}
	if got := s.parts("victim"); math.Abs(got["unexplained"]+got["neighbour container/docker/hog"]-s.sums[0].wait) > 1e-6 {
		t.Errorf("the parts are %v", got)
	}
}
