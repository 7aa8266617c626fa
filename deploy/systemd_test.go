package deploy_test

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/virt-exporter/virt_exporter/fixtures/readme"
)

// Of several lines that set one variable systemd takes the last: who removed the signs of
// two would lose the flags of the first.
func TestEnvironmentFilesSetEachVariableOnce(t *testing.T) {
	files, err := filepath.Glob("*/*.env")
	if err != nil || len(files) < 3 {
		t.Fatalf("%q, %v", files, err)
	}
	for _, file := range files {
		seen := make(map[string]bool)
		for _, m := range regexp.MustCompile(`(?m)^#?([A-Z_]+)=`).FindAllStringSubmatch(readFile(t, file), -1) {
			if seen[m[1]] {
				t.Errorf("%s sets %s twice", file, m[1])
			}
			seen[m[1]] = true
		}
	}
}

// The alerter is handed all that its web.yml names, and finds it beside that.
func TestCredentialsOfTheAlerter(t *testing.T) {
	const page = "systemd/README.md"
	blocks, err := readme.Blocks(page)
	if err != nil {
		t.Fatal(err)
	}
	web, dropIn := "", ""
	for _, b := range blocks {
		if strings.Contains(b.Text, "tls_server_config:") {
			web = b.Text
		}
		if strings.Contains(b.Text, "LoadCredential=") {
			dropIn = b.Text
		}
	}
	want := []string{"web.yml"}
	for _, m := range regexp.MustCompile(`_file: ([\w.]+)`).FindAllStringSubmatch(web, -1) {
		want = append(want, m[1])
	}
	var got []string
	for _, m := range regexp.MustCompile(`(?m)^LoadCredential=([\w.]+):/etc/virt_exporter/([\w.]+)$`).FindAllStringSubmatch(dropIn, -1) {
		if got = append(got, m[1]); m[1] != m[2] {
			t.Errorf("%s is handed over as %s", m[2], m[1])
		}
	}
	if len(want) != 3 || !slices.Equal(got, want) {
		t.Errorf("it is handed %q, and needs %q", got, want)
	}
	// The directory of a unit's credentials, systemd.exec(5).
	if flag := "`--web.config.file=/run/credentials/virt_alerter.service/web.yml`"; !strings.Contains(readFile(t, page), flag) {
		t.Errorf("%s does not say %s", page, flag)
	}
}
