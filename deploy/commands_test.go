// Package deploy_test holds the commands in README and deploy/ to be run.
package deploy_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/virt-exporter/virt_exporter/fixtures/readme"
)

// documents returns README.md and all Markdown files below deploy/, by their path from
// the project's root.
func documents(t *testing.T) []string {
	t.Helper()
	files := []string{"README.md"}
	err := filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".md") {
			files = append(files, filepath.Join("deploy", path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// runBy and notRun begin the note before a block of commands: which test runs them, as
// a reader would, or why none can.
const (
	runBy  = "run by: "
	notRun = "not run: "
)

// Every block of commands is run by a test, or says why it is not.
func TestEachCommandIsRunOrSaysWhyNot(t *testing.T) {
	sources := testSources(t)
	for _, file := range documents(t) {
		blocks, err := readme.Blocks(filepath.Join("..", file))
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range blocks {
			// Other names of the language would hide commands from here.
			if !slices.Contains([]string{"", "sh", "yaml", "promql"}, b.Lang) || b.Lang == "" && program.MatchString(b.Text) {
				t.Errorf("%s:%d: commands stand in blocks of sh, and this is one of %q", file, b.Line, b.Lang)
			}
			if len(b.Commands()) == 0 {
				continue
			}
			test, isRun := strings.CutPrefix(b.Note, runBy)
			reason, isNot := strings.CutPrefix(b.Note, notRun)
			switch {
			case isRun:
				expectRun(t, sources, file, b, test)
			case !isNot || len(reason) < 10:
				t.Errorf("%s:%d: no note says which test runs %q, or why none does", file, b.Line, b.Commands()[0])
			}
		}
	}
}

// expectRun fails the test unless that test is there, and its file reads the document
// or has the commands.
func expectRun(t *testing.T, sources map[string][]byte, file string, b readme.Block, test string) {
	t.Helper()
	source, ok := sources[test]
	if !ok {
		t.Errorf("%s:%d: there is no %s", file, b.Line, test)
		return
	}
	if bytes.Contains(comment.ReplaceAll(source, nil), []byte(`"`+file+`"`)) {
		return
	}
	for _, command := range b.Commands() {
		if !bytes.Contains(source, []byte(command)) {
			t.Errorf("%s:%d: %s runs no %q", file, b.Line, test, command)
		}
	}
}

var comment = regexp.MustCompile(`(?m)^\s*//.*$`)

// testSources returns the text of the file that each test is in, by the test's name.
func testSources(t *testing.T) map[string][]byte {
	t.Helper()
	name := regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing\.T\)`)
	sources := make(map[string][]byte)
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range name.FindAllSubmatch(text, -1) {
			sources[string(m[1])] = text
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return sources
}

// inline are the commands in the midst of sentences, each with the test that runs it or
// the reason why none does.
var inline = map[string]string{
	"systemctl reload":       runBy + "TestSystemdUnits",
	"make test":              runBy + "TestEachCommandIsRunOrSaysWhyNot", // which it runs
	"make run":               runBy + "TestCommandsOfTheBeginning",
	"make demo":              runBy + "TestCommandsOfTheBeginning",
	"make mixin":             runBy + "TestCommandsOfTheBeginning",
	"make bench":             notRun + "it takes half an hour",
	"make bench-bpf":         notRun + "it takes minutes of a machine that does nothing else",
	"virttool check-fs PATH": runBy + "TestCheckFSMeasuresEveryOperation",
	"virsh dommemstat DOMAIN --period 10 --live --config": notRun + "the domains of the tests have their period in their definition",
	"htpasswd -nB agent":                notRun + "it asks for the password; a hash as it writes them is what tests of web.yml have",
	"qm config VMID":                    notRun + "there is no Proxmox where the tests run",
	"kubectl get prometheus -A -o yaml": notRun + "the tests have no API server",
}

var (
	span    = regexp.MustCompile("`([^`\n]+)`")
	program = regexp.MustCompile(`^(sudo |\$ )?(make|go|git|virttool|virt_exporter|virt_alerter|docker|podman|kubectl|systemctl|systemd-\w+|journalctl|promtool|amtool|virsh|curl|wget|socat|cloud-init|prometheus|alertmanager|qm|pvesm|oc|incus|openstack|virt-install|apt|apt-get|install|cp|mkdir|kill|mount|modprobe|sysctl|setcap|echo|sed|grep|dd|htpasswd|openssl|vmstat|fio|sh|chmod|chown|sudo) [^:=]`)
)

// So is each command in the midst of a sentence.
func TestEachInlineCommandIsRunOrSaysWhyNot(t *testing.T) {
	sources := testSources(t)
	var seen []string
	for _, file := range documents(t) {
		text, err := os.ReadFile(filepath.Join("..", file))
		if err != nil {
			t.Fatal(err)
		}
		if hidden := regexp.MustCompile(`(?m)^(~~~|    +(\$ |sudo |make |docker |systemctl |virt_))`).Find(text); hidden != nil {
			t.Errorf("%s: commands stand in blocks of sh, and not behind %q", file, hidden)
		}
		blocks := regexp.MustCompile("(?ms)^```.*?^```").ReplaceAll(text, nil)
		for _, m := range span.FindAllSubmatch(blocks, -1) {
			command := string(m[1])
			if !program.MatchString(command) {
				continue
			}
			seen = append(seen, command)
			note, ok := inline[command]
			if test, isRun := strings.CutPrefix(note, runBy); !ok {
				t.Errorf("%s: nothing is said of `%s`", file, command)
			} else if isRun && sources[test] == nil {
				t.Errorf("%s: `%s` is run by %s, which there is not", file, command, test)
			}
		}
	}
	for command := range inline {
		if !slices.Contains(seen, command) {
			t.Errorf("no document has `%s`", command)
		}
	}
}
