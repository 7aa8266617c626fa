package bpf

import (
	"testing"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

type fakeObserver struct {
	program
	seconds float64
}

func (o *fakeObserver) sawWaited() float64 { return o.seconds }

type fakeKnower struct {
	program
	seconds float64
}

func (k *fakeKnower) allWaited() float64 { return k.seconds }

func TestCoverageIsWhatWasSeenOfAllWaits(t *testing.T) {
	saw, all := &fakeObserver{}, &fakeKnower{}
	s := &Source{programs: []*loaded{{program: saw}, {program: all}}}
	for i, step := range []struct {
		name     string
		saw, all float64 // more than before
		want     model.Opt
	}{
		{"the first reading only begins", 7, 9, model.Opt{}},
		{"next to nothing", 0.01, 0.02, model.Opt{}},
		{"three quarters", 0.75 - 0.01, 1 - 0.02, model.Some(0.75)},
		{"never more than all", 2, 1, model.Some(1)},
	} {
		saw.seconds += step.saw
		all.seconds += step.all
		got := s.cover(time.Minute+time.Duration(i), saw)
		if is, ok := got.Get(); !near(is, step.want.Or(0)) || ok != (step.want != model.Opt{}) {
			t.Errorf("%s: %v, want %v", step.name, got, step.want)
		}
	}

	s.programs = s.programs[:1]
	if got := s.cover(2*time.Minute, saw); got != (model.Opt{}) {
		t.Errorf("%v where nobody knows all waits", got)
	}
}

func near(a, b float64) bool { return a-b < 1e-6 && b-a < 1e-6 }
