package alerts_test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/virt-exporter/virt_exporter/collector/source/fsprobe/threshold"
)

// limit is one series of the thresholds.
type limit struct {
	name, severity, class, op string
}

// The rules and the check of a single mount must give the same verdict.
func TestThresholdsAreThoseOfTheCheck(t *testing.T) {
	want := map[limit]float64{}
	for _, c := range threshold.Classes() {
		for _, op := range c.Ops {
			for severity, th := range map[string]threshold.Threshold{"warning": c.Warning, "critical": c.Critical} {
				want[limit{"virt_fs:overhead_ratio:threshold:default", severity, c.FSType, op}] = th.Ratio
				want[limit{"virt_fs:overhead_seconds:threshold:default", severity, c.FSType, op}] = th.Seconds
			}
		}
	}
	if diff := cmp.Diff(want, recordedLimits(t)); diff != "" {
		t.Errorf("rules differ from the table (-table +rules):\n%s", diff)
	}
}

var (
	vector  = regexp.MustCompile(`label_replace\(vector\(([0-9.]+)\), "op", "([a-z]+)", "", ""\)`)
	derived = regexp.MustCompile(`(?m)expr: (\S+)\{severity="(\w+)",class=""\} \* 0 \+ ([0-9.]+)$`)
	label   = regexp.MustCompile(`\b(severity|class): (\w+)`)
)

func recordedLimits(t *testing.T) map[limit]float64 {
	t.Helper()
	got := map[limit]float64{}
	add := func(l limit, text string) {
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			t.Fatal(err)
		}
		if _, again := got[l]; again {
			t.Errorf("%v is recorded twice", l)
		}
		got[l] = v
	}
	for _, r := range readRules(t) {
		if !strings.HasSuffix(r.name, ":threshold:default") || strings.HasPrefix(r.name, "virt:") {
			continue
		}
		labels := map[string]string{}
		for _, m := range label.FindAllStringSubmatch(r.value("labels"), -1) {
			labels[m[1]] = m[2]
		}
		for _, m := range vector.FindAllStringSubmatch(r.text, -1) {
			add(limit{r.name, labels["severity"], labels["class"], m[2]}, m[1])
		}
		// An overlay's are made of those without a class, for the same operations.
		for _, m := range derived.FindAllStringSubmatch(r.text, -1) {
			if m[1] != r.name || m[2] != labels["severity"] {
				t.Errorf("%s of %v is made of %s of %s", r.name, labels, m[1], m[2])
			}
			for l := range got {
				if l.name == r.name && l.severity == m[2] && l.class == "" {
					add(limit{r.name, m[2], labels["class"], l.op}, m[3])
				}
			}
		}
	}
	return got
}

func TestAlertsNeedThePairsOfTheTable(t *testing.T) {
	for _, r := range readRules(t) {
		if !strings.Contains(r.text, "virt_fs:overhead_") || !r.alert {
			continue
		}
		if want := "virt_fs:probe_pairs:recent >= " + strconv.Itoa(threshold.MinPairs) + "\n"; !strings.Contains(r.text, want) {
			t.Errorf("%s does not ask for %q", r.name, want)
		}
	}
}
