package collector_test

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/virt-exporter/virt_exporter/fixtures/hostfs"
)

const (
	nobody = 65534

	// envArchive names the archive of the host that TestUnprivilegedScrape reads.
	envArchive = "VIRT_EXPORTER_TEST_ARCHIVE"
)

// scrapeUnprivileged scrapes a host as somebody for whom the modes of files
// count. To root they say nothing: then this program runs itself as nobody, in
// a directory of which nobody can see this program and the archive.
func scrapeUnprivileged(t *testing.T, archive string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		return scrapeOnce(t, archive)
	}
	dir, err := os.MkdirTemp("", "unprivileged")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, copied := filepath.Join(dir, "self.test"), filepath.Join(dir, "host.txtar")
	copyFile(t, self, program, 0o755)
	copyFile(t, archive, copied, 0o644)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd := exec.CommandContext(t.Context(), program, "-test.run=^TestUnprivilegedScrape$")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), envArchive+"="+copied, "TMPDIR=") // that of root may be closed to others
	cmd.ExtraFiles = []*os.File{w}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	var exposition []byte
	done := make(chan error, 1)
	go func() {
		var err error
		exposition, err = io.ReadAll(r)
		done <- err
	}()
	out, err := cmd.CombinedOutput()
	w.Close()
	if err != nil {
		t.Fatalf("scraping as nobody: %v\n%s", err, out)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return string(exposition)
}

// TestUnprivilegedScrape is what scrapeUnprivileged runs as nobody.
func TestUnprivilegedScrape(t *testing.T) {
	archive := os.Getenv(envArchive)
	if archive == "" {
		t.Skip("run by TestGolden")
	}
	out := os.NewFile(3, "exposition")
	defer out.Close()
	if _, err := out.WriteString(scrapeOnce(t, archive)); err != nil {
		t.Fatal(err)
	}
}

func scrapeOnce(t *testing.T, archive string) (exposition string) {
	t.Helper()
	h := hostfs.Open(t, archive)
	synctest.Test(t, func(t *testing.T) { exposition = start(t, h).scrape(t) })
	return exposition
}

func copyFile(t *testing.T, from, to string, mode os.FileMode) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, b, mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(to, mode); err != nil {
		t.Fatal(err)
	}
}
