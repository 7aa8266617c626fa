package collector

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
	"github.com/virt-exporter/virt_exporter/collector/source"
)

const (
	reopenAfter = time.Minute // until an unavailable source is tried again
	repeatAfter = time.Minute // until the same error is logged again
)

// reader reads one source, never twice at once, and remembers how it went.
// Only one scrape at a time uses it.
type reader struct {
	opener
	cfg    Config
	logger *slog.Logger

	src      source.Source // nil while unavailable
	openedAt time.Time     // the last attempt
	inflight chan reading  // the reading under way, or nil

	health   health
	logged   map[string]string // what was said of each subject, to say it once
	loggedAt time.Time
}

// reading is the outcome of one call of Source.Read.
type reading struct {
	model.Reading
	err      error
	duration time.Duration
}

// health is what the metrics about a source are made of.
type health struct {
	source      string
	reason      model.Reason // why it is not available; empty when it is
	known       bool         // it was read at least once
	success     bool
	duration    time.Duration
	lastSuccess time.Time
	lists       bool // it is a source of guests
	guests      int
	collisions  uint64
	dropped     map[string]uint64
	duplicates  uint64 // guests that another source gave too
	features    []model.Feature
}

// start begins a reading unless one is under way: a source that is stuck is
// stuck once, however often it is asked.
func (r *reader) start(ctx context.Context) {
	if r.inflight != nil || !r.opened() {
		return
	}
	done := make(chan reading, 1) // buffered: nobody may be waiting any more
	r.inflight = done
	ctx, cancel := earlier(ctx)
	go func() {
		defer cancel()
		began := time.Now()
		got, err := r.src.Read(ctx)
		done <- reading{got, err, time.Since(began)}
	}()
}

// earlier returns a context that ends a little before ctx does, so that a
// source that heeds it can still hand over what it has read by then.
func earlier(ctx context.Context) (context.Context, context.CancelFunc) {
	const most = 200 * time.Millisecond
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	margin := min(time.Until(deadline)/10, most)
	return context.WithDeadlineCause(ctx, deadline.Add(-margin), errDeadline)
}

// opened makes the source if that was not done yet or failed a while ago.
func (r *reader) opened() bool {
	if r.src != nil || (!r.openedAt.IsZero() && time.Since(r.openedAt) < reopenAfter) {
		return r.src != nil
	}
	r.openedAt = time.Now()
	src, err := r.open(r.cfg)
	var unavailable *source.Unavailable
	switch {
	case err == nil:
		r.src = src
		r.health.reason = model.Available
		r.logged["source"] = ""
	case errors.As(err, &unavailable):
		r.health.reason = unavailable.Reason
		r.once("source", string(unavailable.Reason), func() {
			r.logger.Info("source is not available here", "reason", unavailable.Reason, "remedy", unavailable.Remedy, "err", unavailable.Err)
		})
	default:
		r.health.reason, r.health.known, r.health.success = "error", true, false
		r.once("source", err.Error(), func() { r.logger.Error("source could not be opened", "err", err) })
	}
	return r.src != nil
}

// wait returns what the source read, or nothing if it is late: then it costs
// its own data only, and the next scrape joins the same reading.
func (r *reader) wait(ctx context.Context) model.Reading {
	if r.inflight == nil {
		return model.Reading{}
	}
	select {
	case got := <-r.inflight:
		r.inflight = nil
		r.judge(got)
		return got.Reading
	default:
	}
	select {
	case got := <-r.inflight:
		r.inflight = nil
		r.judge(got)
		return got.Reading
	case <-ctx.Done():
		r.health.known, r.health.success = true, false
		r.health.guests = 0
		r.complain(errors.New("the source did not answer within the scrape's deadline"))
		return model.Reading{}
	}
}

// settle takes in a late reading so that the next one is fresh.
func (r *reader) settle() {
	select {
	case got := <-r.inflight:
		r.inflight = nil
		r.judge(got)
	default:
	}
}

// judge notes how a reading went.
func (r *reader) judge(got reading) {
	h := &r.health
	h.known, h.success, h.duration = true, got.err == nil, got.duration
	h.lists = got.Guests != nil
	h.guests, h.collisions, h.dropped = len(got.Guests), got.Collisions, got.Dropped
	h.features = got.Features
	if h.success {
		h.lastSuccess = time.Now()
	} else {
		r.complain(got.err)
	}
	for _, f := range got.Features {
		if f.Reason == model.Available {
			r.logged[f.Name] = ""
			continue
		}
		r.once(f.Name, string(f.Reason), func() {
			r.logger.Info("feature is not available here", "feature", f.Name, "reason", f.Reason, "remedy", f.Remedy)
		})
	}
}

// complain logs a failed reading, the same one not oftener than once a minute.
func (r *reader) complain(err error) {
	text := err.Error()
	if r.logged["error"] == text && time.Since(r.loggedAt) < repeatAfter {
		return
	}
	r.logged["error"], r.loggedAt = text, time.Now()
	r.logger.Warn("reading was not whole", "err", err)
}

// once calls say if what it would say of a subject is new.
func (r *reader) once(subject, what string, say func()) {
	if r.logged[subject] != what {
		r.logged[subject] = what
		say()
	}
}

// close ends the source, once no reading is under way. One that is stuck is
// left alone: the process is about to end.
func (r *reader) close(ctx context.Context) error {
	if r.src == nil {
		return nil
	}
	if r.inflight != nil {
		select {
		case <-r.inflight:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return r.src.Close()
}
