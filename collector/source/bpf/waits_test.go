package bpf

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// On a host with many guests each may wait for each of the others.
func TestCulpritsOfAGuestAreBounded(t *testing.T) {
	const many = 1000
	w := newWaits()
	victim := &guest{}
	victim.guest = victim
	others := make([]*guest, many)
	for i := range others {
		others[i] = &guest{}
		others[i].owner = owner{cause: model.CauseNeighbour, culprit: fmt.Sprint(i), guest: others[i]}
	}
	busiest := &others[many-1].owner
	const total = 2.0 // seconds that are added in a round
	for round := range 5 {
		now := time.Duration(round) * sweepEvery
		w.sweep(now)
		before := byCulprit(w.report(victim, nil))
		for _, o := range others {
			w.add(now, part{guest: victim}, &o.owner, 1e6)
		}
		w.add(now, part{guest: victim}, busiest, 1e9)
		parts := w.report(victim, nil)
		if len(parts) > mostWaits+1 {
			t.Errorf("round %d: %d parts", round, len(parts))
		}
		if got := grown(before, byCulprit(parts)); math.Abs(got-total) > 1e-6 {
			t.Errorf("round %d: %.6f s were added, want %.6f s", round, got, total)
		}
		if round < 2 {
			continue // it comes last, and finds no room until others are dropped
		}
		named := 0.0
		for _, p := range parts {
			if p.Culprit == busiest.culprit {
				named = p.Seconds
			}
		}
		if named < 1 {
			t.Errorf("round %d: the busiest has %.3f s", round, named)
		}
	}
}

func byCulprit(parts []model.Stolen) map[string]float64 {
	by := make(map[string]float64)
	for _, p := range parts {
		by[p.Culprit] = p.Seconds
	}
	return by
}

// grown is what whoever reads the parts makes of them: one that was not there, or that
// fell, has begun at 0.
func grown(before, now map[string]float64) (sum float64) {
	for culprit, seconds := range now {
		if was := before[culprit]; was <= seconds {
			seconds -= was
		}
		sum += seconds
	}
	return sum
}
