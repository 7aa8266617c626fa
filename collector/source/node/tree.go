package node

import (
	"os"
	"path/filepath"
	"strings"
)

// tree is where the machine's files are. Inside a container the host's may be
// mounted somewhere, and then the host is what we report on.
type tree struct{ proc, sys, root string }

func newTree(opts Options) tree {
	or := func(path, fallback string) string {
		if path == "" {
			return fallback
		}
		return path
	}
	return tree{proc: or(opts.ProcFS, "/proc"), sys: or(opts.SysFS, "/sys"), root: or(opts.RootFS, "/")}
}

func (t tree) procPath(name string) string { return filepath.Join(t.proc, name) }
func (t tree) sysPath(name string) string  { return filepath.Join(t.sys, name) }
func (t tree) rootPath(name string) string { return filepath.Join(t.root, name) }

// exists reports whether there is something at path that we may see.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// text returns the first line of a file without the blanks and NULs around it,
// or nothing when the file cannot be read: all that is read this way is a hint
// that may be missing. Firmware writes any bytes, so they are made valid UTF-8.
func text(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(b), "\n")
	return strings.ToValidUTF8(strings.Trim(line, " \t\r\x00"), "\uFFFD")
}

// field returns the value of the first line "key: value" of a file.
func field(path, key string) (string, bool) {
	b, err := os.ReadFile(path)
	if err != nil {
		return "", false
	}
	for line := range strings.Lines(string(b)) {
		name, value, ok := strings.Cut(line, ":")
		if ok && strings.TrimSpace(name) == key {
			return strings.TrimSpace(value), true
		}
	}
	return "", false
}
