package alerts_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"

	"github.com/virt-exporter/virt_exporter/dashboards"
)

const prometheusDir = "../deploy/prometheus"

// Each file, with rules and targets where it wants them, is checked with promtool of the
// engine's release and with the one that is installed, which may be as old as 2.42.
func TestDeployPrometheusIsValid(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(prometheusDir, "*.yml"))
	if err != nil || len(files) < 4 {
		t.Fatalf("%v, %v", files, err)
	}
	dir := t.TempDir()
	for _, sub := range []string{"rules", "targets"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	copyFiles(t, "*.rules.yml", filepath.Join(dir, "rules"))
	copyFiles(t, filepath.Join(prometheusDir, "targets/*.yml"), filepath.Join(dir, "targets"))
	copyFiles(t, filepath.Join(prometheusDir, "*.yml"), dir)

	for _, promtool := range promtools(t) {
		for _, file := range files {
			name := filepath.Base(file)
			if !promtool.pinned && name == "native-histograms.yml" {
				continue // it may be older than what that file is for
			}
			cmd := exec.CommandContext(t.Context(), promtool.file, "check", "config", filepath.Join(dir, name))
			cmd.Env = append(os.Environ(), "HOSTNAME=host1")
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("%s check config %s: %v\n%s", promtool.file, name, err, out)
			}
			if strings.Contains(readText(t, file), "rule_files:") && !strings.Contains(string(out), "monitoring.rules.yml") {
				t.Errorf("%s: %s does not see the rules:\n%s", promtool.file, name, out)
			}
		}
	}
}

// promtool is a program and whether it is that of the engine's release.
type promtool struct {
	file   string
	pinned bool
}

// promtools returns all there are.
func promtools(t *testing.T) (all []promtool) {
	t.Helper()
	first := findPromtool(t)
	installed, err := exec.LookPath("promtool")
	if err != nil || installed != first {
		all = append(all, promtool{first, true})
	}
	if err == nil {
		all = append(all, promtool{installed, false})
	}
	return all
}

func copyFiles(t *testing.T, glob, dir string) {
	t.Helper()
	files, err := filepath.Glob(glob)
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %v, %v", glob, files, err)
	}
	for _, file := range files {
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(file)), []byte(readText(t, file)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func readText(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// What an agent leaves out is missing at the centre; what the centre records itself
// must not come from elsewhere too.
func TestDeployAgentSendsWhatIsReadAndNothingThatIsRecorded(t *testing.T) {
	keep := sentByAgents(t)
	read := make(map[string]bool)
	p := parser.NewParser(parser.Options{})
	look := func(expr string) {
		root, err := p.ParseExpr(expr)
		if err != nil {
			t.Fatalf("%s: %v", expr, err)
		}
		parser.Inspect(root, func(n parser.Node, _ []parser.Node) error {
			if s, ok := n.(*parser.VectorSelector); ok && s.Name != "" {
				read[s.Name] = true
			}
			return nil
		})
	}
	for _, r := range parsedRules(t) {
		look(r.Expr)
		if r.Record != "" && keep.MatchString(r.Record) {
			t.Errorf("%s is recorded, and sent", r.Record)
		}
	}
	for _, expr := range dashboards.Expressions() {
		look(expr)
	}
	for name := range read {
		// What virt_alerter says of itself is not scraped there.
		if strings.Contains(name, ":") || strings.HasPrefix(name, "prometheus_") || strings.HasPrefix(name, "ALERTS") {
			continue
		}
		if !keep.MatchString(name) {
			t.Errorf("%s is read, and not sent", name)
		}
	}
	if len(read) < 50 {
		t.Errorf("only %d families are read", len(read))
	}
}

// sentByAgents is what a name must match to be sent.
func sentByAgents(t *testing.T) *regexp.Regexp {
	t.Helper()
	var config struct {
		RemoteWrite []struct {
			Relabel []struct {
				Source        []string `yaml:"source_labels"`
				Regex, Action string
			} `yaml:"write_relabel_configs"`
		} `yaml:"remote_write"`
	}
	if err := yaml.Unmarshal([]byte(readText(t, filepath.Join(prometheusDir, "remote-write.yml"))), &config); err != nil {
		t.Fatal(err)
	}
	for _, w := range config.RemoteWrite {
		for _, r := range w.Relabel {
			if r.Action == "keep" && strings.Join(r.Source, ",") == "__name__" {
				return regexp.MustCompile("^(?:" + r.Regex + ")$")
			}
		}
	}
	t.Fatal("no rule says what is sent")
	return nil
}
