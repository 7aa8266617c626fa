package blame

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

func TestACulpritIsSeenAtZeroBeforeItGrows(t *testing.T) {
	exposures := uint64(0)
	a := account{most: 5, exposures: &exposures}
	add := func(seconds float64, want map[string]float64) {
		t.Helper()
		a.add(time.Second, model.CauseNeighbour, "hog", seconds)
		if diff := cmp.Diff(want, parts(a.append(nil), 1)); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
	add(1, map[string]float64{"unexplained": 1}) // parts of 0 are left out here
	add(2, map[string]float64{"unexplained": 3}) // read again before a scrape
	exposures++
	add(4, map[string]float64{"neighbour hog": 4, "unexplained": 3})
}

func TestCulpritsBeyondThoseNamedAreAddedUp(t *testing.T) {
	a := account{most: 2}
	add := func(culprit string, seconds float64) { a.add(time.Second, model.CauseNeighbour, culprit, seconds) }
	add("a", 4)
	add("b", 1)
	add("c", 1) // no more than half as much again as the least
	add("d", 3)
	want := map[string]float64{"neighbour a": 4, "neighbour d": 3, "neighbour other": 1}
	if diff := cmp.Diff(want, parts(a.append(nil), 1)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
