package engine

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
)

func exists(t *testing.T, name string) bool {
	t.Helper()
	_, err := os.Stat(name)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return err == nil
}

// The data directory may be a volume, or one where people keep their rules.
func TestOnlyWhatTheTSDBMadeIsPutAside(t *testing.T) {
	c := testConfig(t)
	rules := filepath.Join(c.DataDir, "my.rules.yml")
	found := filepath.Join(c.DataDir, "lost+found")
	kept := filepath.Join(c.DataDir, asideDir, "kept")
	write(t, rules, "groups: []\n")
	if err := os.Mkdir(found, 0o700); err != nil {
		t.Fatal(err)
	}
	series := labels.FromStrings("__name__", "temperature")
	for range 2 {
		fill(t, c, 1, series, time.Now().Add(12*time.Hour))
		db, err := New(c, quiet(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := value(t, db, "temperature offset -12h"); ok {
			t.Error("samples of the future are not put aside")
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		if !exists(t, rules) || !exists(t, found) {
			t.Fatal("somebody's files are gone")
		}
		if !exists(t, filepath.Join(c.DataDir, asideDir, "wal")) {
			t.Error("no WAL was put aside")
		}
		write(t, kept, "")
	}
	if err := removeAside(c.DataDir); err != nil {
		t.Fatal(err)
	}
	if !exists(t, kept) {
		t.Error("somebody's file among what was put aside is gone")
	}
}

func TestFilesOfTSDB(t *testing.T) {
	for name, want := range map[string]bool{
		"wal": true, "wbl": true, "chunks_head": true, "chunk_snapshot.000001.0000000032": true,
		"01ARZ3NDEKTSV4RRFFQ69G5FAV": true, "01ARZ3NDEKTSV4RRFFQ69G5FAV.tmp-for-deletion": true,
		"lock": false, "ahead": false, "lost+found": false, "my.rules.yml": false, "01ARZ3NDEKTSV4RRFFQ69G5FAV.yml": false, "ABCDEFGHIJKLMNOPQRSTUVWXYZ": false,
	} {
		if got := ofTSDB(name); got != want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// A clock that was a little ahead is no reason to begin anew.
func TestSmallSetBackKeepsTheHistory(t *testing.T) {
	c := testConfig(t)
	fill(t, c, 1, labels.FromStrings("__name__", "temperature"), time.Now().Add(-time.Minute), time.Now().Add(time.Minute))
	e, err := New(c, quiet(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if _, ok := value(t, e, "temperature"); !ok || exists(t, filepath.Join(c.DataDir, asideDir)) {
		t.Error("the history is gone")
	}
}

func TestWhatWasPutAsideExpires(t *testing.T) {
	c := testConfig(t)
	aside := filepath.Join(c.DataDir, asideDir)
	if err := os.MkdirAll(filepath.Join(aside, "wal"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		age  time.Duration
		want bool
	}{{c.Retention - time.Hour, true}, {c.Retention + time.Hour, false}} {
		at := time.Now().Add(-tt.age)
		if err := os.Chtimes(aside, at, at); err != nil {
			t.Fatal(err)
		}
		e, err := New(c, quiet(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		if got := exists(t, aside); got != tt.want {
			t.Errorf("%s later it is there: %t", tt.age, got)
		}
	}
}
