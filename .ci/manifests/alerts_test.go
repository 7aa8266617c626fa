package manifests

import (
	"maps"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/relabel"
)

// commented returns what lines of the DaemonSet that are comments would give the alerter
// by a flag.
func commented(t *testing.T, flag string) (values []string) {
	t.Helper()
	line := regexp.MustCompile(`(?m)^ +# - --` + regexp.QuoteMeta(flag) + `=(.*)$`)
	for _, m := range line.FindAllStringSubmatch(string(read(t, filepath.Join(dir, "daemonset.yaml"))), -1) {
		values = append(values, m[1])
	}
	return values
}

// alert returns the labels of an alert of this node.
func alert(name string) map[string]string {
	labels := map[string]string{"alertname": name, "severity": "warning"}
	maps.Copy(labels, wantTargets()["exporter"])
	return labels
}

// sentByOperators returns the labels with which the operator's Prometheus sends an alert,
// with what is relabelled besides.
func sentByOperators(name string, more ...*relabel.Config) map[string]string {
	labels := alert(name)
	maps.Copy(labels, map[string]string{"prometheus": "monitoring/k8s", "prometheus_replica": "prometheus-k8s-0"})
	drop := &relabel.Config{Action: relabel.LabelDrop, Regex: relabel.MustNewRegexp("prometheus_replica")}
	labels, _ = relabelled(labels, append([]*relabel.Config{drop}, more...))
	return labels
}

// Alerts that differ in a label are two for Alertmanager. The operator gives its
// Prometheus two external labels, and takes one of them from alerts again:
// buildExternalLabels and generateAlertingConfig in its pkg/prometheus/promcfg.go.
func TestOperatorsPrometheusAndAlerterMakeOneAlert(t *testing.T) {
	ofPrometheus, ofAlerter := sentByOperators("VirtNodeStealHigh"), alert("VirtNodeStealHigh")
	if cmp.Equal(ofPrometheus, ofAlerter) {
		t.Error("they are one without any external label")
	}
	for _, label := range commented(t, "external.label") {
		name, value, _ := strings.Cut(label, "=")
		ofAlerter[name] = value
	}
	if diff := cmp.Diff(ofPrometheus, ofAlerter); diff != "" {
		t.Errorf("labels (- of Prometheus' alert, + of the alerter's):\n%s", diff)
	}
}

// The other way: the operator's Prometheus sends these alerts without its name.
func TestRelabelledAlertsAreTheAlerters(t *testing.T) {
	m := regexp.MustCompile(`(?m)^- \{source_labels: \[alertname\].*$`).Find(read(t, filepath.Join(dir, "README.md")))
	if m == nil {
		t.Fatal("README.md relabels no alerts")
	}
	configs := load(t, "alerting: {alert_relabel_configs: ["+string(m[len("- "):])+"]}").AlertingConfig.AlertRelabelConfigs
	if diff := cmp.Diff(alert("VirtNodeStealHigh"), sentByOperators("VirtNodeStealHigh", configs...)); diff != "" {
		t.Errorf("labels (- of the alerter's alert, + of Prometheus'):\n%s", diff)
	}
	if got := sentByOperators("KubeNodeNotReady", configs...); got["prometheus"] == "" {
		t.Errorf("somebody else's alert is %v", got)
	}
}
