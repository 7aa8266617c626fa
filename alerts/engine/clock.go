package engine

import (
	"context"
	"errors"
	"fmt"
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
