package engine

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// troubleMetrics counts what the page of alerts shows as troubles, so that the two
// never differ. Who evaluates it is another program: this one may be the trouble.
type troubleMetrics struct{ pages *pages }

func troublesDesc() *prometheus.Desc {
	return prometheus.NewDesc("virt_alerter_troubles",
		"Why alerts may be missing, as the page of alerts shows it: how many of each kind are known now.",
		[]string{"trouble"}, nil)
}

// Describe implements prometheus.Collector.
func (m troubleMetrics) Describe(ch chan<- *prometheus.Desc) { ch <- troublesDesc() }

// Collect implements prometheus.Collector.
func (m troubleMetrics) Collect(ch chan<- prometheus.Metric) {
	byKind := m.pages.troublesByKind(time.Now())
	for _, kind := range kinds() {
		metric, err := prometheus.NewConstMetric(troublesDesc(), prometheus.GaugeValue, float64(len(byKind[kind])), kind)
		if err != nil {
			metric = prometheus.NewInvalidMetric(troublesDesc(), err)
		}
		ch <- metric
	}
}
