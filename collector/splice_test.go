package collector

import (
	"math/rand/v2"
	"testing"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

func TestACounterGoesOnWhenItsSourceChanges(t *testing.T) {
	type step struct{ measured, read, want model.Opt }
	is, none := model.Some, model.Opt{}
	tests := []struct {
		name  string
		steps []step
	}{
		{"nothing is known", []step{{none, none, none}, {none, none, none}}},
		{"the measured one takes over where the other stood", []step{
			{none, is(100), is(100)}, {is(0), is(102), is(102)}, {is(5), is(103), is(107)},
		}},
		{"it was born later, and threads had been missed", []step{{is(7), is(2), is(7)}, {is(8), is(2), is(8)}}},
		{"it is measured from its first reading on", []step{{is(1), none, is(1)}, {is(3), none, is(3)}, {is(4), is(50), is(4)}}},
		{"back to what is read", []step{
			{is(0), is(10), is(10)}, {is(4), is(11), is(14)}, {none, is(12), is(15)}, {none, is(15), is(18)},
		}},
		{"and measured again: what happened meanwhile counts once", []step{
			{is(0), is(10), is(10)}, {is(4), is(11), is(14)}, {none, is(13), is(16)}, {is(9), is(14), is(17)}, {is(10), is(14), is(18)},
		}},
		{"the programs begin anew", []step{{is(0), is(10), is(10)}, {is(4), is(11), is(14)}, {is(1), is(12), is(15)}, {is(3), is(12), is(17)}}},
		{"the guest begins anew", []step{{none, is(10), is(10)}, {none, is(1), is(11)}, {none, is(2), is(12)}}},
		{"neither is there for a moment", []step{{is(1), is(1), is(1)}, {none, none, none}, {is(3), is(2), is(3)}}},
		{"one reading twice", []step{{is(0), is(10), is(10)}, {is(4), is(11), is(14)}, {is(4), is(11), is(14)}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var s splice
			for i, step := range tt.steps {
				if got := s.next(step.measured, step.read); got != step.want {
					t.Fatalf("step %d: %v, want %v", i, got, step.want)
				}
			}
		})
	}
}

// Whatever comes and goes, the total never falls, and never grows by more than what
// one of the two grew by, but once.
func TestATotalNeitherJumpsNorFalls(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 1))
		var s splice
		var exact, read, last float64
		for i := range 100 {
			grownExact, grownRead := rng.Float64(), rng.Float64()
			exact, read = exact+grownExact, read+grownRead
			var of [2]model.Opt
			if rng.IntN(3) > 0 {
				of[0] = model.Some(exact)
			}
			if rng.IntN(5) > 0 {
				of[1] = model.Some(read)
			}
			caught := s.caught
			total, ok := s.next(of[0], of[1]).Get()
			if !ok {
				continue
			}
			if total < last || caught && total > last+float64(i+1)*2 {
				t.Fatalf("seed %d, step %d: from %v to %v", seed, i, last, total)
			}
			last = total
		}
		if caught := s.caught; caught && last > exact+read {
			t.Fatalf("seed %d: %v of %v and %v", seed, last, exact, read)
		}
	}
}
