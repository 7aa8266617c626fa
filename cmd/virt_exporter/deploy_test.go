package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/exporter-toolkit/web"

	"github.com/virt-exporter/virt_exporter/fixtures/readme"
)

// namesIn returns the words of a file's line that begins so, without a prefix, sorted.
func namesIn(t *testing.T, file, line, prefix string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(file)))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^ *` + line + `[=:] *\[?(.*?)\]?$`).FindSubmatch(text)
	if m == nil {
		t.Fatalf("%s has no line %s", file, line)
	}
	var names []string
	for _, name := range regexp.MustCompile(`[A-Z_]+`).FindAllString(string(m[1]), -1) {
		names = append(names, strings.TrimPrefix(name, prefix))
	}
	slices.Sort(names)
	return names
}

// Whoever runs it as a service, or on Kubernetes, gives it the same, and what README
// says that something needs.
func TestDeploymentsGrantTheSameCapabilities(t *testing.T) {
	unit := namesIn(t, "deploy/systemd/virt_exporter.service", "AmbientCapabilities", "CAP_")
	if diff := cmp.Diff(unit, namesIn(t, "deploy/systemd/virt_exporter.service", "CapabilityBoundingSet", "CAP_")); diff != "" {
		t.Errorf("the unit gives capabilities that it does not have:\n%s", diff)
	}
	// The kernel's log is for CAP_SYSLOG, and no pod may open it.
	pod := slices.DeleteFunc(slices.Clone(unit), func(name string) bool { return name == "SYSLOG" })
	if diff := cmp.Diff(unit, namesIn(t, "deploy/container/compose.yaml", "cap_add", "")); diff != "" {
		t.Errorf("unit and compose file differ:\n%s", diff)
	}
	if diff := cmp.Diff(pod, namesIn(t, "deploy/kubernetes/daemonset.yaml", "add", "")); diff != "" {
		t.Errorf("unit and DaemonSet differ:\n%s", diff)
	}
	readme, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range unit {
		if !strings.Contains(string(readme), "`CAP_"+name+"`") {
			t.Errorf("README does not say what CAP_%s is for", name)
		}
	}
}

// The web.yml of the page on systemd is one that both programs take, with a hash and a
// certificate of one's own.
func TestWebConfigOfThePageIsValid(t *testing.T) {
	blocks, err := readme.Blocks(filepath.Join("..", "..", "deploy", "systemd", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(blocks, func(b readme.Block) bool { return strings.Contains(b.Text, "basic_auth_users:") })
	if i < 0 {
		t.Fatal("the page has no web.yml")
	}
	dir := t.TempDir()
	writeCertificate(t, dir)
	file := filepath.Join(dir, "web.yml")
	validate := func(text string) error {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return web.Validate(file)
	}
	const hash = "$2y$05$aaaaaaaaaaaaaaaaaaaaaOu72CRq6n7CUMSAv4JhGJIQmAVPnpZoa" // as htpasswd writes it
	if err := validate(strings.Replace(blocks[i].Text, "HASH", hash, 1)); err != nil {
		t.Error(err)
	}
	if err := validate(blocks[i].Text); err == nil {
		t.Error("without a hash it is valid as well")
	}
}
