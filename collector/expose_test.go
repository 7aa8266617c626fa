package collector

import (
	"math"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// thing is something with one value and one label.
type thing struct {
	value model.Opt
	label string
	hist  *model.Histogram
}

func thingTable() *table[model.Name, thing] {
	return newTable([]row[thing]{
		{name: "a_total", typ: counter, labels: []string{"op"}, values: func(v *thing, s *series) { s.add(v.value, v.label) }},
		{name: "b_seconds", typ: histo, values: func(v *thing, s *series) { s.histogram(v.hist) }},
	}, nameLabels)
}

func expose(t *table[model.Name, thing], things map[model.Name]thing) []*dto.MetricFamily {
	t.begin()
	for name, v := range things {
		t.add(name, &v)
	}
	return t.end(nil)
}

func TestSeriesAreKeptFromScrapeToScrape(t *testing.T) {
	tab := thingTable()
	name := model.Name{Kind: model.Container, Runtime: "docker", Guest: "web"}
	first := expose(tab, map[model.Name]thing{name: {value: model.Some(1), label: "read"}})[0].Metric[0]
	if got := first.String(); got == "" || first.GetCounter().GetValue() != 1 {
		t.Fatalf("first: %v", got)
	}
	for i, want := range []string{"guest", "kind", "op", "runtime"} {
		if got := first.Label[i].GetName(); got != want {
			t.Errorf("label %d is %s, want %s", i, got, want)
		}
	}
	second := expose(tab, map[model.Name]thing{name: {value: model.Some(2), label: "read"}})[0].Metric[0]
	if second != first || second.GetCounter().GetValue() != 2 {
		t.Errorf("the series was made anew or has an old value: %v", second)
	}
	third := expose(tab, map[model.Name]thing{name: {value: model.Some(3), label: "write"}})[0].Metric[0]
	if third == first || third.Label[2].GetValue() != "write" {
		t.Errorf("other labels, the same series: %v", third)
	}
}

func TestWhatIsAbsentHasNoSeriesAndNoFamily(t *testing.T) {
	tab := thingTable()
	name := model.Name{Guest: "x"}
	if got := expose(tab, map[model.Name]thing{name: {}}); len(got) != 0 {
		t.Errorf("families of nothing: %v", got)
	}
	if got := expose(tab, map[model.Name]thing{name: {value: model.Some(0)}}); len(got) != 1 {
		t.Errorf("a zero that is there has no series: %v", got)
	}
	expose(tab, nil)
	if len(tab.cache) != 0 {
		t.Errorf("%d things are remembered that are gone", len(tab.cache))
	}
}

func TestHistogramsHaveExactClassicAndNativeBuckets(t *testing.T) {
	var h model.Histogram
	for _, d := range []time.Duration{0, 500 * time.Nanosecond, time.Millisecond, time.Second, 1001 * time.Millisecond, 17 * time.Second, time.Hour} {
		h.Observe(d)
	}
	tab := thingTable()
	got := expose(tab, map[model.Name]thing{{}: {hist: &h}})[0].Metric[0].GetHistogram()
	if got.GetSampleCount() != 7 {
		t.Errorf("%d observations", got.GetSampleCount())
	}
	classic := map[float64]uint64{math.Ldexp(1, -20): 2, math.Ldexp(1, -10): 2, math.Ldexp(1, -8): 3, 1: 4, 4: 5, 16: 5}
	if len(got.Bucket) != 13 {
		t.Errorf("%d classic buckets, want 13", len(got.Bucket))
	}
	for _, b := range got.Bucket {
		if want, ok := classic[b.GetUpperBound()]; ok && b.GetCumulativeCount() != want {
			t.Errorf("bucket up to %v holds %d, want %d", b.GetUpperBound(), b.GetCumulativeCount(), want)
		}
	}
	native := make(map[int]int64) // by upper bound, as a power of two
	var count, sum int64
	index := int(got.PositiveSpan[0].GetOffset())
	for i, delta := range got.PositiveDelta {
		count += delta
		sum += count
		native[index+i] = count
	}
	if sum != 7 || native[-20] != 2 || native[-9] != 1 || native[0] != 1 || native[1] != 1 || native[5] != 1 || native[11] != 1 {
		t.Errorf("native buckets: %v", native)
	}
	if len(got.PositiveDelta) != int(got.PositiveSpan[0].GetLength()) {
		t.Error("span and deltas differ in length")
	}
}

func TestSlotsEndAtPowersOfTwo(t *testing.T) {
	tests := []struct {
		seconds float64
		want    int
	}{
		{-1, 0},
		{0, 0},
		{math.NaN(), 0},
		{math.Ldexp(1, -20), 0},
		{math.Nextafter(math.Ldexp(1, -20), 1), 1},
		{1, 20},
		{math.Nextafter(1, 2), 21},
		{1024, 30},
		{1025, 31},
		{math.Inf(1), 31},
	}
	for _, tt := range tests {
		if got := model.Slot(tt.seconds); got != tt.want {
			t.Errorf("%v s is in slot %d, want %d", tt.seconds, got, tt.want)
		}
	}
}
