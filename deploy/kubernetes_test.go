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

// Both images get the version that is pushed, and at an update the next one. There is no
// registry here: docker only notes what it is asked for.
func TestKubernetesImagesHaveTheirVersion(t *testing.T) {
	blocks := kubernetesBlocks(t, "sh", "$REGISTRY")
	if len(blocks) != 2 {
		t.Fatalf("%d blocks of commands name the registry", len(blocks))
	}
	dir := t.TempDir()
	project := filepath.Join(dir, "project")
	theirs, mine := filepath.Join(project, "deploy/kubernetes/daemonset.yaml"), filepath.Join(dir, "virt_daemonset.yaml")
	text := readFile(t, "kubernetes/daemonset.yaml")
	if err := os.MkdirAll(filepath.Dir(theirs), 0o755); err != nil {
		t.Fatal(err)
	}
	writeFile(t, theirs, text, 0o600)
	writeFile(t, filepath.Join(dir, "docker"), "#!/bin/sh\necho \"$@\" >>"+dir+"/asked\n", 0o700)
	for _, version := range []string{"v1.2.3-4-g0492a62", "v1.3.0", "v1.3.0"} {
		writeFile(t, filepath.Join(dir, "git"), "#!/bin/sh\necho "+version+"\n", 0o700)
		cmd := exec.CommandContext(t.Context(), "sh", "-ec", strings.Join(blocks, ""))
		cmd.Dir, cmd.Env = project, append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
		said, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, said)
		}
		var got, want []string
		for _, m := range regexp.MustCompile(`(?m)^ +image: (.*)$`).FindAllStringSubmatch(readFile(t, mine), -1) {
			got = append(got, m[1])
		}
		asked := readFile(t, filepath.Join(dir, "asked"))
		for _, name := range []string{"virt_exporter", "virt_alerter"} {
			image := "registry.example.net/" + name + ":" + version
			want = append(want, image)
			if !strings.Contains(asked, "tag "+name+" "+image+"\n") || !strings.Contains(asked, "push "+image+"\n") {
				t.Errorf("%s is not pushed: docker was asked\n%s", image, asked)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("images of the DaemonSet (- want):\n%s", diff)
		}
		if n := strings.Count(string(said), "image: "); n != 2 {
			t.Errorf("it prints %d lines: %s", n, said)
		}
		// What was added to the copy stays, and the project as it was: else its next
		// version were one with changes.
		writeFile(t, mine, readFile(t, mine)+"# somebody's\n", 0o600)
		if diff := cmp.Diff(text, readFile(t, theirs)); diff != "" {
			t.Errorf("the project's file was changed:\n%s", diff)
		}
	}
	if n := strings.Count(readFile(t, mine), "# somebody's\n"); n != 3 {
		t.Errorf("%d of 3 lines that were added are there", n)
	}
}

func readFile(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func writeFile(t *testing.T, file, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), mode); err != nil {
		t.Fatal(err)
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
