package threshold_test

import (
	"math"
	"testing"

	"github.com/virt-exporter/virt_exporter/collector/source/fsprobe/threshold"
)

func TestThresholdsOfAnOperationAreThoseOfItsClass(t *testing.T) {
	tests := []struct {
		op, fstype        string
		warning, critical threshold.Threshold
	}{
		{"stat", "virtiofs", threshold.Threshold{Ratio: 20, Seconds: 500e-6}, threshold.Threshold{Ratio: 50, Seconds: 2e-3}},
		{"lookup", "9p", threshold.Threshold{Ratio: 20, Seconds: 500e-6}, threshold.Threshold{Ratio: 50, Seconds: 2e-3}},
		{"statfs", "", threshold.Threshold{Ratio: 20, Seconds: 500e-6}, threshold.Threshold{Ratio: 50, Seconds: 2e-3}},
		{"read", "virtiofs", threshold.Threshold{Ratio: 5, Seconds: 300e-6}, threshold.Threshold{Ratio: 15, Seconds: 2e-3}},
		{"write", "nfs4", threshold.Threshold{Ratio: 3, Seconds: 2e-3}, threshold.Threshold{Ratio: 10, Seconds: 20e-3}},
		{"rename", "ext4", threshold.Threshold{Ratio: 20, Seconds: 1e-3}, threshold.Threshold{Ratio: 50, Seconds: 5e-3}},
		{"readdir", "fuse.sshfs", threshold.Threshold{Ratio: 20, Seconds: 2e-3}, threshold.Threshold{Ratio: 50, Seconds: 20e-3}},
		{"stat", "overlay", threshold.Threshold{Ratio: 3, Seconds: 100e-6}, threshold.Threshold{Ratio: 10, Seconds: 1e-3}},
		{"write", "overlay", threshold.Threshold{Ratio: 3, Seconds: 100e-6}, threshold.Threshold{Ratio: 10, Seconds: 1e-3}},
		{"lookup", "fuse.fuse-overlayfs", threshold.Threshold{Ratio: 20, Seconds: 500e-6}, threshold.Threshold{Ratio: 50, Seconds: 2e-3}},
	}
	for _, tt := range tests {
		t.Run(tt.op+" on "+tt.fstype, func(t *testing.T) {
			warning, critical := threshold.For(tt.op, tt.fstype)
			if warning != tt.warning || critical != tt.critical {
				t.Errorf("got %+v and %+v, want %+v and %+v", warning, critical, tt.warning, tt.critical)
			}
		})
	}
}

func TestUnknownOperationIsNeverTooSlow(t *testing.T) {
	for _, fstype := range []string{"virtiofs", "overlay"} {
		warning, critical := threshold.For("mmap", fstype)
		if warning.Exceeded(1e9, 1e9) || critical.Exceeded(1e9, 1e9) {
			t.Errorf("%s: got %+v and %+v, want thresholds that nothing exceeds", fstype, warning, critical)
		}
	}
}

func TestOverheadIsTooHighOnlyAboveBothFigures(t *testing.T) {
	limit := threshold.Threshold{Ratio: 20, Seconds: 500e-6}
	tests := []struct {
		name           string
		ratio, seconds float64
		want           bool
	}{
		{"above both", 21, 501e-6, true},
		{"at both", 20, 500e-6, false},
		{"a healthy FUSE mount: 58 times a reference of 2 µs", 58, 113e-6, false},
		{"a slow disk below both sides", 1.2, 3e-3, false},
		{"no bounds", math.NaN(), math.NaN(), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := limit.Exceeded(tt.ratio, tt.seconds); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestCriticalIsAboveWarning(t *testing.T) {
	for _, c := range threshold.Classes() {
		if c.Critical.Ratio <= c.Warning.Ratio || c.Critical.Seconds <= c.Warning.Seconds {
			t.Errorf("%v: critical %+v is not above warning %+v", c.Ops, c.Critical, c.Warning)
		}
		if c.Warning.Ratio <= 1 || c.Warning.Seconds <= 0 {
			t.Errorf("%v: warning %+v lets no overhead pass", c.Ops, c.Warning)
		}
	}
}

// Each operation has one row, and one more for each type of file system.
func TestNoOperationHasTwoClasses(t *testing.T) {
	type key struct{ op, fstype string }
	seen := map[key]bool{}
	for _, c := range threshold.Classes() {
		for _, op := range c.Ops {
			if k := (key{op, c.FSType}); seen[k] {
				t.Errorf("%s on %q is there twice", op, c.FSType)
			} else {
				seen[k] = true
			}
		}
	}
	if len(seen) != 18 {
		t.Errorf("got %d operations, want the nine that are probed, each twice", len(seen))
	}
}
