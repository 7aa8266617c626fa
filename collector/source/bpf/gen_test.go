package bpf

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The objects and their Go are what the C beside them makes, byte for byte, so that
// nobody has to trust an object that cannot be read.
func TestObjectsAreMadeFromTheirSource(t *testing.T) {
	for _, tool := range []string{"bash", "clang-14", "llvm-strip-14"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed: the objects are not compared with what their source makes", tool)
		}
	}
	dir := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), filepath.Join("..", "..", "..", ".ci", "bpf.sh"), dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}

	made, committed := objects(t, dir), objects(t, ".")
	if len(made) == 0 {
		t.Fatal("nothing was made")
	}
	names := func(files map[string]string) map[string]bool {
		set := make(map[string]bool, len(files))
		for name := range files {
			set[name] = true
		}
		return set
	}
	if diff := cmp.Diff(names(committed), names(made)); diff != "" {
		t.Fatalf("run make bpf: other files are made than are here (-here +made):\n%s", diff)
	}
	for name := range made {
		if made[name] != committed[name] {
			t.Errorf("run make bpf: %s is not what its source makes", name)
		}
	}
}

// objects returns the generated files of a directory by their names.
func objects(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := make(map[string]string)
	for _, pattern := range []string{"*_bpfel.go", "*_bpfel.o", "*_bpfeb.go"} {
		paths, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			files[filepath.Base(path)] = string(content)
		}
	}
	return files
}
