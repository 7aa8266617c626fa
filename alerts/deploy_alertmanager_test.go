package alerts_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/virt-exporter/virt_exporter/fixtures/readme"
)

const alertmanagerFile = "deploy/alertmanager/alertmanager.yml"

// route is a route as it stands in a file.
type route struct {
	Matchers []string `yaml:"matchers"`
	Receiver string   `yaml:"receiver"`
	GroupBy  []string `yaml:"group_by"`
	Wait     string   `yaml:"group_wait"`
	Interval string   `yaml:"group_interval"`
	Repeat   string   `yaml:"repeat_interval"`
	Routes   []route  `yaml:"routes"`
}

// alertmanagerConfig is what the tests compare of a configuration.
type alertmanagerConfig struct {
	Route   route         `yaml:"route"`
	Inhibit []inhibitRule `yaml:"inhibit_rules"`
}

func readAlertmanager(t *testing.T, text string) (c alertmanagerConfig) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(text), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func deployedAlertmanager(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", alertmanagerFile))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The runbook's lines are for who has a file of their own. Both are to do the same.
func TestDeployAlertmanagerHasTheLinesOfTheRunbook(t *testing.T) {
	lines, file := readAlertmanager(t, alertmanagerLines(t)), readAlertmanager(t, deployedAlertmanager(t))
	if diff := cmp.Diff(lines.Inhibit, file.Inhibit); diff != "" {
		t.Errorf("inhibit rules (-runbook +file):\n%s", diff)
	}
	if len(lines.Route.Routes) < 3 {
		t.Fatalf("the runbook has %d routes", len(lines.Route.Routes))
	}
	watchdog, info, groups := lines.Route.Routes[0], lines.Route.Routes[1], lines.Route.Routes[2:]
	if diff := cmp.Diff(watchdog, file.Route.Routes[0]); diff != "" {
		t.Errorf("the first route (-runbook +file):\n%s", diff)
	}
	// In somebody's file it is not for alerts of others.
	info.Matchers = slices.DeleteFunc(info.Matchers, func(m string) bool { return m == `alertname =~ "Virt.*"` })
	if diff := cmp.Diff(info, file.Route.Routes[1]); diff != "" {
		t.Errorf("the second route (-runbook +file):\n%s", diff)
	}
	for _, r := range groups {
		if r.Receiver != "" {
			t.Errorf("the route %v has a receiver", r.Matchers)
		}
	}
	for _, r := range file.Route.Routes[1:] {
		if len(r.Routes) == 0 && r.Receiver == "nobody" {
			continue
		}
		if diff := cmp.Diff(groups, r.Routes); diff != "" {
			t.Errorf("routes below %v (-runbook +file):\n%s", r.Matchers, diff)
		}
	}
}

// Receivers of people are in comments: they must be right when the signs are taken away.
func TestDeployAlertmanagerIsValid(t *testing.T) {
	amtool := findAmtool(t)
	text := deployedAlertmanager(t)
	whole := regexp.MustCompile(`(?m)^    # (\w+_configs:|  .*)$`).ReplaceAllString(text, "    $1")
	for _, kind := range []string{"pagerduty", "slack", "email"} {
		if !strings.Contains(whole, "\n    "+kind+"_configs:\n") {
			t.Errorf("there is no example for %s", kind)
		}
	}
	for name, text := range map[string]string{"as it is": text, "without comment signs": whole} {
		file := filepath.Join(t.TempDir(), "alertmanager.yml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.CommandContext(t.Context(), amtool, "check-config", file).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

func TestDeployAlertmanagerSendsEachAlertToWhomItConcerns(t *testing.T) {
	amtool := findAmtool(t)
	of := map[string]string{"critical": "page", "warning": "chat", "info": "nobody", "": "chat"}
	tested := make(map[string]bool)
	expect := func(alert, severity, receiver string) {
		args := []string{
			"config", "routes", "test", "--config.file=" + filepath.Join("..", alertmanagerFile), "--verify.receivers=" + receiver,
			"alertname=" + alert, "job=virt_exporter", "instance=host1", "kind=vm", "runtime=qemu", "guest=web",
		}
		if severity != "" {
			args = append(args, "severity="+severity)
		}
		key := alert + " " + severity
		if tested[key] {
			return
		}
		tested[key] = true
		if out, err := exec.CommandContext(t.Context(), amtool, args...).CombinedOutput(); err != nil {
			t.Errorf("%s of severity %q is not for %s: %v\n%s", alert, severity, receiver, err, out)
		}
	}
	for _, r := range parsedRules(t) {
		if r.Alert == "" {
			continue
		}
		receiver := of[r.Labels["severity"]]
		if r.Alert == "VirtWatchdog" {
			receiver = "dead-mans-switch"
		}
		expect(r.Alert, r.Labels["severity"], receiver)
	}
	if len(tested) < 30 {
		t.Errorf("only %d alerts were tested", len(tested))
	}
	expect("SomebodyElses", "critical", "page")
	expect("SomebodyElses", "", "chat")
}

func TestDeployAlertmanagerCommands(t *testing.T) {
	findAmtool(t)
	const document = "deploy/alertmanager/README.md"
	commands, err := readme.Commands("../"+document, "run by: "+t.Name())
	if err != nil || len(commands) != 3 {
		t.Fatalf("%q, %v", commands, err)
	}
	dir := filepath.Join(t.TempDir(), "alertmanager")
	var last []byte
	for _, command := range commands {
		cmd := exec.CommandContext(t.Context(), "sh", "-c", strings.ReplaceAll(command, "/etc/alertmanager", dir))
		cmd.Dir = ".."
		if last, err = cmd.Output(); err != nil {
			t.Errorf("%s: %v\n%s", command, err, last)
		}
	}
	if strings.TrimSpace(string(last)) != "page" {
		t.Errorf("the receiver is %s", last)
	}
	// Who runs it again, as after an update, keeps the receivers.
	file := filepath.Join(dir, "alertmanager.yml")
	own := strings.ReplaceAll(deployedAlertmanager(t), "127.0.0.1:9095", "pager.example.net")
	if err := os.WriteFile(file, []byte(own), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, command := range commands {
		cmd := exec.CommandContext(t.Context(), "sh", "-c", strings.ReplaceAll(command, "/etc/alertmanager", dir))
		cmd.Dir = ".."
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", command, err, out)
		}
	}
	if diff := cmp.Diff(own, readText(t, file)); diff != "" {
		t.Errorf("somebody's file was changed (-was +is):\n%s", diff)
	}
}

func findAmtool(t *testing.T) string {
	t.Helper()
	amtool, err := exec.LookPath("amtool")
	if err != nil {
		t.Skip("amtool is not installed")
	}
	return amtool
}
