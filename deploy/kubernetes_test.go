package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/virt-exporter/virt_exporter/fixtures/readme"
)

const kubernetesReadme = "deploy/kubernetes/README.md"

// Both images get the version that is pushed. There is no registry here: docker only
// notes what it is asked for.
func TestKubernetesImagesHaveTheirVersion(t *testing.T) {
	commands, err := readme.Commands(filepath.Join("..", "deploy/kubernetes/README.md"), runBy+t.Name())
	if err != nil || len(commands) == 0 {
		t.Fatalf("%d commands: %v", len(commands), err)
	}
	dir := t.TempDir()
	manifest := filepath.Join(dir, "deploy/kubernetes/daemonset.yaml")
	text, err := os.ReadFile("kubernetes/daemonset.yaml")
	if err == nil {
		err = os.MkdirAll(filepath.Dir(manifest), 0o755)
	}
	if err == nil {
		err = os.WriteFile(manifest, text, 0o600)
	}
	for name, script := range map[string]string{"docker": `echo "$@" >>` + dir + "/asked", "git": "echo v1.2.3-4-g0492a62"} {
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script+"\n"), 0o700)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-ec", strings.Join(commands, "\n"))
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if text, err = os.ReadFile(manifest); err != nil {
		t.Fatal(err)
	}
	asked, err := os.ReadFile(filepath.Join(dir, "asked"))
	if err != nil {
		t.Fatal(err)
	}
	var got, want []string
	for _, m := range regexp.MustCompile(`(?m)^ +image: (.*)$`).FindAllSubmatch(text, -1) {
		got = append(got, string(m[1]))
	}
	for _, name := range []string{"virt_exporter", "virt_alerter"} {
		image := "registry.example.net/" + name + ":v1.2.3-4-g0492a62"
		want = append(want, image)
		if !strings.Contains(string(asked), "tag "+name+" "+image+"\n") || !strings.Contains(string(asked), "push "+image+"\n") {
			t.Errorf("%s is not pushed: docker was asked\n%s", image, asked)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("images of the DaemonSet (- want):\n%s", diff)
	}
}

// kubernetesBlocks returns the texts of the blocks of a language that contain a word.
func kubernetesBlocks(t *testing.T, lang, word string) (found []string) {
	t.Helper()
	blocks, err := readme.Blocks(filepath.Join("..", kubernetesReadme))
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range blocks {
		if b.Lang == lang && strings.Contains(b.Text, word) {
			found = append(found, b.Text)
		}
	}
	return found
}

// The route for nodes that come and go changes who is told of those, and of nothing else.
func TestKubernetesRouteForNodesThatGo(t *testing.T) {
	amtool, err := exec.LookPath("amtool")
	if err != nil {
		t.Skip("amtool is not installed")
	}
	blocks := kubernetesBlocks(t, "yaml", "receiver:")
	if len(blocks) != 1 {
		t.Fatalf("%d routes", len(blocks))
	}
	text, err := os.ReadFile("alertmanager/alertmanager.yml")
	if err != nil {
		t.Fatal(err)
	}
	first := regexp.MustCompile(`(?m)^    - matchers: \[severity`).FindIndex(text)
	if first == nil {
		t.Fatal("alertmanager.yml has no routes by severity")
	}
	whole := string(text[:first[0]]) + blocks[0] + string(text[first[0]:])
	receiver := func(config, alert string) string {
		file := filepath.Join(t.TempDir(), "alertmanager.yml")
		if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		args := append([]string{"config", "routes", "test", "--config.file=" + file}, strings.Fields(alert)...)
		out, err := exec.CommandContext(t.Context(), amtool, args...).Output()
		if err != nil {
			t.Fatalf("amtool %s: %v", args, err)
		}
		return strings.TrimSpace(string(out))
	}
	for alert, want := range map[string][2]string{ // without the route, and with it
		"alertname=VirtExporterDown severity=warning":   {"chat", "nobody"},
		"alertname=VirtExporterDown severity=critical":  {"page", "page"},
		"alertname=VirtSourceFailing severity=warning":  {"chat", "chat"},
		"alertname=VirtNodeStealHigh severity=critical": {"page", "page"},
	} {
		if got := [2]string{receiver(string(text), alert), receiver(whole, alert)}; got != want {
			t.Errorf("%s goes to %v, want %v", alert, got, want)
		}
	}
}

// What is said when there are fewer targets than nodes.
func TestKubernetesQueryForMissingTargets(t *testing.T) {
	promtool := os.Getenv("PROMTOOL")
	if promtool == "" {
		promtool = "promtool"
	}
	if _, err := exec.LookPath(promtool); err != nil {
		t.Skip("promtool is not installed")
	}
	blocks := kubernetesBlocks(t, "promql", "kube_daemonset")
	if len(blocks) != 1 {
		t.Fatalf("%d queries", len(blocks))
	}
	const nodes = `
      - series: kube_daemonset_status_desired_number_scheduled{namespace="virt-exporter", daemonset="virt-exporter"}
        values: '2 2'`
	const target = `
      - {series: 'up{job="virt_exporter", instance="NODE:9971"}', values: '0 1'}`
	a, b := strings.ReplaceAll(target, "NODE", "a"), strings.ReplaceAll(target, "NODE", "b")
	for name, test := range map[string]struct{ series, want string }{
		"all nodes are targets":    {nodes + a + b, "[]"},
		"one is not":               {nodes + a, "[{value: 2}]"},
		"none is":                  {nodes, "[{value: 2}]"},
		"no word of the DaemonSet": {a + b, "[]"},
	} {
		t.Run(name, func(t *testing.T) {
			expr := strings.Join(strings.Fields(blocks[0]), " ")
			text := "tests:\n  - interval: 1m\n    input_series:" + test.series +
				"\n    promql_expr_test:\n      - expr: '" + expr + "'\n        eval_time: 1m\n        exp_samples: " + test.want + "\n"
			file := filepath.Join(t.TempDir(), "test.yml")
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.CommandContext(t.Context(), promtool, "test", "rules", file).CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}
