package dashboards

import (
	"fmt"
	"io/fs"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/virt-exporter/virt_exporter/alerts"
)

// bundledThresholds returns the thresholds of the rule files by alert and, where it
// has some, resource or operation; those of special cases are left out.
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
			if r.Record != "virt:alert_threshold:default" || r.Labels["fallback"] != "" {
				continue
			}
			name := r.Labels["alert"]
			for _, label := range []string{"resource", "op"} {
				if of := r.Labels[label]; of != "" {
					name += "/" + of
				}
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

// Screens must show each of the alerts, and not what says that alerts are evaluated.
func TestScreensKnowAllAlerts(t *testing.T) {
	expr, ok := strings.CutPrefix(strings.TrimSuffix(ourAlerts, `"`), `alertname=~"`)
	ours, err := regexp.Compile("^(?:" + expr + ")$")
	if !ok || err != nil {
		t.Fatalf("%s: %v", ourAlerts, err)
	}
	files, err := fs.Glob(alerts.Rules(), "*.rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, file := range files {
		b, err := fs.ReadFile(alerts.Rules(), file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^ +- alert: (\S+)$`).FindAllSubmatch(b, -1) {
			names[string(m[1])] = true
		}
	}
	if !names["VirtWatchdog"] || !names["VirtExporterDown"] {
		t.Fatalf("these cannot be all alerts: %v", names)
	}
	for name := range names {
		if beats := name == "VirtWatchdog"; ours.MatchString(name) == beats {
			t.Errorf("%s: screens show it: %t", name, beats)
		}
	}
}

// What is a multiple of the warning has the colour of a page where the alert pages.
func TestMultiplesAreRedWhereTheAlertPages(t *testing.T) {
	bundled := bundledThresholds(t)
	d := wall()
	for title, alert := range map[string]string{
		"CPU": "VirtGuestCPUStealHigh", "Memory": "VirtGuestMemoryPressureHigh", "Disk": "VirtGuestIOLatencyHigh",
		"Noisy neighbours: victim ← culprit": "VirtNoisyNeighbour/io",
		"File systems":                       "", // what pages has thresholds of its own, by operation
	} {
		want, l := 0.0, bundled[alert]
		if l.critical > 0 {
			want = l.critical / l.warning
		}
		i := slices.IndexFunc(d.Panels(), func(p Panel) bool { return p.Title == title })
		have := 0.0
		for _, s := range d.Panels()[i].Steps {
			if s.Color == critical {
				have = s.From
			}
		}
		if math.Abs(have-want) > 0.001 {
			t.Errorf("%s is red from ×%g on, %q pages from ×%g on (0: not at all)", title, have, alert, want)
		}
	}
	if slices.ContainsFunc(hurtSteps(), func(s Step) bool { return s.Color == critical }) {
		t.Error("what guests wait for is red in tables, at a multiple at which not every alert pages")
	}
}

func TestColoursAgreeWithAlerts(t *testing.T) {
	bundled := bundledThresholds(t)
	for alert, have := range limits() {
		if want, ok := bundled[alert]; !ok || have != want {
			t.Errorf("%s: panels change their colour at %v, the alert is raised at %v", alert, have, want)
		}
	}
}
