package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/prometheus/tsdb"
)

// ErrClock is why Run ends when the clock was set back. A TSDB takes no sample that
// is older than those it has, and one that did would mix what was counted before
// with what was counted after: rates would see counters begin anew where they did
// not. Whoever runs the engine makes another one, which puts that data aside.
var ErrClock = errors.New("the clock was set back")

const (
	// clockTolerance is how far a clock may be set back without harm: a few samples
	// are refused then.
	clockTolerance = 5 * time.Second
	clockInterval  = time.Second

	// asideDir is where samples of the future are kept, in the data directory, until
	// others are put there.
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

// putAside moves all that a data directory holds away.
func putAside(dir string) error {
	aside := filepath.Join(dir, asideDir)
	if err := os.RemoveAll(aside); err != nil {
		return fmt.Errorf("removing what was put aside before: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("reading the data directory: %w", err)
	}
	if err := os.Mkdir(aside, 0o750); err != nil {
		return fmt.Errorf("making room for samples of the future: %w", err)
	}
	for _, e := range entries {
		if err := os.Rename(filepath.Join(dir, e.Name()), filepath.Join(aside, e.Name())); err != nil {
			return fmt.Errorf("putting samples of the future aside: %w", err)
		}
	}
	return nil
}
