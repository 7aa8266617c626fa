package blame

import (
	"math"
	"testing"
	"time"
)

func TestLikenessOfCourses(t *testing.T) {
	const n = 60
	square := func(i int) float64 { return 1 + float64(i/3%2) }
	tests := []struct {
		name      string
		n         int
		wait, run func(int) float64
		want      float64
	}{
		{"together", n, square, square, 1},
		{"in turns", n, square, func(i int) float64 { return 3 - square(i) }, 0},
		{"one is constant", n, square, func(int) float64 { return 1 }, 1},
		{"too few samples", 11, square, func(i int) float64 { return 3 - square(i) }, 1},
		{"nothing known", n, square, func(int) float64 { return math.NaN() }, 1},
		{"the victim waits on in a pause", n, func(int) float64 { return 1 }, func(i int) float64 { return min(float64(i/4), 1) }, 0.5},
		{"the victim recovers in a pause", n, func(i int) float64 { return 0.1 + min(float64(i/4), 1) }, func(i int) float64 { return min(float64(i/4), 1) }, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var c sampleClock
			victim, suspect := newHistory(1), newHistory(1)
			for i := range tt.n {
				at := c.next(time.Duration(i) * 5 * time.Second)
				victim.put(at, 0, tt.wait(i), true, true)
				suspect.put(at, tt.run(i), 0, true, true)
			}
			if got := c.likeness(victim, suspect); math.Abs(got-tt.want) > 1e-6 {
				t.Errorf("likeness is %v, want %v", got, tt.want)
			}
		})
	}
}

func TestSamplesThatAreMissingOrOldSayNothing(t *testing.T) {
	h := newHistory(1)
	h.put(1, 5, 5, true, true)
	h.put(4, 6, 6, true, true)
	for n, want := range map[int]bool{1: true, 2: false, 3: false, 4: true} {
		if got := h.run[n] == h.run[n]; got != want {
			t.Errorf("sample %d is known: %v, want %v", n, got, want)
		}
	}
	if h.put(4+uint64(slots), 0, 0, false, true) {
		t.Error("a history in which nothing happens is kept")
	}
	var c sampleClock
	for i := range 30 {
		c.next(time.Duration(i) * time.Minute)
	}
	if got := c.oldest(); got != 20 {
		t.Errorf("the oldest sample is the %dth, want that of ten minutes ago, the 20th", got)
	}
	for range 2 * slots {
		c.next(30 * time.Minute)
	}
	if got := c.oldest(); got != c.last-uint64(slots)+1 {
		t.Errorf("the oldest of %d samples is the %dth", c.last, got)
	}
}
