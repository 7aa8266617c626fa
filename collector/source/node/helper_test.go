package node

import (
	"os"
	"path/filepath"
	"testing"
)

// files are a machine's files: paths from its root, and what they hold.
type files map[string]string

// machine writes files below a new directory and returns options to read them.
func machine(t *testing.T, f files) Options {
	t.Helper()
	root := t.TempDir()
	for _, dir := range []string{"proc", "sys"} {
		if err := os.Mkdir(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	opts := Options{ProcFS: filepath.Join(root, "proc"), SysFS: filepath.Join(root, "sys"), RootFS: root}
	write(t, opts, f)
	return opts
}

func write(t *testing.T, opts Options, f files) {
	t.Helper()
	for name, content := range f {
		path := filepath.Join(opts.RootFS, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// firmware returns the files of DMI, given as name and value by turns.
func firmware(pairs ...string) files {
	f := files{}
	for i := 0; i < len(pairs); i += 2 {
		f["sys/class/dmi/id/"+pairs[i]] = pairs[i+1] + "\n"
	}
	return f
}

// with returns f and more together.
func (f files) with(pairs ...string) files {
	out := files{}
	for name, content := range f {
		out[name] = content
	}
	for i := 0; i < len(pairs); i += 2 {
		out[pairs[i]] = pairs[i+1]
	}
	return out
}
