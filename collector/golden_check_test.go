package collector_test

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/virt-exporter/virt_exporter/collector"
)

// How many series a container, a virtual machine and a mount may have by default.
const (
	maxSeries        = 60
	maxMachineSeries = 250
	maxMountSeries   = 120
)

// checkExposition holds an exposition to what promtool, Prometheus and our own
// rules ask of it.
func checkExposition(t *testing.T, text string) {
	t.Helper()
	if !utf8.ValidString(text) {
		t.Error("the exposition is no UTF-8")
	}
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil {
		t.Fatalf("promlint: %v", err)
	}
	for _, p := range problems {
		t.Errorf("promlint: %s: %s", p.Metric, p.Text)
	}
	checkOrder(t, text)
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	known := collector.Families()
	seriesOf := make(map[string]int)
	for name, f := range families {
		if !slices.ContainsFunc(known, func(k collector.Family) bool { return k.Name == name }) {
			t.Errorf("%s is not in the table", name)
		}
		if f.GetHelp() == "" || f.GetType() == dto.MetricType_UNTYPED {
			t.Errorf("%s has no HELP or no TYPE", name)
		}
		for _, m := range f.Metric {
			if subject := subjectOf(m); subject != "" {
				seriesOf[subject]++
			}
		}
	}
	for subject, n := range seriesOf {
		most := maxSeries
		switch {
		case strings.HasPrefix(subject, "mount "):
			most = maxMountSeries
		case strings.Contains(subject, "/vm/"):
			most = maxMachineSeries
		}
		if n > most {
			t.Errorf("%s has %d series, at most %d are allowed", subject, n, most)
		}
	}
}

// checkOrder checks that families come once and in the order of their names,
// and that no series comes twice.
func checkOrder(t *testing.T, text string) {
	t.Helper()
	last := ""
	seen := make(map[string]bool)
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, "# TYPE "); ok {
			name, _, _ := strings.Cut(rest, " ")
			if name <= last {
				t.Errorf("%s comes after %s", name, last)
			}
			last = name
		}
		if strings.HasPrefix(line, "#") {
			continue
		}
		series := line[:strings.LastIndexByte(line, ' ')]
		if seen[series] {
			t.Errorf("%s comes twice", series)
		}
		seen[series] = true
	}
}

// subjectOf returns the guest or the mount that a series is of, and nothing for
// other series.
func subjectOf(m *dto.Metric) string {
	var name []string
	for _, l := range m.Label {
		switch l.GetName() {
		case "mountpoint":
			return "mount " + l.GetValue()
		case "guest", "kind", "runtime":
			name = append(name, l.GetValue())
		}
	}
	return strings.Join(name, "/")
}
