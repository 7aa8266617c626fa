package guest

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What the guest is told to run installs the program that was meant, or nothing. The
// commands that change the guest are taken over by ones that only say they were run.
func TestRunCmd(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("needs curl")
	}
	const program = "the program"
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte(program)))
	enabled := []string{
		"systemd-sysusers", "systemctl daemon-reload", "systemctl enable --now mnt-share.mount", "systemctl enable --now virt_exporter.service",
	}
	for name, test := range map[string]struct {
		sum, file, refused string
		want               []string
		fails              bool
	}{
		"program as it should be":      {sum: sum, file: "program", want: append([]string{"install " + program}, enabled...)},
		"address with a signature":     {sum: sum, file: "signed&expires=$HOME;x#y", want: append([]string{"install " + program}, enabled...)},
		"another program":              {sum: strings.Repeat("0", 64), file: "program", fails: true},
		"no program":                   {sum: sum, file: "none", fails: true},
		"share that cannot be mounted": {sum: sum, file: "program", refused: "mnt-share.mount", want: append([]string{"install " + program}, enabled...)},
		"exporter that does not start": {sum: sum, file: "program", refused: "virt_exporter.service", want: append([]string{"install " + program}, enabled...), fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, filepath.Join(dir, "program"), program)
			write(t, filepath.Join(dir, "signed&expires=$HOME;x"), program)
			write(t, filepath.Join(dir, "install"), "#!/bin/sh\necho install $(cat $3) >>"+dir+"/ran\n")
			write(t, filepath.Join(dir, "systemd-sysusers"), "#!/bin/sh\necho systemd-sysusers >>"+dir+"/ran\n")
			write(t, filepath.Join(dir, "systemctl"), "#!/bin/sh\necho systemctl $* >>"+dir+"/ran\n[ \"$3\" != \""+test.refused+"\" ] || [ -z \"$3\" ]\n")
			_, c := readConfig(t)
			args := c.RunCmd[0]
			script := strings.NewReplacer("EXPORTER_URL", "file://"+dir+"/"+test.file, "EXPORTER_SHA256", test.sum, "SHARE_TAG", "tag").Replace(args[2])
			cmd := exec.Command(args[0], args[1], script)
			cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "TMPDIR="+dir)
			out, err := cmd.CombinedOutput()
			if (err != nil) != test.fails {
				t.Errorf("it ended with %v: %s", err, out)
			}
			ran, _ := os.ReadFile(filepath.Join(dir, "ran")) // there is none where nothing was run
			if diff := cmp.Diff(test.want, lines(string(ran))); diff != "" {
				t.Errorf("what was run (-want +got):\n%s", diff)
			}
		})
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

func lines(s string) (all []string) {
	for line := range strings.Lines(s) {
		all = append(all, strings.TrimSuffix(line, "\n"))
	}
	return all
}
