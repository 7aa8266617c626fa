package alerts_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	// metricName is a family of the exporter's, or a series that a rule records.
	metricName = regexp.MustCompile(`\bvirt[_:][a-z0-9_:]+`)
	flagName   = regexp.MustCompile(`--(?:no-)?([a-z][a-z0-9.-]*[a-z0-9])`)
)

func TestRulesReadOnlyWhatThereIs(t *testing.T) {
	there := namesThatThereAre(t)
	for _, r := range readRules(t) {
		text := strings.ReplaceAll(r.text, runbook, "")
		if diff := cmp.Diff([]string(nil), missing(metricName.FindAllString(text, -1), there)); diff != "" {
			t.Errorf("%s: no source gives and no rule records:\n%s", r.name, diff)
		}
	}
}

// Whoever is woken has no time to look for what is not there.
func TestRunbookNamesOnlyWhatThereIs(t *testing.T) {
	text, err := os.ReadFile("RUNBOOK.md")
	if err != nil {
		t.Fatal(err)
	}
	there := namesThatThereAre(t)
	for _, name := range []string{"virt_fs_", "virt_fs_thresholds"} { // a prefix of many, a group of rules
		there[name] = true
	}
	if diff := cmp.Diff([]string(nil), missing(metricName.FindAllString(string(text), -1), there)); diff != "" {
		t.Errorf("no source gives and no rule records:\n%s", diff)
	}

	var flags []string
	for _, m := range flagName.FindAllStringSubmatch(string(text), -1) {
		flags = append(flags, m[1])
	}
	if diff := cmp.Diff([]string(nil), missing(flags, flagsThatThereAre(t))); diff != "" {
		t.Errorf("neither the exporter nor others have the flags:\n%s", diff)
	}
}

// namesThatThereAre returns the families of the exporter and what rules record.
func namesThatThereAre(t *testing.T) map[string]bool {
	t.Helper()
	there := firstColumns(t, filepath.Join("..", "collector", "METRICS.md"), `(?m)^\|[^|]*`+"`(virt_[a-z0-9_]+)`")
	for _, name := range []string{"virt:alert_threshold", "virt_fs:overhead_ratio:threshold", "virt_fs:overhead_seconds:threshold"} {
		there[name+":override"] = true
	} // recorded by rules of the user's own
	there["virt_exporter_build_info"] = true // of client_golang's, like go_…
	for _, program := range []string{"virt_exporter", "virt_alerter"} {
		there[program] = true
	}
	for _, r := range readRules(t) {
		if !r.alert {
			there[r.name] = true
		}
	}
	return there
}

// flagsThatThereAre returns the exporter's, and those of programs that the
// runbook has people call.
func flagsThatThereAre(t *testing.T) map[string]bool {
	t.Helper()
	there := firstColumns(t, filepath.Join("..", "README.md"), "(?m)^\\| `--(?:\\[no-\\])?([a-z.-]+)[=`]")
	for _, name := range []string{
		"allow-direct-io", "inode-file-handles", "rlimit-nofile", "thread-pool-size", // virtiofsd
		"bind",           // mount
		"external.label", // virt_alerter's, in one row with another
		"nofile", "pid",  // prlimit
	} {
		there[name] = true
	}
	return there
}

// firstColumns returns what stands in the first column of a file's tables.
func firstColumns(t *testing.T, file, row string) map[string]bool {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	for _, m := range regexp.MustCompile(row).FindAllStringSubmatch(string(text), -1) {
		there[m[1]] = true
	}
	if len(there) == 0 {
		t.Fatalf("%s has no such tables", file)
	}
	return there
}

// missing returns the names that are not there, each once. What a histogram
// consists of goes by the name of the histogram.
func missing(names []string, there map[string]bool) []string {
	var none []string
	for _, name := range names {
		name = strings.TrimSuffix(name, "_count")
		if !there[name] && !slices.Contains(none, name) {
			none = append(none, name)
		}
	}
	return none
}
