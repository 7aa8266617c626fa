package collector

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
	"github.com/virt-exporter/virt_exporter/collector/source"
)

// reopenAfter is the time from one attempt to open a source to the next.
const reopenAfter = time.Minute

// reader reads one source, never twice at once, and remembers how it went. It
// is used by the scrape that has the turn.
type reader struct {
	opener
	cfg    Config
	logger *slog.Logger

	src      source.Source // nil while unavailable
	openedAt time.Time     // the last attempt
	last     *reading      // the last one that was begun, or nil
	judged   *reading      // the last one of which health knows
	shown    bool          // the exposition has what is to be said of the source

	unwatched time.Time // until then only scrapes read it

	health health
	record record
}

// pursue brings the source nearer to a reading that serves the scrape. It
// returns what to wait for before it is called again, or false if that has come
// to an end: settle then says which.
//
// A reading under way is joined, so that there is never more than one: a source
// that is stuck is stuck once, however often it is asked. A reading that does
// not serve the scrape is followed by a fresh one.
func (r *reader) pursue(ctx context.Context, v *visit) (pending, bool) {
	if r.last != nil && !ended(r.last.done) {
		p := v.patience(r.last)
		return p, p.worth(ctx)
	}
	r.take()
	if v.serves(r.last) || ctx.Err() != nil {
		return pending{}, false
	}
	if got := r.last; got != nil && got.cut && !ended(got.by.over) {
		// What a short deadline left is still wanted by the scrape of that
		// deadline. It is about to end.
		p := pending{got.by.over, v.began.Add(v.budget)}
		return p, p.worth(ctx)
	}
	if !r.opened() {
		r.last = nil
		return pending{}, false
	}
	r.start(ctx, v)
	return v.patience(r.last), true
}

// start begins a reading.
func (r *reader) start(ctx context.Context, v *visit) {
	got := &reading{by: v, began: time.Now(), done: make(chan struct{})}
	r.last = got
	src := r.src
	ctx, cancel := earlier(ctx)
	go func() {
		defer cancel()
		got.read(ctx, src)
		if got.stack != nil {
			abandon(src)
		}
	}()
}

// opened makes the source if that was not done yet, if it failed a while ago or
// if the source has panicked since.
func (r *reader) opened() bool {
	if r.src != nil || (!r.openedAt.IsZero() && time.Since(r.openedAt) < reopenAfter) {
		return r.src != nil
	}
	r.openedAt, r.shown = time.Now(), false
	src, err := r.open(r.cfg)
	var unavailable *source.Unavailable
	switch {
	case err == nil:
		r.src = src
		r.health.reason = model.Available
		r.record.forget("source")
	case errors.As(err, &unavailable):
		r.health.absent(unavailable.Reason)
		r.record.once("source", string(unavailable.Reason), func() {
			r.logger.Info("source is not available here", "reason", unavailable.Reason, "remedy", unavailable.Remedy, "err", unavailable.Err)
		})
	default:
		r.health.absent("error")
		r.health.known = true
		r.record.once("source", err.Error(), func() { r.logger.Error("source could not be opened", "err", err) })
	}
	return r.src != nil
}

// settle returns what the source read for this scrape, or nothing if it is late:
// then it costs its own data only.
func (r *reader) settle(v *visit) model.Reading {
	r.take()
	switch {
	case r.last == nil:
		return model.Reading{}
	case v.recent(r.last):
		return r.last.Reading
	}
	r.shown = false
	r.health.late()
	r.complain(errors.New("the source did not answer within the scrape's deadline"))
	return model.Reading{}
}

// take notes how the last reading went, once it has ended.
func (r *reader) take() {
	if r.last == nil || r.last == r.judged || !ended(r.last.done) {
		return
	}
	r.judged, r.shown = r.last, false
	if r.last.stack != nil {
		r.src = nil // it was closed; opened makes another
	}
	r.health.judge(r.last)
	r.report(r.last)
}

// close ends the source, once no reading is under way. One that is stuck is
// left alone: the process is about to end.
func (r *reader) close(ctx context.Context) error {
	if r.last != nil && !ended(r.last.done) {
		select {
		case <-r.last.done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	r.take()
	if r.src == nil {
		return nil
	}
	return r.src.Close()
}
