package source_test

import (
	"testing"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
	"github.com/virt-exporter/virt_exporter/collector/source"
)

func TestCoverageComparesWhatWasSeenWithWhatWasCharged(t *testing.T) {
	var c source.Coverage
	for _, step := range []struct {
		what       string
		now        time.Duration
		run, usage float64
		want       model.Opt
	}{
		{"of nothing it is absent", time.Second, 1, 1, model.Opt{}},
		{"a part", 11 * time.Second, 2, 5, model.Some(0.25)},
		{"never over 1", time.Hour, 100, 50, model.Some(1)},
		{"what was seen began anew", 2 * time.Hour, 0, 150, model.Some(0)},
	} {
		got := c.Update(step.now, step.run, step.usage)
		if v, ok := got.Get(); (got == model.Opt{}) != (step.want == model.Opt{}) || ok && v-step.want.Or(0) > 1e-4 {
			t.Errorf("%s: %v, want %v", step.what, got, step.want)
		}
	}
}
