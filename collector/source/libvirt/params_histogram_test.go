package libvirt

import (
	"fmt"
	"testing"

	golibvirt "github.com/digitalocean/go-libvirt"
	"github.com/google/go-cmp/cmp"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// histogramParams are four bins of a disk's latencies: below 10 µs, below 2^20 ns
// and so on. They count 1, 2, 3 and 4 requests.
func histogramParams(op string) []golibvirt.TypedParam {
	fields := []string{"block.0.latency_histogram." + op + ".bin.count=4"}
	for i, start := range []uint64{0, 10_000, 1_048_576, 1_000_000_000} {
		bin := fmt.Sprintf("block.0.latency_histogram.%s.bin.%d.", op, i)
		fields = append(fields, fmt.Sprintf("%sstart=%d", bin, start), fmt.Sprintf("%svalue=%d", bin, i+1))
	}
	return typedParams(fields...)
}

func diskParams() []golibvirt.TypedParam {
	return typedParams("block.0.name=vda", "block.0.rd.times=1000000000", "block.0.wr.times=2000000000", "block.0.fl.times=3000000000")
}

func TestBinsCountInTheSlotOfTheirUpperEnd(t *testing.T) {
	for op, sum := range map[string]float64{"read": 1, "write": 2, "flush": 3} {
		t.Run(op, func(t *testing.T) {
			want := &model.Histogram{Sum: sum}
			want.Counts[model.Slot(10e-6)] = 1       // up to 2^-16 s
			want.Counts[model.Slot(0.001048576)] = 2 // over 2^-10 s
			want.Counts[model.Slot(1)] = 3
			want.Counts[model.Slots-1] = 4 // the last bin has no end
			g := filled(append(diskParams(), histogramParams(op)...))
			got := map[string]*model.Histogram{
				"read": g.IO[0].Read.Latency, "write": g.IO[0].Write.Latency, "flush": g.IO[0].Flush.Latency,
			}
			if diff := cmp.Diff(map[string]*model.Histogram{"read": nil, "write": nil, "flush": nil, op: want}, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestBinThatEndsAtAPowerOfTwo(t *testing.T) {
	g := filled(append(diskParams(), typedParams(
		"block.0.latency_histogram.read.bin.count=2",
		"block.0.latency_histogram.read.bin.0.start=0", "block.0.latency_histogram.read.bin.0.value=5",
		"block.0.latency_histogram.read.bin.1.start=500000000", "block.0.latency_histogram.read.bin.1.value=0",
	)...))
	if n := g.IO[0].Read.Latency.Counts[-1-model.MinExponent]; n != 5 { // the slot that ends at 2^-1 s
		t.Errorf("got %d, want 5: %v", n, g.IO[0].Read.Latency.Counts)
	}
}

func TestHistogramThatIsNotWholeIsAbsent(t *testing.T) {
	prefix := "block.0.latency_histogram.read."
	for name, tc := range map[string]struct {
		drop string   // parameter left out
		add  []string // parameters that come last
	}{
		"no count":              {drop: prefix + "bin.count"},
		"more than counted":     {add: []string{prefix + "bin.count=3"}},
		"fewer than counted":    {add: []string{prefix + "bin.count=5"}},
		"a million":             {add: []string{prefix + "bin.count=1000000", prefix + "bin.999999.start=1", prefix + "bin.999999.value=1"}},
		"beyond the bound":      {add: []string{prefix + "bin.128.value=1"}},
		"no start":              {drop: prefix + "bin.2.start"},
		"no value":              {drop: prefix + "bin.2.value"},
		"value of a wrong type": {add: []string{prefix + "bin.2.value=yes"}},
		"starts not in order":   {add: []string{prefix + "bin.2.start=10000"}},
		"no sum":                {drop: "block.0.rd.times"},
	} {
		t.Run(name, func(t *testing.T) {
			var params []golibvirt.TypedParam
			for _, p := range append(diskParams(), histogramParams("read")...) {
				if p.Field != tc.drop {
					params = append(params, p)
				}
			}
			g := filled(append(params, typedParams(tc.add...)...))
			if h := g.IO[0].Read.Latency; h != nil {
				t.Errorf("got %v", h)
			}
		})
	}
}

func TestZonesHaveNoHistogram(t *testing.T) {
	g := filled(append(diskParams(), histogramParams("zone")...))
	if io := &g.IO[0]; io.Read.Latency != nil || io.Write.Latency != nil || io.Flush.Latency != nil {
		t.Errorf("got %+v", io)
	}
}

func TestHistogramGoesWhenItIsSwitchedOff(t *testing.T) {
	var c carry
	g := new(model.Guest)
	c.fill(g, append(diskParams(), histogramParams("read")...))
	c.fill(g, diskParams())
	if h := g.IO[0].Read.Latency; h != nil {
		t.Errorf("got %v", h)
	}
}
