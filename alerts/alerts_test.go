package alerts_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/virt-exporter/virt_exporter/alerts"
)

// rule is what the tests look at of a rule. The files are read line by line: in
// them a rule begins with its name, and keys are indented alike.
type rule struct {
	file, name string
	alert      bool
	text       string // all its lines without comments
}

func (r rule) value(key string) string {
	m := regexp.MustCompile(`(?m)^ +(?:- )?` + key + `: *(.*)$`).FindStringSubmatch(r.text)
	if m == nil {
		return ""
	}
	return strings.TrimSpace(m[1])
}

var ruleStart = regexp.MustCompile(`^      - (record|alert): (\S+)$`)

func readRules(t *testing.T) []rule {
	t.Helper()
	files, err := fs.Glob(alerts.Rules(), "*.rules.yml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no rule files: %v", err)
	}
	var all []rule
	for _, file := range files {
		text, err := fs.ReadFile(alerts.Rules(), file)
		if err != nil {
			t.Fatal(err)
		}
		inRule := false
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(strings.TrimSpace(line), "#") {
				continue
			}
			m := ruleStart.FindStringSubmatch(strings.TrimRight(line, "\n"))
			switch {
			case m != nil:
				all = append(all, rule{file: file, name: m[2], alert: m[1] == "alert"})
				inRule = true
			case strings.HasPrefix(line, "  - name: "):
				inRule = false
			}
			if inRule {
				all[len(all)-1].text += line
			}
		}
	}
	return all
}

func TestRulesAreValid(t *testing.T) {
	promtool := findPromtool(t)
	files, err := filepath.Glob("*.rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	run(t, promtool, append([]string{"check", "rules", "--lint-fatal"}, files...)...)
}

func TestRulesFireWhenTheyShould(t *testing.T) {
	promtool := findPromtool(t)
	files, err := filepath.Glob("*_test.yml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no tests of rules: %v", err)
	}
	for _, file := range files {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			run(t, promtool, "test", "rules", file)
		})
	}
}

// findPromtool prefers the one that $PROMTOOL names and the one that was built
// beside the exporter to the one that is installed.
func findPromtool(t *testing.T) string {
	t.Helper()
	if named := os.Getenv("PROMTOOL"); named != "" {
		return named // and fails if there is none
	}
	if built, err := filepath.Abs(filepath.Join("..", "build", "promtool")); err == nil {
		if promtool, err := exec.LookPath(built); err == nil {
			return promtool
		}
	}
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not installed")
	}
	return promtool
}

func run(t *testing.T, program string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Env = append(os.Environ(), "GOGC=800") // it makes much garbage and ends soon
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

const runbook = "https://github.com/virt-exporter/virt_exporter/blob/main/alerts/RUNBOOK.md#"

func TestEachAlertSaysWhatIsWrongAndWhatToDo(t *testing.T) {
	sections := sectionsOf(t, "RUNBOOK.md")
	for _, r := range readRules(t) {
		if !r.alert {
			continue
		}
		t.Run(r.name, func(t *testing.T) {
			if s := r.value("severity"); !slices.Contains([]string{"critical", "warning", "info"}, s) {
				t.Errorf("severity is %q", s)
			}
			if r.value("for") == "" {
				t.Error("it fires on a single odd moment: no for")
			}
			if !slices.Contains(sections, r.name) {
				t.Error("RUNBOOK.md has no section on it")
			}
			if strings.HasPrefix(r.value("annotations"), "*") {
				return // those of a rule before it, of the same name
			}
			if !strings.HasSuffix(strings.Trim(r.value("summary"), `"`), ".") || r.value("description") == "" {
				t.Error("it has no summary that is a sentence, or no description")
			}
			if got, want := r.value("runbook_url"), runbook+strings.ToLower(r.name); got != want {
				t.Errorf("runbook_url is %q, want %q", got, want)
			}
		})
	}
}

// A section on an alert that is not there sends people looking for it.
func TestRunbookHasNoOtherSections(t *testing.T) {
	var names []string
	for _, r := range readRules(t) {
		if r.alert {
			names = append(names, r.name)
		}
	}
	for _, section := range sectionsOf(t, "RUNBOOK.md") {
		if strings.HasPrefix(section, "Virt") && !slices.Contains(names, section) {
			t.Errorf("there is no alert %s", section)
		}
	}
}

func sectionsOf(t *testing.T, file string) []string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var sections []string
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(string(text), -1) {
		sections = append(sections, m[1])
	}
	return sections
}

// Groups of tests are named by the alerts that they are about and by what
// happens to them; groups without an alert's name are about recording rules.
func TestEachAlertIsTestedInAllWays(t *testing.T) {
	files, err := filepath.Glob("*_test.yml")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^  - name: '?(.*?)'?$`).FindAllStringSubmatch(string(text), -1) {
			names = append(names, m[1])
		}
	}
	for _, r := range readRules(t) {
		if !r.alert {
			continue
		}
		for _, way := range waysOf(r) {
			tested := slices.ContainsFunc(names, func(name string) bool {
				about, _, _ := strings.Cut(name, ": ")
				return strings.Contains(about, way) && (strings.Contains(about, r.name) || strings.Contains(about, "all alerts"))
			})
			if !tested {
				t.Errorf("%s: nothing tests %q", r.name, way)
			}
		}
	}
}

// waysOf returns what there must be tests of. A dead man's switch is never below
// anything and needs no data; that alerts of file systems recover is tested with
// their firing.
func waysOf(r rule) []string {
	switch {
	case r.name == "VirtWatchdog":
		return []string{"fires"}
	case r.file == "passthrough.rules.yml":
		return []string{"fires", "just below", "absent data"}
	}
	return []string{"fires", "just below", "absent data", "recovery"}
}

// What a group records the next must see at once: without an order, promtool
// takes one by chance.
func TestTestsOrderAllGroups(t *testing.T) {
	files, err := filepath.Glob("*_test.yml")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		m := regexp.MustCompile(`(?m)^rule_files: \[(.*)\]$`).FindStringSubmatch(string(text))
		if m == nil {
			t.Errorf("%s has no rule_files: […]", file)
			continue
		}
		var groups []string
		for _, name := range strings.Split(m[1], ", ") {
			groups = append(groups, groupsOf(t, name)...)
		}
		if want := "\ngroup_eval_order: [" + strings.Join(groups, ", ") + "]\n"; !strings.Contains(string(text), want) {
			t.Errorf("%s has no %q", file, want)
		}
	}
}

// groupsOf returns the groups of a file of rules, in their order.
func groupsOf(t *testing.T, file string) []string {
	t.Helper()
	rules, err := fs.ReadFile(alerts.Rules(), file)
	if err != nil {
		t.Fatal(err)
	}
	var groups []string
	for _, m := range regexp.MustCompile(`(?m)^  - name: (\S+)$`).FindAllStringSubmatch(string(rules), -1) {
		groups = append(groups, m[1])
	}
	return groups
}
