package alerts_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// inhibitRule mutes targets while a source fires, where the labels are equal.
type inhibitRule struct {
	Source []string `yaml:"source_matchers"`
	Target []string `yaml:"target_matchers"`
	Equal  []string `yaml:"equal"`
}

// alertmanagerLines returns the one block of the runbook that is for Alertmanager.
func alertmanagerLines(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("RUNBOOK.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$").FindAllStringSubmatch(string(text), -1)
	if len(blocks) != 1 {
		t.Fatalf("RUNBOOK.md has %d blocks of YAML: people paste them into one file", len(blocks))
	}
	return blocks[0][1]
}

func inhibitRules(t *testing.T) []inhibitRule {
	t.Helper()
	var lines struct {
		Inhibit []inhibitRule `yaml:"inhibit_rules"`
	}
	if err := yaml.Unmarshal([]byte(alertmanagerLines(t)), &lines); err != nil {
		t.Fatal(err)
	}
	if len(lines.Inhibit) < 10 {
		t.Fatalf("%d inhibit rules", len(lines.Inhibit))
	}
	return lines.Inhibit
}

var matcher = regexp.MustCompile(`^(\w+) *(=~|!~|!=|=) *"?([^"]*)"?$`)

// matches tells whether an alert with these labels can be meant. Labels that are
// not given may have any value.
func matches(t *testing.T, matchers []string, labels map[string]string) bool {
	t.Helper()
	for _, text := range matchers {
		m := matcher.FindStringSubmatch(text)
		if m == nil {
			t.Fatalf("no matcher: %q", text)
		}
		value, given := labels[m[1]]
		if !given {
			continue
		}
		is := value == m[3]
		if strings.HasSuffix(m[2], "~") {
			is = regexp.MustCompile("^(?:" + m[3] + ")$").MatchString(value)
		}
		if is == strings.HasPrefix(m[2], "!") {
			return false
		}
	}
	return true
}

func (r inhibitRule) mutes(t *testing.T, source, target map[string]string) bool {
	t.Helper()
	for _, label := range r.Equal {
		if source[label] != target[label] {
			return false
		}
	}
	return matches(t, r.Source, source) && matches(t, r.Target, target)
}

func TestLinesForAlertmanagerAreValid(t *testing.T) {
	amtool, err := exec.LookPath("amtool")
	if err != nil {
		t.Skip("amtool is not installed")
	}
	config := strings.Replace(alertmanagerLines(t), "route:\n", "route:\n  receiver: all\n", 1) +
		"receivers: [{name: all}, {name: dead-mans-switch}, {name: nobody}]\n"
	file := filepath.Join(t.TempDir(), "alertmanager.yml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), amtool, "check-config", file).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// Who sleeps through a warning must still be woken by the page. Only where nothing
// is heard any more is a page of what was heard before of no use.
func TestNoWarningMutesAPage(t *testing.T) {
	severities := []string{"info", "warning", "critical"}
	for i, inhibit := range inhibitRules(t) {
		sources, targets := 0, 0
		for _, source := range parsedRules(t) {
			from := map[string]string{"alertname": source.Alert, "severity": source.Labels["severity"]}
			if source.Alert == "" || !matches(t, inhibit.Source, from) {
				continue
			}
			sources++
			for _, target := range parsedRules(t) {
				to := map[string]string{"alertname": target.Alert, "severity": target.Labels["severity"]}
				if target.Alert == "" || !matches(t, inhibit.Target, to) {
					continue
				}
				targets++
				if source.Alert != "VirtExporterDown" && slices.Index(severities, from["severity"]) < slices.Index(severities, to["severity"]) {
					t.Errorf("inhibit rule %d: %v mutes %v", i, from, to)
				}
			}
		}
		if sources == 0 || targets == 0 {
			t.Errorf("inhibit rule %d has %d sources and %d targets", i, sources, targets)
		}
	}
}

func TestLinesForAlertmanagerMuteWhatTheyShould(t *testing.T) {
	on := func(labels string) map[string]string {
		all := map[string]string{"job": "virt", "instance": "n1", "vm_host": "", "kind": "", "runtime": "", "guest": "", "feature": ""}
		for _, l := range strings.Fields(labels) {
			name, value, _ := strings.Cut(l, "=")
			all[name] = value
		}
		return all
	}
	const (
		node  = "alertname=VirtNodeStealHigh severity=warning"
		steal = "alertname=VirtGuestCPUStealHigh kind=vm runtime=qemu guest=web severity="
		blind = "alertname=VirtMonitoringBlind severity=warning blind="
	)
	for _, test := range []struct {
		source, target string
		want           bool
	}{
		{node, steal + "warning", true},
		{node, steal + "critical", false},
		{"alertname=VirtNodeStealHigh severity=critical", steal + "critical", false},
		{node, steal + "warning vm_host=esx7", false},
		{node, steal + "warning instance=n2", false},
		{steal + "critical", steal + "warning", true},
		{"alertname=VirtSourceFailing severity=warning source=cgroup", blind + "steal", true},
		{"alertname=VirtSourceFailing severity=warning source=cgroup", blind + "limit", false},
		{"alertname=VirtSourceFailing severity=warning source=fsprobe", blind + "steal", false},
		{"alertname=VirtSourceFailing severity=warning source=cgroup", blind + "feature feature=cgroups", true},
		{"alertname=VirtSourceFailing severity=warning source=cgroup", blind + "feature feature=processes", false},
		{"alertname=VirtSourceFailing severity=warning source=cgroup", blind + "steal vm_host=esx7", false},
		{"alertname=VirtSourceFailing severity=warning source=vmm", blind + "steal", true},
		{"alertname=VirtSourceFailing severity=warning source=vmm", blind + "feature feature=vcpu_threads", true},
		{"alertname=VirtSourceFailing severity=warning source=vmm", blind + "feature feature=cgroups", false},
		{"alertname=VirtSourceFailing severity=warning source=libvirt", blind + "steal vm_host=esx7", true},
		{"alertname=VirtSourceFailing severity=warning source=libvirt", blind + "feature feature=cgroups", false},
		{"alertname=VirtExporterDown severity=critical", blind + "steal", true},
		{"alertname=VirtExporterDown severity=critical instance=127.0.0.1:9971", blind + "steal instance=127.0.0.1:9971", false},
		{"alertname=VirtExporterDown severity=critical instance=localhost:9971", blind + "steal instance=localhost:9971", false},
		{"alertname=VirtExporterDown severity=critical instance=[::1]:9971", blind + "steal instance=[::1]:9971", false},
		{"alertname=VirtExporterDown severity=critical instance=host127.1:9971", blind + "steal instance=host127.1:9971", true},
		{"alertname=VirtExporterDown severity=critical", "alertname=VirtExporterDown severity=warning", false},
		{"alertname=VirtExporterDown severity=critical", "alertname=VirtWatchdog severity=info job= instance=", false},
	} {
		t.Run(fmt.Sprintf("%s: %s", test.source, test.target), func(t *testing.T) {
			got := slices.ContainsFunc(inhibitRules(t), func(r inhibitRule) bool {
				return r.mutes(t, on(test.source), on(test.target))
			})
			if got != test.want {
				t.Errorf("muted: %v, want %v", got, test.want)
			}
		})
	}
}
