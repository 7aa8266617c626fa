package dashboards

import (
	"bytes"
	"flag"
	"io/fs"
	"os"
	"slices"
	"testing"
)

var update = flag.Bool("update", false, "write the files of the dashboards anew")

// The files are what users import. `make dashboards` writes them.
func TestFilesAreWhatTheGoSays(t *testing.T) {
	var want []string
	for _, d := range All() {
		name := d.File + ".json"
		want = append(want, name)
		made, err := d.JSON()
		if err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile(name, made, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		committed, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(committed, made) {
			t.Errorf("%s is not what the Go beside it says: run make dashboards", name)
		}
	}
	there, err := fs.Glob(os.DirFS("."), "*.json")
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(want)
	if !slices.Equal(there, want) {
		t.Errorf("there are the files %v, want %v", there, want)
	}
}
