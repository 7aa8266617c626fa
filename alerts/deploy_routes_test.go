package alerts_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// kubePrometheusRoutes are the routes and receivers that kube-prometheus brings along.
const kubePrometheusRoutes = `
route:
  receiver: Default
  group_by: [namespace]
  routes:
    - {matchers: [alertname = Watchdog], receiver: Watchdog}
    - {matchers: [alertname = InfoInhibitor], receiver: "null"}
    - {matchers: [severity = critical], receiver: Critical}
receivers: [{name: Default}, {name: Watchdog}, {name: Critical}, {name: "null"}]
`

// Where an Alertmanager is there already, whose own rules leave these alerts alone, the
// lines of the runbook keep those of severity info from people.
func TestRunbookRoutesInAnAlertmanagerThatIsThere(t *testing.T) {
	amtool := findAmtool(t)
	type config struct {
		Route struct {
			Receiver string   `yaml:"receiver"`
			GroupBy  []string `yaml:"group_by,omitempty"`
			Routes   []any    `yaml:"routes"`
		} `yaml:"route"`
		Receivers []map[string]string `yaml:"receivers"`
	}
	var theirs, lines config
	for text, to := range map[string]*config{kubePrometheusRoutes: &theirs, alertmanagerLines(t): &lines} {
		if err := yaml.Unmarshal([]byte(text), to); err != nil {
			t.Fatal(err)
		}
	}
	// The two that have a receiver go in front; the others only say how alerts are put together.
	theirs.Route.Routes = append(lines.Route.Routes[:2:2], theirs.Route.Routes...)
	theirs.Receivers = append(theirs.Receivers, map[string]string{"name": "dead-mans-switch"}, map[string]string{"name": "nobody"})
	text, err := yaml.Marshal(theirs)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "alertmanager.yml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	for alert, receiver := range map[string]string{
		"alertname=VirtWatchdog severity=info":           "dead-mans-switch",
		"alertname=VirtMonitoringBlind severity=info":    "nobody",
		"alertname=VirtMonitoringBlind severity=warning": "Default",
		"alertname=VirtShareHung severity=critical":      "Critical",
		"alertname=CPUThrottlingHigh severity=info":      "Default",
		"alertname=Watchdog severity=none":               "Watchdog",
	} {
		args := append([]string{"config", "routes", "test", "--config.file=" + file, "--verify.receivers=" + receiver}, strings.Fields(alert)...)
		if out, err := exec.CommandContext(t.Context(), amtool, args...).CombinedOutput(); err != nil {
			t.Errorf("%s is not for %s: %v\n%s", alert, receiver, err, out)
		}
	}
}
