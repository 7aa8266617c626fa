package collector

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
	"github.com/virt-exporter/virt_exporter/collector/source"
)

// reader reads one source, never twice at once, and remembers how it went. It
// is used by the scrape that has the turn.
type reader struct {
	opener
	cfg    Config
	logger *slog.Logger

	src      source.Source // nil while unavailable
	opening  *opening      // what is under way to make it, or nil
	openedAt time.Time     // when the last attempt ended
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
// not serve the scrape is followed by a fresh one. So it is with opening the
// source.
func (r *reader) pursue(ctx context.Context, v *visit) (pending, bool) {
	if r.opening != nil && !ended(r.opening.done) {
		p := v.patienceToOpen(r.opening)
		return p, p.worth(ctx)
	}
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
		p := pending{done: got.by.over, until: v.began.Add(v.budget)}
		return p, p.worth(ctx)
	}
	switch {
	case r.openable():
		r.startOpening()
		return v.patienceToOpen(r.opening), true
	case r.src == nil:
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

// settle returns what the source read for this scrape, or nothing if it is late:
// then it costs its own data only.
func (r *reader) settle(v *visit) model.Reading {
	r.take()
	switch {
	case r.nothing():
		return model.Reading{}
	case v.recent(r.last):
		return r.last.Reading
	}
	r.shown = false
	r.health.late()
	r.complain(errors.New("the source did not answer within the scrape's deadline"))
	return model.Reading{}
}

// nothing reports whether it is known that there is nothing to read: the source
// is not available. It is so until an attempt to open it has shown otherwise.
func (r *reader) nothing() bool {
	return r.src == nil && r.last == nil && (r.opening == nil || r.health.reason != model.Available)
}

// answered reports whether the scrape knows what the source has to say.
func (r *reader) answered(v *visit) bool {
	return r.nothing() || (v.recent(r.last) && !r.last.cut)
}

// take notes how the opening and the last reading went, once they have ended.
func (r *reader) take() {
	if o := r.opening; o != nil && ended(o.done) {
		r.opening = nil
		r.opened(o)
	}
	if r.last == nil || r.last == r.judged || !ended(r.last.done) {
		return
	}
	r.judged, r.shown = r.last, false
	if r.last.stack != nil {
		r.src = nil // it was closed; another is opened
	}
	r.health.judge(r.last)
	r.report(r.last)
}

// close ends the source, once it is neither opened nor read any more. A reading
// that is stuck is left alone: the process is about to end.
func (r *reader) close(ctx context.Context) error {
	if err := r.closeOpening(ctx); err != nil {
		return err
	}
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
