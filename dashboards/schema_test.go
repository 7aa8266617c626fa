package dashboards_test

import (
	"io/fs"
	"strings"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/bargauge"
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/heatmap"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/statetimeline"
	"github.com/grafana/grafana-foundation-sdk/go/table"
	"github.com/grafana/grafana-foundation-sdk/go/text"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"

	"github.com/virt-exporter/virt_exporter/dashboards"
)

// besides lists what the types of today do not have.
func besides(problem string) bool {
	for _, known := range []string{
		"HeatmapTooltip: unexpected field 'show'", // its name up to Grafana 10.1
		// What an annotation asks Prometheus for is its data source's own.
		"AnnotationQuery: unexpected field 'step'", "AnnotationQuery: unexpected field 'titleFormat'",
		"AnnotationQuery: unexpected field 'textFormat'", "AnnotationQuery: unexpected field 'tagKeys'",
		"AnnotationQuery: unexpected field 'useValueForTime'",
	} {
		if strings.HasSuffix(problem, known) {
			return true
		}
	}
	return false
}

// The files are what Grafana's own types say, of the panels' options too.
func TestGrafanaReadsTheFiles(t *testing.T) {
	runtime := cog.NewRuntime()
	runtime.RegisterPanelcfgVariant(stat.VariantConfig())
	runtime.RegisterPanelcfgVariant(bargauge.VariantConfig())
	runtime.RegisterPanelcfgVariant(timeseries.VariantConfig())
	runtime.RegisterPanelcfgVariant(table.VariantConfig())
	runtime.RegisterPanelcfgVariant(heatmap.VariantConfig())
	runtime.RegisterPanelcfgVariant(statetimeline.VariantConfig())
	runtime.RegisterPanelcfgVariant(text.VariantConfig())
	runtime.RegisterDataqueryVariant(prometheus.VariantConfig())

	names, err := fs.Glob(dashboards.Files(), "*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		b, err := fs.ReadFile(dashboards.Files(), name)
		if err != nil {
			t.Fatal(err)
		}
		var read dashboard.Dashboard
		if err := read.UnmarshalJSONStrict(b); err != nil {
			for line := range strings.Lines(err.Error()) {
				if problem := strings.TrimSpace(line); !besides(problem) {
					t.Errorf("%s: %s", name, problem)
				}
			}
		}
	}
}
