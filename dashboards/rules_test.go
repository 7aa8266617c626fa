package dashboards

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/virt-exporter/virt_exporter/alerts"
)

// bundledThresholds returns the thresholds of the rule files by alert and, where it
// has some, resource; those of special cases are left out.
func bundledThresholds(t *testing.T) map[string]limit {
	t.Helper()
	b, err := fs.ReadFile(alerts.Rules(), "thresholds.rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct {
			Rules []struct {
				Record string            `yaml:"record"`
				Labels map[string]string `yaml:"labels"`
				Expr   string            `yaml:"expr"`
			} `yaml:"rules"`
		} `yaml:"groups"`
	}
	if err := yaml.Unmarshal(b, &file); err != nil {
		t.Fatal(err)
	}
	found := map[string]limit{}
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			if r.Record != "virt:alert_threshold:default" || r.Labels["op"] != "" || r.Labels["fallback"] != "" {
				continue
			}
			name := r.Labels["alert"]
			if resource := r.Labels["resource"]; resource != "" {
				name += "/" + resource
			}
			var value float64
			if _, err := fmt.Sscanf(strings.TrimSpace(r.Expr), "vector(%g)", &value); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			l := found[name]
			switch r.Labels["severity"] {
			case "critical":
				l.critical = value
			case "info":
				l.note = value
			default:
				l.warning = value
			}
			found[name] = l
		}
	}
	return found
}

func TestColoursAgreeWithAlerts(t *testing.T) {
	bundled := bundledThresholds(t)
	for alert, have := range limits() {
		if want, ok := bundled[alert]; !ok || have != want {
			t.Errorf("%s: panels change their colour at %v, the alert is raised at %v", alert, have, want)
		}
	}
}
