package blame

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

const (
	mib = 1 << 20
	gib = 1 << 30
)

// memoryAt is what a guest holds after so many seconds.
type memoryAt struct {
	name, parent, cgroup, within string

	vm    bool
	waits float64 // of each second

	anon, usage, swap func(seconds float64) float64 // nil where it is absent
	limit             float64
	max, high, oom    float64 // events of each second
	bornAt            float64
	again             float64 // pages a second that it takes back
}

type memoryScene struct {
	name   string
	guests []memoryAt
	units  []memoryAt // cgroup, name and usage
	node   *model.Node
	calm   bool // the machine itself does not wait
	want   map[string]float64
}

func holds(bytes float64) func(float64) float64 { return func(float64) float64 { return bytes } }

// grows is 1 GiB and so many MiB more after each second.
func grows(rate float64) func(float64) float64 {
	return func(seconds float64) float64 { return gib + rate*seconds*mib }
}

func opt(f func(float64) float64, seconds float64) model.Opt {
	if f == nil {
		return model.Opt{}
	}
	return model.Some(f(seconds))
}

func (s *memoryScene) at(seconds float64) ([]*model.Guest, *model.Node, []model.Unit) {
	var guests []*model.Guest
	for _, a := range s.guests {
		if seconds < a.bornAt {
			continue
		}
		g := container(a.name)
		if a.vm {
			g.Kind, g.Runtime = model.VM, "qemu"
		}
		if a.cgroup != "" {
			g.Info.Cgroup = a.cgroup
		}
		if a.within != "" {
			g.Info.Cgroup, g.Within = "", a.within
		}
		g.Info.Parent = a.parent
		g.Pressure.MemoryWaiting = model.Some(a.waits * seconds)
		g.Memory.Anon, g.Memory.Usage, g.Memory.Swap = opt(a.anon, seconds), opt(a.usage, seconds), opt(a.swap, seconds)
		g.Memory.RefaultsFile = model.Some(a.again * seconds)
		if a.limit > 0 {
			g.Memory.Limit = model.Some(a.limit)
		}
		g.Memory.Events = model.MemoryEvents{
			Max: model.Some(a.max * seconds), High: model.Some(a.high * seconds), OOM: model.Some(a.oom * seconds),
		}
		guests = append(guests, g)
	}
	var units []model.Unit
	for _, a := range s.units {
		u := model.Unit{Path: a.cgroup, Name: a.name, Memory: opt(a.usage, seconds)}
		if a.limit > 0 {
			u.MemoryLimit = model.Some(a.limit)
		}
		units = append(units, u)
	}
	if s.node == nil {
		return guests, nil, units
	}
	node := *s.node
	if s.calm {
		node.Pressure.MemoryWaiting = model.Some(7)
	} else {
		node.Pressure.MemoryWaiting = model.Some(seconds)
	}
	return guests, &node, units
}

func TestMemoryStallIsPutOnWhoGrew(t *testing.T) {
	victim := memoryAt{name: "victim", waits: 0.2, anon: holds(gib), usage: holds(2 * gib)}
	hog := memoryAt{name: "hog", anon: grows(10), usage: grows(10)}
	host := &model.Node{Memory: model.Some(16 * gib)}
	tests := []memoryScene{
		{
			name:   "a neighbour grows",
			guests: []memoryAt{victim, hog},
			node:   host,
			want:   map[string]float64{"neighbour container/docker/hog": 1},
		},
		{
			name:   "a neighbour reads what does not fit again and again",
			guests: []memoryAt{victim, {name: "reader", anon: holds(gib), again: 20_000}},
			node:   host,
			want:   map[string]float64{"neighbour container/docker/reader": 1},
		},
		{
			name: "what the victim takes back is what it waits for",
			guests: []memoryAt{
				{name: "victim", waits: 0.2, anon: holds(gib), again: 50_000}, hog,
			},
			node: host,
			want: map[string]float64{"neighbour container/docker/hog": 1},
		},
		{
			name: "little for a machine, much for a limit that both share",
			guests: []memoryAt{
				{name: "victim", waits: 0.2, anon: holds(gib / 8), limit: gib},
				{name: "hog", anon: grows(1), limit: gib},
			},
			node: &model.Node{Memory: model.Some(1024 * gib)},
			want: map[string]float64{"neighbour container/docker/hog": 1},
		},
		{
			name:   "nothing is known of the machine",
			guests: []memoryAt{victim, hog},
			want:   map[string]float64{"neighbour container/docker/hog": 1},
		},
		{
			name:   "the machine itself is at ease",
			guests: []memoryAt{victim, hog},
			node:   host,
			calm:   true,
			want:   map[string]float64{"unexplained": 1},
		},
		{
			name:   "a neighbour that holds much does not grow",
			guests: []memoryAt{victim, {name: "big", anon: holds(12 * gib)}},
			node:   host,
			want:   map[string]float64{"unexplained": 1},
		},
		{
			name:   "a neighbour that shrinks",
			guests: []memoryAt{victim, {name: "less", anon: grows(-10)}},
			node:   host,
			want:   map[string]float64{"unexplained": 1},
		},
		{
			name:   "a neighbour that grows a little",
			guests: []memoryAt{victim, {name: "little", anon: grows(0.2)}},
			node:   host,
			want:   map[string]float64{"unexplained": 1},
		},
		{
			name:   "growth that is little for a large machine",
			guests: []memoryAt{victim, hog},
			node:   &model.Node{Memory: model.Some(1024 * gib)},
			want:   map[string]float64{"unexplained": 1},
		},
		{
			name:   "a neighbour that reads files is asked for them back",
			guests: []memoryAt{victim, {name: "reader", anon: holds(gib), usage: grows(50)}},
			node:   host,
			want:   map[string]float64{"unexplained": 1},
		},
		{
			name:   "a neighbour of which only the usage is known",
			guests: []memoryAt{victim, {name: "hog", usage: grows(10)}},
			node:   host,
			want:   map[string]float64{"neighbour container/docker/hog": 1},
		},
		{
			name:   "a machine whose memory is not anonymous",
			guests: []memoryAt{victim, {name: "hog", vm: true, usage: grows(10), anon: holds(mib)}},
			node:   host,
			want:   map[string]float64{"neighbour vm/qemu/hog": 1},
		},
		{
			name:   "a neighbour that is swapped out as it grows",
			guests: []memoryAt{victim, {name: "hog", anon: holds(gib), swap: grows(10)}},
			node:   host,
			want:   map[string]float64{"neighbour container/docker/hog": 1},
		},
		{
			name:   "a neighbour that comes back from swap",
			guests: []memoryAt{victim, {name: "squeezed", anon: grows(10), swap: grows(-10)}},
			node:   host,
			want:   map[string]float64{"unexplained": 1},
		},
		{
			name: "two that grow, one thrice as fast",
			guests: []memoryAt{
				victim, {name: "fast", anon: grows(30)}, {name: "slow", anon: grows(10)},
			},
			node: host,
			want: map[string]float64{"neighbour container/docker/fast": 0.75, "neighbour container/docker/slow": 0.25},
		},
		{
			name:   "its own growth is nobody else's",
			guests: []memoryAt{{name: "victim", waits: 0.2, anon: grows(30)}, {name: "slow", anon: grows(10)}},
			node:   host,
			want:   map[string]float64{"unexplained": 0.75, "neighbour container/docker/slow": 0.25},
		},
		{
			name:   "a service of the host",
			guests: []memoryAt{victim},
			units:  []memoryAt{{name: "backup.service", cgroup: "/system.slice/backup.service", usage: grows(10)}},
			node:   host,
			want:   map[string]float64{"system backup.service": 1},
		},
		{
			name:   "a unit answers only for what its guests have not taken",
			guests: []memoryAt{victim, hog},
			units:  []memoryAt{{name: "docker", cgroup: "/docker", usage: grows(20)}},
			node:   host,
			want:   map[string]float64{"neighbour container/docker/hog": 0.5, "system docker": 0.5},
		},
		{
			name:   "a unit that only holds others is not named",
			guests: []memoryAt{victim, hog},
			units:  []memoryAt{{cgroup: "/docker", usage: grows(20)}},
			node:   host,
			want:   map[string]float64{"neighbour container/docker/hog": 0.5, "unexplained": 0.5},
		},
		{
			name: "guests inside it and around it are no neighbours",
			guests: []memoryAt{
				{name: "victim", parent: "container/docker/outer", waits: 0.2, anon: grows(10)},
				{name: "outer", anon: grows(50)},
				{name: "inner", parent: "container/docker/victim", anon: grows(10)},
				{name: "sibling", parent: "container/docker/outer", anon: grows(20)},
			},
			node: host,
			want: map[string]float64{"unexplained": 0.6, "neighbour container/docker/sibling": 0.4},
		},
		{
			name:   "its own limit is hit",
			guests: []memoryAt{{name: "victim", waits: 0.2, anon: holds(gib), max: 3}, hog},
			node:   host,
			want:   map[string]float64{"own_limit": 1},
		},
		{
			name:   "its own high limit is hit",
			guests: []memoryAt{{name: "victim", waits: 0.2, anon: holds(gib), high: 3}, hog},
			node:   host,
			want:   map[string]float64{"own_limit": 1},
		},
		{
			name:   "it runs out of memory",
			guests: []memoryAt{{name: "victim", waits: 0.2, anon: holds(gib), oom: 1}, hog},
			node:   host,
			want:   map[string]float64{"own_limit": 1},
		},
		{
			name:   "it is at its limit",
			guests: []memoryAt{{name: "victim", waits: 0.2, usage: holds(0.96 * gib), limit: gib, max: 1}, hog},
			node:   host,
			want:   map[string]float64{"own_limit": 1},
		},
		{
			name: "a limit above it that is no guest's is nobody else's fault",
			guests: []memoryAt{
				{name: "victim", waits: 0.2, anon: holds(gib), cgroup: "/pods/a/victim"},
				{name: "hog", anon: grows(50), cgroup: "/pods/b/hog"},
			},
			units: []memoryAt{{name: "", cgroup: "/pods/a", usage: holds(4 * gib), limit: 4 * gib}, {name: "", cgroup: "/pods/b", usage: grows(50)}},
			node:  host,
			want:  map[string]float64{"own_limit": 1},
		},
		{
			name: "but it is that of who grows below it",
			guests: []memoryAt{
				{name: "victim", waits: 0.2, anon: holds(gib), cgroup: "/pods/a/victim"},
				{name: "hog", anon: grows(50), cgroup: "/pods/a/hog"},
			},
			units: []memoryAt{{name: "", cgroup: "/pods/a", usage: holds(4 * gib), limit: 4 * gib}},
			node:  host,
			want:  map[string]float64{"neighbour container/docker/hog": 1},
		},
		{
			name:   "its limit is far",
			guests: []memoryAt{{name: "victim", waits: 0.2, usage: holds(0.5 * gib), limit: gib}, hog},
			node:   host,
			want:   map[string]float64{"neighbour container/docker/hog": 1},
		},
		{
			name: "the limit of the guest around it",
			guests: []memoryAt{
				{name: "victim", parent: "container/docker/outer", waits: 0.2, anon: holds(gib)},
				{name: "outer", anon: holds(gib), max: 3},
				hog,
			},
			node: host,
			want: map[string]float64{"own_limit": 1},
		},
		{
			name:   "a machine in a unit, without a cgroup of its own",
			guests: []memoryAt{victim, {name: "hog", vm: true, within: "/user.slice", usage: grows(10)}},
			units:  []memoryAt{{name: "user.slice", cgroup: "/user.slice", usage: grows(10)}},
			node:   host,
			want:   map[string]float64{"neighbour vm/qemu/hog": 1},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newMemoryRing(DefaultCulprits)
			var begin, end float64
			var g *model.Guest
			before := map[string]float64{}
			for step := range 40 {
				at := time.Duration(step) * 5 * time.Second
				guests, node, units := tt.at(at.Seconds())
				r.update(at, guests, node, units)
				g = guests[0]
				if step == 20 { // all grow by their minute
					begin, before = at.Seconds(), parts(g.Blame.MemoryStall, 1)
				}
				end = at.Seconds()
			}
			got := parts(g.Blame.MemoryStall, 1)
			for key := range got {
				if got[key] = (got[key] - before[key]) / (end - begin) / tt.guests[0].waits; got[key] < 1e-9 {
					delete(got, key)
				}
			}
			if diff := cmp.Diff(tt.want, got, cmpopts.EquateApprox(0, 1e-6)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestANewcomerHasTakenWhatItHolds(t *testing.T) {
	newcomer := memoryAt{name: "new", anon: holds(4 * gib), bornAt: 10}
	for _, tt := range []struct {
		name   string
		guests []memoryAt
		want   map[string]float64
	}{
		{
			"one that was born",
			[]memoryAt{{name: "victim", waits: 0.2, anon: holds(gib)}, newcomer},
			map[string]float64{"unexplained": 1, "neighbour container/docker/new": 2},
		},
		{
			"one of a kind that a late source shows",
			[]memoryAt{{name: "victim", vm: true, waits: 0.2, usage: holds(gib)}, newcomer},
			map[string]float64{"unexplained": 3},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			scene := memoryScene{guests: tt.guests}
			r := newMemoryRing(DefaultCulprits)
			var g *model.Guest
			for at := time.Duration(0); at <= 15*time.Second; at += 5 * time.Second {
				guests, node, units := scene.at(at.Seconds())
				r.update(at, guests, node, units)
				g = guests[0]
			}
			expectParts(t, g.Blame.MemoryStall, tt.want)
		})
	}
}

func TestWhatAGuestWaitedUnseenIsUnexplained(t *testing.T) {
	scene := memoryScene{guests: []memoryAt{
		{name: "victim", waits: 0.2, anon: holds(gib)}, {name: "hog", anon: grows(100)},
	}}
	r := newMemoryRing(DefaultCulprits)
	var g *model.Guest
	for at := time.Duration(0); at <= 20*time.Second; at += 5 * time.Second {
		guests, node, units := scene.at(at.Seconds())
		g = guests[0]
		if at == 10*time.Second {
			guests = guests[1:]
		}
		r.update(at, guests, node, units)
	}
	expectParts(t, g.Blame.MemoryStall, map[string]float64{"unexplained": 2, "neighbour container/docker/hog": 2})
}

func TestGrowthIsForgottenAfterTenMinutes(t *testing.T) {
	scene := memoryScene{guests: []memoryAt{
		{name: "victim", waits: 1, anon: holds(gib)},
		{name: "hog", anon: func(seconds float64) float64 { return gib + min(seconds, 10)*100*mib }},
	}}
	for _, pace := range []time.Duration{time.Second, 5 * time.Second, 7 * time.Second} {
		r := newMemoryRing(DefaultCulprits)
		var g *model.Guest
		for at := time.Duration(0); at <= 15*time.Minute; at += pace {
			guests, node, units := scene.at(at.Seconds())
			r.update(at, guests, node, units)
			g = guests[0]
		}
		hog := parts(g.Blame.MemoryStall, 1)["neighbour container/docker/hog"]
		if hog < 580 || hog > 640 {
			t.Errorf("at a pace of %v it is blamed for %v seconds", pace, hog)
		}
	}
}

func TestWhereAllGrowNobodyMuchIsToBlame(t *testing.T) {
	scene := memoryScene{guests: []memoryAt{{name: "victim", waits: 1, anon: holds(gib)}}}
	for i := range 64 {
		scene.guests = append(scene.guests, memoryAt{name: string(rune('A' + i)), anon: grows(10)})
	}
	r := newMemoryRing(DefaultCulprits)
	var g *model.Guest
	for at := time.Duration(0); at <= 100*time.Second; at += 5 * time.Second {
		guests, node, units := scene.at(at.Seconds())
		r.update(at, guests, node, units)
		g = guests[0]
	}
	if got := parts(g.Blame.MemoryStall, 100); got["unexplained"] < 0.7 {
		t.Errorf("the parts are %v", got)
	}
}
