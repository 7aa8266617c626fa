package blame

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// ran is a wait of which it was measured who ran meanwhile.
func ran(cause model.Cause, culprit string, seconds float64) model.Stolen {
	return model.Stolen{Cause: cause, Culprit: culprit, Method: model.Measured, Seconds: seconds}
}

// measuring is a ring of which one guest is measured.
type measuring struct {
	ring *Ring
	now  time.Duration
	out  []model.Stolen
}

func newMeasuring(most int) *measuring {
	return &measuring{ring: NewRing(Options{Culprits: most}), now: time.Hour}
}

// read takes a reading five seconds after the last and returns the parts.
func (m *measuring) read(steal float64, waits ...model.Stolen) map[string]float64 {
	m.now += 5 * time.Second
	g := &model.Guest{Name: model.Name{Kind: model.Container, Runtime: "docker", Guest: "victim"}}
	g.CPU.Run, g.CPU.Steal, g.CPU.Waits = model.Some(1), model.Some(steal), waits
	g.CPU.StealBy = []model.Stolen{
		{Cause: model.CauseThrottle, Method: model.Estimated, Seconds: steal / 4},
		{Cause: model.CauseUnexplained, Method: model.Estimated, Seconds: steal - steal/4},
	}
	m.ring.Update(m.now, []*model.Guest{g}, nil, nil)
	m.ring.Exposed()
	m.out = g.Blame.Steal
	got := make(map[string]float64)
	for _, p := range m.out {
		key := string(p.Cause)
		if p.Culprit != "" {
			key += " " + p.Culprit
		}
		got[key] = p.Seconds
	}
	return got
}

func TestMeasuredWaitsSplitTheSteal(t *testing.T) {
	a, b := "container/docker/a", "vm/qemu/b"
	waits := func(toA, toB float64) []model.Stolen {
		return []model.Stolen{ran(model.CauseNeighbour, a, toA), ran(model.CauseNeighbour, b, toB)}
	}
	type step struct {
		what  string
		steal float64
		waits []model.Stolen
		want  map[string]float64
	}
	// Each begins with 10 s of steal and a second of either, known and exposed.
	tests := []struct {
		name  string
		steps []step
	}{
		{"as they were measured", []step{
			{"", 14, waits(4, 2), map[string]float64{"unexplained": 0, "neighbour " + a: 3, "neighbour " + b: 1}},
		}},
		{"what was not measured is unexplained", []step{
			{"", 20, waits(4, 2), map[string]float64{"unexplained": 6, "neighbour " + a: 3, "neighbour " + b: 1}},
		}},
		{"more was measured than waited: pro rata", []step{
			{"", 12, waits(4, 2), map[string]float64{"unexplained": 0, "neighbour " + a: 1.5, "neighbour " + b: 0.5}},
		}},
		{"a little that is measured early waits for its steal", []step{
			{"", 11, waits(2.1, 1), map[string]float64{"unexplained": 0, "neighbour " + a: 1, "neighbour " + b: 0}},
			{"", 11.1, waits(2.1, 1), map[string]float64{"unexplained": 0, "neighbour " + a: 1.1, "neighbour " + b: 0}},
		}},
		{"for one update, and not for more", []step{
			{"", 11, waits(2.1, 1), map[string]float64{"unexplained": 0, "neighbour " + a: 1, "neighbour " + b: 0}},
			{"", 11, waits(2.1, 1.1), map[string]float64{"unexplained": 0, "neighbour " + a: 1, "neighbour " + b: 0}},
			{"", 11.2, waits(2.1, 1.1), map[string]float64{"unexplained": 0.1, "neighbour " + a: 1, "neighbour " + b: 0.1}},
		}},
		{"a lot does not wait", []step{
			{"", 10, waits(9, 1), map[string]float64{"unexplained": 0, "neighbour " + a: 0, "neighbour " + b: 0}},
			{"", 12, waits(9, 1), map[string]float64{"unexplained": 1.9, "neighbour " + a: 0.1, "neighbour " + b: 0}},
		}},
		{"one who is not listed any more begins at 0 again", []step{
			{"", 11, waits(2, 1)[:1], map[string]float64{"unexplained": 0, "neighbour " + a: 1, "neighbour " + b: 0}},
			{"", 12, waits(2, 1), map[string]float64{"unexplained": 0, "neighbour " + a: 1, "neighbour " + b: 1}},
		}},
		{"a reading that was missed", []step{
			{"nothing is known of the steal since", 12, nil, map[string]float64{"unexplained": 0, "neighbour " + a: 0, "neighbour " + b: 0}},
			{"it is split when it is", 13, waits(4, 1), map[string]float64{"unexplained": 0, "neighbour " + a: 3, "neighbour " + b: 0}},
		}},
		{"a guest that was started again", []step{
			{"", 1, waits(2, 1), map[string]float64{"unexplained": 0}},
		}},
		{"its own name is itself", []step{
			{"", 11, append(waits(1, 1), ran(model.CauseNeighbour, "container/docker/victim", 1)), map[string]float64{"unexplained": 1, "self": 0, "neighbour " + a: 0, "neighbour " + b: 0}},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := newMeasuring(5)
			m.read(8, waits(0.5, 0.5)...)
			m.read(9, waits(1, 1)...) // both names are put on the list
			base := m.read(10, waits(1, 1)...)
			for _, step := range tt.steps {
				got := m.read(step.steal, step.waits...)
				if _, ok := step.want["neighbour "+a]; ok {
					for key, v := range base {
						got[key] -= v
					}
				}
				if diff := cmp.Diff(step.want, got, cmpopts.EquateApprox(0, 1e-9), cmpopts.IgnoreMapEntries(func(key string, v float64) bool {
					return key == "self" && v == 0 && step.want["self"] != 0
				})); diff != "" {
					t.Errorf("at %v s (-want +got):\n%s", step.steal, diff)
				}
			}
		})
	}
}

func TestAMethodChangesAsAWhole(t *testing.T) {
	m := newMeasuring(5)
	method := func() (found model.Method) {
		for _, p := range m.out {
			if found != "" && found != p.Method {
				t.Fatalf("two methods at once: %v", m.out)
			}
			found = p.Method
		}
		return found
	}
	hog := func(v float64) model.Stolen { return ran(model.CauseNeighbour, "container/docker/hog", v) }
	m.read(10)
	if m.read(11); method() != model.Estimated {
		t.Errorf("at first: %v", m.out)
	}
	if got := m.read(12, hog(5)); method() != model.Measured || len(got) != 1 || got["unexplained"] != 0 {
		t.Errorf("measured from now on, beginning at 0: %v", m.out)
	}
	m.read(13, hog(6))
	if got := m.read(14, hog(7)); got["neighbour container/docker/hog"] != 1 || got["unexplained"] != 1 {
		t.Errorf("measured: %v", got)
	}
	for range 12 {
		if m.read(15); method() != model.Measured {
			t.Fatalf("a reading that is missing now and then changes no method: %v", m.out)
		}
	}
	m.now += unmeasured
	if got := m.read(16); method() != model.Estimated || got["unexplained"] != 0 || got["throttle"] != 0 {
		t.Errorf("estimated again, beginning at 0: %v", got)
	}
	got := m.read(20)
	if sum := got["unexplained"] + got["throttle"]; math.Abs(sum-4) > 1e-9 || got["throttle"] != 1 {
		t.Errorf("4 s later: %v", got)
	}
}

func TestTheOthersAreStillEstimated(t *testing.T) {
	third := 1.0 / 3
	s := newStage(2, player{name: "victim", usage: 2 * third, wait: third}, player{name: "second", usage: 2 * third, wait: third}, player{name: "hog", usage: 4 * third, wait: 8 - 4*third})
	s.measured = "victim"
	s.play(20)
	for _, g := range s.guests {
		switch g.Guest {
		case "victim":
			for _, p := range g.Blame.Steal {
				if p.Method != model.Measured || p.Culprit != "" {
					t.Errorf("an estimate names somebody for one who is measured: %+v", p)
				}
			}
			if g.Blame.EntitledCPUs == (model.Opt{}) {
				t.Error("what it may claim is not known")
			}
		default:
			for _, p := range g.Blame.Steal {
				if p.Method != model.Estimated {
					t.Errorf("%s: %+v", g, p)
				}
			}
		}
	}
}

// A machine that is so slow that only each third reading is there in time, as between
// scrapes, has no more unexplained for it.
func TestReadingsThatAreMissedMakeNothingUnexplained(t *testing.T) {
	const hog = "container/docker/hog"
	m := newMeasuring(5)
	m.read(8, ran(model.CauseNeighbour, hog, 8))
	m.read(9, ran(model.CauseNeighbour, hog, 9)) // its name is put on the list
	before := m.read(10, ran(model.CauseNeighbour, hog, 10))
	after := before
	for i := 1; i <= 30; i++ {
		steal := 10 + 4*float64(i)
		if i%3 != 0 {
			m.read(steal)
			continue
		}
		after = m.read(steal, ran(model.CauseNeighbour, hog, steal))
	}
	if grown := after["neighbour "+hog] - before["neighbour "+hog]; grown != 120 || after["unexplained"] != before["unexplained"] {
		t.Errorf("of 120 s, all for one, %v s are explained", grown)
	}
}

// Whatever is measured, and whenever: increases of the parts sum to that of the
// steal since it was measured last, no part falls, and no more are named than may be.
func TestIncreasesOfMeasuredPartsSumToThoseOfTheSteal(t *testing.T) {
	for seed := range uint64(100) {
		checkMeasured(t, seed, 200)
	}
}

func FuzzMeasuredParts(f *testing.F) {
	for seed := range uint64(4) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) { checkMeasured(t, seed, 50) })
}

func checkMeasured(t *testing.T, seed uint64, steps int) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 3))
	most := 1000
	if rng.IntN(2) == 0 {
		most = 3
	}
	m := newMeasuring(most)
	totals := make(map[int]float64)
	steal := 100 * rng.Float64()
	before := m.read(steal, ran(model.CauseKernel, "", 1))
	missed := 0.0
	for range steps {
		var waits []model.Stolen
		for i := range rng.IntN(12) {
			totals[i] += 3 * rng.Float64() * float64(rng.IntN(2))
			cause, culprit := model.CauseNeighbour, fmt.Sprint("container/docker/g", i)
			switch i {
			case 0:
				cause, culprit = model.CauseThrottle, ""
			case 1:
				cause = model.CauseSystem
			case 2:
				culprit = "container/docker/victim"
			case 3:
				cause, culprit = model.CauseUnexplained, ""
			}
			switch rng.IntN(100) {
			case 0:
				totals[i] = 0
			case 1:
				waits = append(waits, ran(cause, culprit, math.NaN()))
			}
			waits = append(waits, ran(cause, culprit, totals[i]))
		}
		grown := 10 * rng.Float64() * float64(rng.IntN(2))
		steal += grown
		now := m.read(steal, waits...)
		if grown += missed; waits == nil {
			grown, missed = 0, grown
		} else {
			missed = 0
		}
		sum := 0.0
		for key, v := range now {
			if sum += v - before[key]; most == 1000 && !(v >= before[key]) {
				t.Fatalf("seed %d: %s fell from %v to %v", seed, key, before[key], v)
			}
		}
		if most == 1000 && (math.Abs(sum-grown) > 1e-6 || len(now) < len(before)) {
			t.Fatalf("seed %d: the steal grew by %v, its parts by %v", seed, grown, sum)
		}
		named := 0
		for _, p := range m.out {
			if p.Method != model.Measured || p.Culprit == "container/docker/victim" {
				t.Fatalf("seed %d: %+v", seed, p)
			}
			if p.Culprit != "" && p.Culprit != model.OtherCulprits {
				named++
			}
		}
		if named > most {
			t.Fatalf("seed %d: %d are named", seed, named)
		}
		before = now
	}
}

func BenchmarkMeasured(b *testing.B) {
	const guests, culprits = 1000, 20
	ring := NewRing(Options{})
	var all []*model.Guest
	for i := range guests {
		g := &model.Guest{Name: model.Name{Kind: model.Container, Runtime: "docker", Guest: fmt.Sprint(i)}}
		for j := range culprits {
			g.CPU.Waits = append(g.CPU.Waits, ran(model.CauseNeighbour, fmt.Sprint("container/docker/", j), 0))
		}
		all = append(all, g)
	}
	b.ReportAllocs()
	for i := 1; b.Loop(); i++ {
		for _, g := range all {
			g.CPU.Run, g.CPU.Steal = model.Some(float64(i)), model.Some(float64(culprits*i))
			for j := range g.CPU.Waits {
				g.CPU.Waits[j].Seconds++
			}
		}
		ring.Update(time.Duration(i)*5*time.Second, all, nil, nil)
	}
}
