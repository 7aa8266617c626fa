package guest

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

var update = flag.Bool("update", false, "write into cloud-init.yaml what the files say")

const cloudConfig = "cloud-init.yaml"

// The files that the cloud-config writes into a guest, and what they are here.
var written = map[string]string{
	"/etc/sysusers.d/virt_exporter.conf":                     "../systemd/virt_exporter.sysusers",
	"/etc/systemd/system/virt_exporter.service":              "../systemd/virt_exporter.service",
	"/etc/systemd/system/virt_exporter.service.d/guest.conf": "guest.conf",
	"/etc/default/virt_exporter":                             "virt_exporter.env",
}

// Files of the cloud-config alone.
var own = map[string]bool{"/etc/systemd/system/mnt-share.mount": true}

// config is what we use of a cloud-config. Others are refused when it is read.
type config struct {
	WriteFiles []struct{ Path, Content string } `yaml:"write_files"`
	RunCmd     [][]string
}

func readConfig(t *testing.T) (text []byte, c config) {
	t.Helper()
	text, err := os.ReadFile(cloudConfig)
	if err != nil {
		t.Fatal(err)
	}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&c); err != nil {
		t.Fatal(err)
	}
	return text, c
}

// A unit that is mended is mended for guests too.
func TestCloudConfigWritesTheFilesThatAreHere(t *testing.T) {
	if *update {
		embed(t)
	}
	text, c := readConfig(t)
	// Without this first line cloud-init takes it for nothing.
	if !bytes.HasPrefix(text, []byte("#cloud-config\n")) {
		t.Error("the first line is not #cloud-config")
	}
	got, want := make(map[string]string), make(map[string]string)
	for _, f := range c.WriteFiles {
		if !own[f.Path] {
			got[f.Path] = f.Content
		}
	}
	for path, file := range written {
		b, err := os.ReadFile(filepath.FromSlash(file))
		if err != nil {
			t.Fatal(err)
		}
		want[path] = string(b)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s does not write what the files say, -update does (-want +got):\n%s", cloudConfig, diff)
	}
}

// What has to be replaced is said at the top, and nothing else is in capitals.
func TestCloudConfigSaysWhatToReplace(t *testing.T) {
	text, c := readConfig(t)
	head, _, _ := strings.Cut(string(text), "\n\n")
	used := strings.Join(c.RunCmd[0], "\n")
	for _, f := range c.WriteFiles {
		if own[f.Path] {
			used += f.Content
		}
	}
	words := regexp.MustCompile(`\b[A-Z0-9]+_[A-Z0-9_]+\b`).FindAllString(used, -1)
	if len(words) == 0 {
		t.Error("nothing is to be replaced")
	}
	for _, word := range words {
		if !strings.Contains(head, word) {
			t.Errorf("%s is not explained at the top", word)
		}
	}
}

// embed writes the files into the cloud-config, which is kept as it is otherwise.
func embed(t *testing.T) {
	t.Helper()
	text, _ := readConfig(t)
	for path, file := range written {
		b, err := os.ReadFile(filepath.FromSlash(file))
		if err != nil {
			t.Fatal(err)
		}
		var block strings.Builder
		for line := range strings.Lines(string(b)) {
			if line != "\n" {
				block.WriteString("      ")
			}
			block.WriteString(line)
		}
		old := regexp.MustCompile(`(?m)(^  - path: ` + regexp.QuoteMeta(path) + `\n    content: \|\n)(?:      .*\n|\n)*`)
		text = old.ReplaceAllFunc(text, func(found []byte) []byte {
			begin := old.FindSubmatch(found)[1]
			return append(append(bytes.Clone(begin), block.String()...), '\n')
		})
	}
	if err := os.WriteFile(cloudConfig, text, 0o644); err != nil {
		t.Fatal(err)
	}
}
