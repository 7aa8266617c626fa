package collector

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestGuestsMayMuteAlerts(t *testing.T) {
	tests := []struct {
		name, value string
		want        []string
	}{
		{"one", "VirtNoisyNeighbour", []string{"VirtNoisyNeighbour"}},
		{"several, and one twice", "A, B,A", []string{"A", "B"}},
		{"all", "all", []string{"all"}},
		{"nothing", "", nil},
		{"what no alert is called", `a b,{},"x",,VirtX`, []string{"VirtX"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, muted([]string{"other", tt.value}, []int{1, 7})); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
	if n := len(muted([]string{strings.Repeat("A,B,C,", 10_000) + manyAlerts()}, []int{0})); n != maxAlerts {
		t.Errorf("%d alerts, want %d", n, maxAlerts)
	}
}

func manyAlerts() string {
	var names []string
	for i := range 1000 {
		names = append(names, "Alert"+strings.Repeat("X", i%100))
	}
	return strings.Join(names, ",")
}

func TestGuestsMayHaveThresholdsOfTheirOwn(t *testing.T) {
	got := thresholds([]string{" A=0.25, B = 3 ,A=7,C=,D,E=-1,F=NaN,G=+Inf,H=1e400,=3,x y=1,I=0"}, []int{0})
	want := []ownThreshold{{"A", 0.25}, {"B", 3}, {"I", 0}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(ownThreshold{})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestLabelsForAlertsAreNotShown(t *testing.T) {
	cfg := DefaultConfig()
	cfg.GuestLabels, cfg.Libvirt.Metadata = []string{"team", "mute"}, []string{"tier=info/@tier", "own=info/own"}
	cfg.MuteLabel, cfg.ThresholdLabel = "mute", "own"
	got, err := planLabels(cfg)
	if err != nil {
		t.Fatal(err)
	}
	want := labelPlan{names: []string{"label_team", "label_mute", "", "label_tier", "label_own"}, mute: []int{1}, threshold: []int{2, 4}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(labelPlan{})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"team", "mute", "own"}, cfg.containerLabels()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
