package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/prometheus/tsdb"
)

// ErrClock is why Run ends when the clock was set back. A TSDB takes no sample that
// is older than those it has, and one that did would mix what was counted before
// with what was counted after: rates would see counters begin anew where they did
// not. Whoever runs the engine makes another one, which puts that data aside.
var ErrClock = errors.New("the clock was set back")

const (
	// clockTolerance is how far a clock may be set back without harm: samples are
	// refused that long, and queries see those of before. It is less than half of
	// lookback, so that nothing seems absent.
	clockTolerance = 2 * time.Minute
	clockInterval  = time.Second

	// asideDir is where samples of the future are kept, in the data directory, until
	// others are put there or they are older than the retention.
	asideDir = "ahead"
)

// watchClock ends with ErrClock when the clock is set back, and else with nil when
// ctx does.
func watchClock(ctx context.Context) error {
	tick := time.NewTicker(clockInterval)
	defer tick.Stop()
	before := time.Now()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		now := time.Now()
		if back := now.Sub(before) - now.Round(0).Sub(before.Round(0)); back > clockTolerance {
			return fmt.Errorf("%w, by %s", ErrClock, back.Round(time.Second))
		}
		before = now
	}
}

// isAhead reports whether the newest sample lies in the future: nothing could be
// stored until time has caught up.
func isAhead(db *tsdb.DB) (newest time.Time, ahead bool) {
	last := int64(0)
	if head := db.Head(); head.NumSeries() > 0 {
		last = head.MaxTime()
	}
	for _, b := range db.Blocks() {
		last = max(last, b.MaxTime())
	}
	newest = time.UnixMilli(last)
	return newest, time.Until(newest) > clockTolerance
}

// ofTSDB reports whether a TSDB made a file: what else is in its directory, as a
// volume's lost+found or somebody's rules, is not ours to move.
func ofTSDB(name string) bool {
	if slices.Contains([]string{"wal", "wbl", "chunks_head"}, name) || strings.HasPrefix(name, "chunk_snapshot.") {
		return true
	}
	name, _, _ = strings.Cut(name, ".tmp-")
	_, err := ulid.ParseStrict(name)
	return err == nil
}

// putAside moves all that a TSDB made in its directory away, in place of what was
// put aside before.
func putAside(dir string) error {
	if err := removeAside(dir); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("reading the data directory: %w", err)
	}
	aside := filepath.Join(dir, asideDir)
	if err := os.MkdirAll(aside, 0o750); err != nil {
		return fmt.Errorf("making room for samples of the future: %w", err)
	}
	for _, e := range entries {
		if !ofTSDB(e.Name()) {
			continue
		}
		if err := os.Rename(filepath.Join(dir, e.Name()), filepath.Join(aside, e.Name())); err != nil {
			return fmt.Errorf("putting samples of the future aside: %w", err)
		}
	}
	return nil
}

// removeAside removes what was put aside, and the directory where nothing else is
// in it.
func removeAside(dir string) error {
	aside := filepath.Join(dir, asideDir)
	entries, err := os.ReadDir(aside)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading what was put aside: %w", err)
	}
	left := 0
	for _, e := range entries {
		if !ofTSDB(e.Name()) {
			left++
			continue
		}
		if err := os.RemoveAll(filepath.Join(aside, e.Name())); err != nil {
			return fmt.Errorf("removing what was put aside: %w", err)
		}
	}
	if left > 0 {
		return nil
	}
	if err := os.Remove(aside); err != nil {
		return fmt.Errorf("removing what was put aside: %w", err)
	}
	return nil
}

// expireAside removes what was put aside longer ago than samples are kept.
func expireAside(dir string, retention time.Duration, now time.Time) error {
	info, err := os.Stat(filepath.Join(dir, asideDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking for what was put aside: %w", err)
	}
	if !info.IsDir() || now.Sub(info.ModTime()) <= retention {
		return nil
	}
	return removeAside(dir)
}
