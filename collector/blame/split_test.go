package blame_test

import (
	"testing"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/blame"
	"github.com/virt-exporter/virt_exporter/collector/model"
)

func TestSplitExplainsStealByThrottling(t *testing.T) {
	const interval = 10 * time.Second
	tests := []struct {
		name             string
		run, steal, held float64 // grown by, in ten seconds
		cpus             float64
		want             float64
	}{
		{"nothing throttled", 5, 5, 0, 1, 0},
		{"one thread with a quota", 2, 8, 8, 1, 8},
		{"three threads on one CPU", 2.02, 27.98, 7.98, 1, 3 * 7.98},
		{"two threads on two CPUs", 4, 16, 16, 2, 16},
		{"never more than the steal", 1, 2, 100, 4, 2},
		{"a neighbour besides the quota", 2, 8, 3, 4, 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var sp blame.Split
			ns := func(seconds float64) uint64 { return uint64(seconds * 1e9) }
			sp.Update(time.Second, 0, 0, model.Some(1), tt.cpus, true)
			sp.Update(time.Second+interval, ns(tt.run), ns(tt.steal), model.Some(1+tt.held), tt.cpus, true)
			if diff := float64(sp.Throttle)/1e9 - tt.want; diff > 1e-6 || diff < -1e-6 {
				t.Errorf("throttle explains %v, want %v", sp.Throttle, tt.want)
			}
			if sp.Throttle+sp.Unexplained != ns(tt.steal) {
				t.Errorf("the parts sum to %d", sp.Throttle+sp.Unexplained)
			}
		})
	}
}

func TestAStealThatBeginsAnewIsAdded(t *testing.T) {
	var sp blame.Split
	sp.Update(1*time.Second, 0, 0, model.Some(0), 1, true)
	sp.Update(2*time.Second, 1e9, 3e9, model.Some(1), 1, true)
	sp.Update(3*time.Second, 0, 1e9, model.Some(0), 1, true)
	sp.Update(4*time.Second, 0, 2e9, model.Some(1), 1, true)
	if sum := sp.Throttle + sp.Unexplained; sum < 4e9 || sum > 5e9 {
		t.Errorf("the parts sum to %d", sum)
	}
}
