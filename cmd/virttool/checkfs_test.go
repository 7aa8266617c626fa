package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/virt-exporter/virt_exporter/collector/model"
	"github.com/virt-exporter/virt_exporter/collector/source/fsprobe"
	"github.com/virt-exporter/virt_exporter/collector/source/fsprobe/probe"
)

// check-fs starts this program again as its helper.
func TestMain(m *testing.M) {
	if probe.Asked() {
		os.Exit(probe.Main())
	}
	os.Exit(m.Run())
}

func TestCheckFSMeasuresEveryOperation(t *testing.T) {
	dir, beside := t.TempDir(), t.TempDir()
	file, scratch := filepath.Join(dir, "file"), filepath.Join(dir, "scratch")
	if err := os.WriteFile(file, make([]byte, 64<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(scratch, 0o700); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	args := []string{"check-fs", dir, "--json", "--pairs=9", "--reference=" + beside, "--read-file=" + file, "--write-dir=" + scratch}
	if code := run(args, &stdout, &stderr); code == 1 {
		t.Fatalf("exit code %d: %s", code, stderr.String())
	}
	var rows []map[string]any
	if err := json.Unmarshal(stdout.Bytes(), &rows); err != nil {
		t.Fatalf("%v: %s", err, stdout.String())
	}
	var ops []string
	for _, row := range rows {
		ops = append(ops, row["op"].(string))
		for _, key := range []string{"ratio", "ratio_lower", "ratio_upper", "added_seconds", "pairs"} {
			if _, ok := row[key].(float64); !ok {
				t.Errorf("%s: %s is %v", row["op"], key, row[key])
			}
		}
		if lower, upper := row["ratio_lower"].(float64), row["ratio_upper"].(float64); lower > row["ratio"].(float64) || upper < row["ratio"].(float64) {
			t.Errorf("%s: the bounds do not hold the ratio: %v", row["op"], row)
		}
	}
	want := []string{"stat", "lookup", "statfs", "read", "readdir", "create", "write", "rename", "unlink"}
	if strings.Contains(stderr.String(), "read was left out") { // a file system of the test's machine without O_DIRECT
		want = append(want[:3:3], want[4:]...)
	}
	if diff := cmp.Diff(want, ops); diff != "" {
		t.Errorf("operations (-want +got):\n%s%s", diff, stderr.String())
	}
	if left, err := os.ReadDir(scratch); err != nil || len(left) != 0 {
		t.Errorf("%d files are left, %v", len(left), err)
	}
}

func TestCheckFSSaysItForPeople(t *testing.T) {
	dir := t.TempDir()
	var stdout, stderr bytes.Buffer
	if code := run([]string{"check-fs", dir, "--reference", dir}, &stdout, &stderr); code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr.String())
	}
	for _, want := range []string{dir + ": ", "RATIO (95 % BOUNDS)", "lookup", "31", "ok"} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("no %q in:\n%s", want, stdout.String())
		}
	}
}

func TestCheckFSNamesWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"no pairs":                 {[]string{dir, "--pairs=0"}, "--pairs=0: must be between 1 and 1000"},
		"no time":                  {[]string{dir, "--timeout=1ms"}, "--timeout=1ms: less than 1s"},
		"nothing there":            {[]string{dir + "/nope"}, "nothing could be measured"},
		"a file":                   {[]string{"/proc/self/mountinfo"}, "measuring /proc/"},
		"three references":         {[]string{dir, "--reference=/a", "--reference=/b", "--reference=/c"}, "--reference: at most one local and one in memory"},
		"a file of somewhere else": {[]string{dir, "--read-file=/proc/version"}, "/proc/version is not on the file system of " + dir},
	} {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := run(append([]string{"check-fs"}, tt.args...), &stdout, &stderr)
			if code != 1 || !strings.Contains(stderr.String(), tt.want) {
				t.Errorf("exit code %d, %q, want %q", code, stderr.String(), tt.want)
			}
		})
	}
}

// measured returns a measurement of one operation whose bounds are a tenth below
// and above.
func measured(op, reference string, ratio, added float64) *fsprobe.Measured {
	p := model.Probe{
		Op: op, Reference: reference, Pairs: model.Some(31),
		Ratio: model.Some(ratio), RatioLower: model.Some(ratio * 0.9), RatioUpper: model.Some(ratio * 1.1),
		Added: model.Some(added), AddedLower: model.Some(added * 0.9), AddedUpper: model.Some(added * 1.1),
	}
	return &fsprobe.Measured{
		Mount:      model.Mount{FSType: "virtiofs", Probes: []model.Probe{p}},
		References: []probe.Reference{{Label: reference}},
	}
}

func TestCheckFSExitsByThreshold(t *testing.T) {
	unbounded := measured("read", "local", 100, 1)
	unbounded.Mount.Probes[0].RatioLower = model.Opt{}
	for name, tt := range map[string]struct {
		m    *fsprobe.Measured
		want int
	}{
		"healthy FUSE, whose ratio is high":   {measured("lookup", "local", 58, 113e-6), 0},
		"slow disk, whose added time is long": {measured("write", "local", 1.5, 0.050), 0},
		"warning":                             {measured("lookup", "local", 30, 700e-6), exitWarning},
		"critical":                            {measured("read", "local", 40, 0.010), exitCritical},
		"read beside memory":                  {measured("read", "tmpfs", 40, 0.010), 0},
		"stat beside memory":                  {measured("stat", "tmpfs", 60, 0.010), exitCritical},
		"too few pairs for bounds":            {unbounded, 0},
	} {
		t.Run(name, func(t *testing.T) {
			if _, worst := judge(tt.m); worst.exitCode() != tt.want {
				t.Errorf("exit code %d, want %d", worst.exitCode(), tt.want)
			}
		})
	}
	both := measured("stat", "tmpfs", 60, 0.010)
	both.References = append(both.References, probe.Reference{Label: fsprobe.ReferenceLocal})
	if _, worst := judge(both); worst != unjudged {
		t.Errorf("beside a disk, memory counts: %v", worst)
	}
}
