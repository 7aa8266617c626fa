package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/util/compression"
)

const (
	stripes       = 256      // locks of the head: a small one needs few
	walSegment    = 16 << 20 // bytes
	chunkBuffer   = 64 << 10 // bytes; the least there may be
	minFree       = 64 << 20 // bytes that must be free for samples to be stored
	spaceInterval = 5 * time.Second
)

var errNoSpace = errors.New("less than 64 MiB are free where the data directory is: samples are not stored")

// openDB opens or makes the data directory.
func openDB(cfg Config, logger *slog.Logger, reg prometheus.Registerer) (*tsdb.DB, error) {
	if err := os.MkdirAll(cfg.DataDir, 0o750); err != nil {
		return nil, fmt.Errorf("data directory: making it: %w", err)
	}
	o := tsdb.DefaultOptions()
	o.RetentionDuration = cfg.Retention.Milliseconds()
	o.MaxBytes = cfg.RetentionSize
	o.MaxBlockDuration = max(o.MinBlockDuration, o.RetentionDuration/10)
	o.StripeSize = stripes
	o.WALSegmentSize = walSegment
	o.WALCompression = compression.Snappy
	o.HeadChunksWriteBufferSize = chunkBuffer
	// A registry for each attempt: metrics cannot be registered twice.
	registry := prometheus.NewRegistry()
	db, err := tsdb.Open(cfg.DataDir, logger, registry, o, nil)
	if err != nil {
		return nil, openError(cfg, err)
	}
	if err := expireAside(cfg.DataDir, cfg.Retention, time.Now()); err != nil {
		logger.Warn("Samples that were put aside stay", "err", err) // they only take space
	}
	if newest, ahead := isAhead(db); ahead {
		if err := db.Close(); err != nil {
			return nil, fmt.Errorf("data directory: closing it: %w", err)
		}
		dir, err := putAside(cfg.DataDir)
		if err != nil {
			return nil, err
		}
		logger.Warn("Samples lie in the future, for the clock was set back: they are put aside, and alerts begin anew",
			"newest", newest.UTC().Format(time.RFC3339), "dir", dir)
		limitAside(cfg.DataDir, logger)
		registry = prometheus.NewRegistry()
		if db, err = tsdb.Open(cfg.DataDir, logger, registry, o, nil); err != nil {
			return nil, openError(cfg, err)
		}
	}
	if err := reg.Register(registry); err != nil {
		return nil, errors.Join(fmt.Errorf("registering the metrics of the data directory: %w", err), db.Close())
	}
	return db, nil
}

// openError says what to do about a data directory that cannot be opened.
func openError(cfg Config, err error) error {
	if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EWOULDBLOCK) {
		return fmt.Errorf("data directory: opening %s: another process uses it: %w", cfg.DataDir, err)
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, os.ErrPermission) {
		return fmt.Errorf("data directory: opening %s: %w", cfg.DataDir, err)
	}
	return fmt.Errorf("data directory: opening %s: %w; to start without its history, move it away", cfg.DataDir, err)
}

// space watches the file system of the data directory. The head of a TSDB ends
// the process where it cannot write a chunk, so nothing is appended long before.
type space struct {
	dir   string
	every time.Duration // from one look to the next
	need  atomic.Uint64 // bytes that must be free
	full  atomic.Bool
	// since is when that changed the last time, in nanoseconds since 1970; 0: never.
	since atomic.Int64
}

// look measures what is free, and says whether that changed the state.
func (s *space) look() (changed bool, err error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(filepath.Clean(s.dir), &st); err != nil {
		return false, fmt.Errorf("measuring free space of %s: %w", s.dir, err)
	}
	full := st.Bavail*uint64(st.Bsize) < s.need.Load()
	if changed = s.full.Load() != full; changed {
		s.since.Store(time.Now().UnixNano())
		s.full.Store(full)
	}
	return changed, nil
}

func (s *space) watch(ctx context.Context, logger *slog.Logger) {
	tick := time.NewTicker(s.every)
	defer tick.Stop()
	for {
		changed, err := s.look()
		switch {
		case err != nil:
			logger.Warn("Free space is not known", "err", err)
		case changed && s.full.Load():
			logger.Error("Samples are not stored, and rules are not evaluated", "err", errNoSpace, "dir", s.dir, "need_bytes", s.need.Load())
		case changed:
			logger.Info("Samples are stored again", "dir", s.dir)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// guarded is a storage that takes nothing while too little space is free.
type guarded struct {
	storage.Storage
	space *space
}

// Appender implements storage.Appendable. Rules append through it. What one
// adds that was being evaluated when space ran out is dropped.
func (g guarded) Appender(ctx context.Context) storage.Appender {
	if g.space.full.Load() {
		return dropper{}
	}
	return g.Storage.Appender(ctx)
}

// AppenderV2 implements storage.AppendableV2. Scrapes append through it, and fail
// with their first sample, so that the target shows why.
func (g guarded) AppenderV2(ctx context.Context) storage.AppenderV2 {
	if g.space.full.Load() {
		return refuser{}
	}
	return g.Storage.AppenderV2(ctx)
}

type refuser struct{}

func (refuser) Append(storage.SeriesRef, labels.Labels, int64, int64, float64, *histogram.Histogram, *histogram.FloatHistogram, storage.AOptions) (storage.SeriesRef, error) {
	return 0, errNoSpace
}
func (refuser) Commit() error   { return nil }
func (refuser) Rollback() error { return nil }

type dropper struct{ storage.Appender }

func (dropper) SetOptions(*storage.AppendOptions) {}

func (dropper) Append(storage.SeriesRef, labels.Labels, int64, float64) (storage.SeriesRef, error) {
	return 0, nil
}

func (dropper) AppendHistogram(storage.SeriesRef, labels.Labels, int64, *histogram.Histogram, *histogram.FloatHistogram) (storage.SeriesRef, error) {
	return 0, nil
}

func (dropper) AppendExemplar(storage.SeriesRef, labels.Labels, exemplar.Exemplar) (storage.SeriesRef, error) {
	return 0, nil
}

func (dropper) Commit() error   { return nil }
func (dropper) Rollback() error { return nil }
