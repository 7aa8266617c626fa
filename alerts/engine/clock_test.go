package engine

import (
	"bytes"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb"
)

func exists(t *testing.T, name string) bool {
	t.Helper()
	_, err := os.Stat(name)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return err == nil
}

// setBack has an engine find samples of the future once.
func setBack(t *testing.T, c Config, value float64) {
	t.Helper()
	fill(t, c, value, labels.FromStrings("__name__", "temperature"), time.Now().Add(12*time.Hour))
	e, err := New(c, quiet(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
}

// asideNames are the directories that hold samples, the oldest first.
func asideNames(t *testing.T, dir string) []string {
	t.Helper()
	list, err := asides(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, a := range list {
		names = append(names, filepath.Base(a.path))
	}
	return names
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
	for _, dir := range []string{"ahead", "ahead.2"} {
		setBack(t, c, 1)
		if !exists(t, rules) || !exists(t, found) {
			t.Fatal("somebody's files are gone")
		}
		if !exists(t, filepath.Join(c.DataDir, dir, "wal")) {
			t.Errorf("no WAL was put aside into %s", dir)
		}
		write(t, kept, "")
	}
	list, err := asides(c.DataDir)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range list {
		if err := a.remove(); err != nil {
			t.Fatal(err)
		}
	}
	if !exists(t, kept) {
		t.Error("somebody's file among what was put aside is gone")
	}
	if exists(t, filepath.Join(c.DataDir, "ahead.2")) {
		t.Error("an empty directory stays")
	}
}

func TestEachSetBackKeepsWhatWasPutAsideBefore(t *testing.T) {
	c := testConfig(t)
	for i, want := range [][]string{
		{"ahead"},
		{"ahead", "ahead.2"},
		{"ahead", "ahead.2", "ahead.3"},
		{"ahead.2", "ahead.3", "ahead.4"},
	} {
		setBack(t, c, float64(i))
		if diff := cmp.Diff(want, asideNames(t, c.DataDir)); diff != "" {
			t.Fatalf("after set-back %d (-want +got):\n%s", i+1, diff)
		}
	}
	for i, name := range []string{"ahead.2", "ahead.3", "ahead.4"} {
		if got := onlySample(t, filepath.Join(c.DataDir, name)); got != float64(i+1) {
			t.Errorf("%s has %v, want the sample of set-back %d", name, got, i+2)
		}
	}
}

// onlySample is the value of the one sample of a database.
func onlySample(t *testing.T, dir string) float64 {
	t.Helper()
	db, err := tsdb.Open(dir, quiet(), nil, tsdb.DefaultOptions(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	q, err := db.Querier(0, math.MaxInt64)
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	set := q.Select(t.Context(), false, nil, labels.MustNewMatcher(labels.MatchEqual, "__name__", "temperature"))
	if !set.Next() {
		t.Fatalf("%s has no series: %v", dir, set.Err())
	}
	samples := set.At().Iterator(nil)
	samples.Next()
	_, v := samples.At()
	return v
}

func TestOldestThatWasPutAsideIsRemovedAloud(t *testing.T) {
	c := testConfig(t)
	for _, name := range []string{"ahead", "ahead.2", "ahead.7", "ahead.10"} {
		if err := os.MkdirAll(filepath.Join(c.DataDir, name, "wal"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	var log bytes.Buffer
	limitAside(c.DataDir, slog.New(slog.NewTextHandler(&log, nil)))
	if diff := cmp.Diff([]string{"ahead.2", "ahead.7", "ahead.10"}, asideNames(t, c.DataDir)); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
	if want := "dir=" + filepath.Join(c.DataDir, "ahead") + "\n"; !strings.Contains(log.String(), want) || strings.Count(log.String(), "\n") != 1 {
		t.Errorf("the log has not just %q: %s", want, log.String())
	}
}

func TestNamesOfDirectoriesAside(t *testing.T) {
	for name, want := range map[string]int{
		"ahead": 1, "ahead.2": 2, "ahead.10": 10,
		"ahead.1": 0, "ahead.02": 0, "ahead.+2": 0, "ahead.-2": 0, "ahead.x": 0, "ahead.": 0, "ahead2": 0, "ahead.99999999999": 0, "wal": 0,
	} {
		got, ok := asideNumber(name)
		if got != want || ok != (want > 0) {
			t.Errorf("%s: %d, %t", name, got, ok)
		}
		if ok && filepath.Base(asidePath("/d", got)) != name {
			t.Errorf("%s: another name is made of it", name)
		}
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
	ages := map[string]time.Duration{"ahead": c.Retention + time.Hour, "ahead.2": c.Retention - time.Hour, "ahead.3": -time.Hour}
	for name, age := range ages {
		dir := filepath.Join(c.DataDir, name)
		if err := os.MkdirAll(filepath.Join(dir, "wal"), 0o700); err != nil {
			t.Fatal(err)
		}
		at := time.Now().Add(-age)
		if err := os.Chtimes(dir, at, at); err != nil {
			t.Fatal(err)
		}
	}
	e, err := New(c, quiet(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"ahead.2", "ahead.3"}, asideNames(t, c.DataDir)); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
}
