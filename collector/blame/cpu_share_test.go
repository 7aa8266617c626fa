package blame

import (
	"math"
	"testing"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

func TestSharesOfALevel(t *testing.T) {
	everywhere := model.CPUSet(nil)
	tests := []struct {
		name   string
		groups []group
		net    float64 // of the one around them
		want   []float64
	}{
		{"equals", []group{{set: everywhere}, {set: everywhere}}, 0, []float64{2, 2}},
		{"by weight", []group{{weight: 900}, {weight: 100}}, 0, []float64{3.6, 0.4}},
		{"with the processes around them", []group{{}, {weight: 200}}, 1, []float64{1, 2}},
		{"held by a quota", []group{{limit: 0.5}, {}, {}}, 0, []float64{0.5, 1.75, 1.75}},
		{"side by side", []group{{set: cpus(0, 1)}, {set: cpus(2, 3)}}, 0, []float64{2, 2}},
		{"a crowded CPU and a free one", []group{{set: cpus(0, 0)}, {set: cpus(1, 1)}, {set: cpus(1, 1)}}, 0, []float64{1, 0.5, 0.5}},
		// The free one weighs 25 on each CPU, the pinned one 100 on its own.
		{"pinned beside one that is free", []group{{set: cpus(0, 0)}, {}}, 0, []float64{0.8, 2}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := &group{fair: 4, size: 4, net: tt.net}
			for i := range tt.groups {
				c := &tt.groups[len(tt.groups)-1-i]
				c.busy, c.size = true, 4
				if c.set != nil {
					c.size = float64(c.set.Count())
				}
				if c.weight == 0 {
					c.weight = defaultWeight
				}
				if c.limit == 0 {
					c.limit = math.Inf(1)
				}
				c.next, p.child = p.child, c
			}
			var l levelShares
			l.deal(p)
			for i, want := range tt.want {
				if got := tt.groups[i].fair; math.Abs(got-want) > 1e-9 {
					t.Errorf("the share of %d is %v, want %v", i, got, want)
				}
			}
		})
	}
}
