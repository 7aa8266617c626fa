package pairs

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestRanksOfBounds(t *testing.T) {
	tests := []struct{ n, lower, upper int }{
		{0, 0, 0},
		{1, 0, 0},
		{5, 0, 0}, // 93.8 %
		{6, 1, 6},
		{7, 1, 7},
		{8, 1, 8},
		{9, 2, 8},
		{15, 4, 12},
		{31, 10, 22},
		{51, 19, 33},
		{100, 40, 61},
		{10000, 4902, 5099},
	}
	for _, tt := range tests {
		lower := lowerRank(tt.n)
		upper := 0
		if lower > 0 {
			upper = tt.n + 1 - lower
		}
		if lower != tt.lower || upper != tt.upper {
			t.Errorf("%d samples: bounds are ranks %d and %d, want %d and %d", tt.n, lower, upper, tt.lower, tt.upper)
		}
	}
}

// The bounds miss in 5 % of cases at most, and the next closer ones would miss
// in more. The sums are of integers and exact.
func TestCoverageOfBounds(t *testing.T) {
	for n := 1; n <= 60; n++ {
		k := lowerRank(n)
		if miss := 2 * headsBelow(n, k); miss > 0.05 {
			t.Errorf("%d samples: bounds at rank %d miss in %.2f %%", n, k, 100*miss)
		}
		if miss := 2 * headsBelow(n, k+1); miss <= 0.05 {
			t.Errorf("%d samples: bounds at rank %d are too wide, rank %d misses in %.2f %%", n, k, k+1, 100*miss)
		}
	}
}

// headsBelow returns the probability of fewer than k heads in n throws.
func headsBelow(n, k int) float64 {
	ways, sum := uint64(1), uint64(0)
	for i := range k {
		sum += ways
		ways = ways * uint64(n-i) / uint64(i+1)
	}
	return float64(sum) / math.Exp2(float64(n))
}

func TestComparison(t *testing.T) {
	tests := map[string]struct {
		mount, beside []int64
		want          Comparison
	}{
		"nothing": {},
		"one pair has no bounds": {
			mount: []int64{3000}, beside: []int64{1000},
			want: Comparison{
				Pairs: 1, MountMedian: 3e-6, BesideMedian: 1e-6,
				Ratio: Estimate{Median: 3, Lower: 3, Upper: 3}, Added: Estimate{Median: 2e-6, Lower: 2e-6, Upper: 2e-6},
			},
		},
		"six pairs have the widest": {
			mount: []int64{600, 200, 300, 400, 500, 700}, beside: []int64{100, 100, 100, 100, 100, 100},
			want: Comparison{
				Pairs: 6, MountMedian: 450e-9, BesideMedian: 100e-9,
				Ratio: Estimate{Median: 4.5, Lower: 2, Upper: 7, Bounded: true},
				Added: Estimate{Median: 350e-9, Lower: 100e-9, Upper: 600e-9, Bounded: true},
			},
		},
		"what hits both halves of a pair cancels out": {
			mount: []int64{200, 2000, 20000}, beside: []int64{100, 1000, 10000},
			want: Comparison{
				Pairs: 3, MountMedian: 2e-6, BesideMedian: 1e-6,
				Ratio: Estimate{Median: 2, Lower: 2, Upper: 2}, Added: Estimate{Median: 1e-6, Lower: 1e-6, Upper: 1e-6},
			},
		},
		"a median of ratios is no ratio of medians": {
			mount: []int64{100, 200, 900}, beside: []int64{100, 400, 300},
			want: Comparison{
				Pairs: 3, MountMedian: 200e-9, BesideMedian: 300e-9,
				Ratio: Estimate{Median: 1, Lower: 1, Upper: 1}, Added: Estimate{},
			},
		},
		"a coarse clock": {
			mount: []int64{0, 50, 50}, beside: []int64{0, 0, 0},
			want: Comparison{
				Pairs: 3, MountMedian: 50e-9, BesideMedian: 1e-9,
				Ratio: Estimate{Median: 50, Lower: 50, Upper: 50}, Added: Estimate{Median: 49e-9, Lower: 49e-9, Upper: 49e-9},
			},
		},
		"without a reference": {
			mount: []int64{100, 300}, want: Comparison{MountMedian: 200e-9},
		},
		"a half without its other": {
			mount: []int64{100, 300, 500}, beside: []int64{100},
			want: Comparison{
				Pairs: 1, MountMedian: 300e-9, BesideMedian: 100e-9,
				Ratio: Estimate{Median: 1, Lower: 1, Upper: 1},
			},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			mount, beside := slices.Clone(tt.mount), slices.Clone(tt.beside)
			got := Compare(mount, beside)
			if diff := cmp.Diff(tt.want, got, cmpopts.EquateApprox(1e-9, 1e-18)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if !slices.Equal(mount, tt.mount) || !slices.Equal(beside, tt.beside) {
				t.Error("the samples were changed")
			}
		})
	}
}

func TestMedianLeavesSamplesAsTheyAre(t *testing.T) {
	samples := []float64{5, 1, 4, 2, 3, 6}
	got := Median(samples)
	if want := (Estimate{Median: 3.5, Lower: 1, Upper: 6, Bounded: true}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if !slices.Equal(samples, []float64{5, 1, 4, 2, 3, 6}) {
		t.Error("the samples were sorted in place")
	}
}

// Latencies are skewed and have heavy tails, and both halves of a pair are hit by
// the same bursts. In whichever way, the bounds hold the true median.
func TestBoundsHoldTheTruth(t *testing.T) {
	const cycles = 10000
	lognormal := func(r *rand.Rand) float64 { return math.Exp(1.2 * r.NormFloat64()) }
	pareto := func(r *rand.Rand) float64 { return math.Pow(r.Float64(), -1/0.8) } // without even a mean
	twoModes := func(r *rand.Rand) float64 {
		if r.IntN(3) == 0 {
			return 20 + r.ExpFloat64()
		}
		return 1 + r.ExpFloat64()
	}
	tests := map[string]struct{ mount, beside func(*rand.Rand) float64 }{
		"lognormal": {lognormal, lognormal},
		"pareto":    {pareto, pareto},
		"two modes": {twoModes, lognormal},
	}
	for name, tt := range tests {
		r := rand.New(rand.NewPCG(1, 2))
		draw := func(mount, beside []int64) Comparison {
			for i := range mount {
				burst := 1 + pareto(r)/10
				mount[i] = int64(30000 * tt.mount(r) * burst)
				beside[i] = int64(2000 * tt.beside(r) * burst)
			}
			return Compare(mount, beside)
		}
		truth := draw(make([]int64, 100000), make([]int64, 100000))
		for _, n := range []int{7, 15, 31} {
			mount, beside := make([]int64, n), make([]int64, n)
			var ratio, added int
			for range cycles {
				c := draw(mount, beside)
				ratio += holds(c.Ratio, truth.Ratio.Median)
				added += holds(c.Added, truth.Added.Median)
			}
			if ratio < 0.95*cycles || added < 0.95*cycles {
				t.Errorf("%s, %d pairs: the bounds held the ratio in %d and the difference in %d of %d cycles",
					name, n, ratio, added, cycles)
			}
		}
	}
}

func holds(e Estimate, truth float64) int {
	if e.Bounded && e.Lower <= truth && truth <= e.Upper {
		return 1
	}
	return 0
}

func TestCompareAllocatesOnce(t *testing.T) {
	mount, beside := make([]int64, 31), make([]int64, 31)
	if got := testing.AllocsPerRun(100, func() { Compare(mount, beside) }); got > 1 {
		t.Errorf("%v allocations", got)
	}
}

func FuzzCompare(f *testing.F) {
	f.Add([]byte{}, []byte{})
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7}, []byte{0, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{255, 255, 255, 255, 255, 255, 255, 127}, []byte{0, 0, 0, 0, 0, 0, 0, 128})
	f.Fuzz(func(t *testing.T, a, b []byte) {
		c := Compare(latencies(a), latencies(b))
		for _, e := range []Estimate{c.Ratio, c.Added} {
			if !(e.Lower <= e.Median && e.Median <= e.Upper) || math.IsInf(e.Upper-e.Lower, 0) {
				t.Errorf("%+v", e)
			}
		}
		if c.MountMedian < 0 || c.BesideMedian < 0 || c.Ratio.Lower < 0 {
			t.Errorf("negative: %+v", c)
		}
	})
}

// latencies makes nanoseconds of bytes: short ones, and every seventh an extreme.
func latencies(b []byte) (ns []int64) {
	for i, v := range b {
		n := int64(v)
		if i%7 == 6 {
			n = (n - 128) << 56
		}
		ns = append(ns, n)
	}
	return ns
}

func BenchmarkCompare(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	mount, beside := make([]int64, 15), make([]int64, 15)
	for i := range mount {
		mount[i], beside[i] = r.Int64N(100000), r.Int64N(10000)
	}
	b.ReportAllocs()
	for b.Loop() {
		Compare(mount, beside)
	}
}
