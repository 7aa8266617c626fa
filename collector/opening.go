package collector

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
	"github.com/virt-exporter/virt_exporter/collector/source"
)

// reopenAfter is the time from one attempt to open a source to the next.
const reopenAfter = time.Minute

// opening is one call of an opener and its outcome. It may take long: programs
// are loaded into the kernel, and all cgroups are walked through.
type opening struct {
	began time.Time
	done  chan struct{} // closed when what follows is set

	src   source.Source // nil if there is an error
	err   error
	ended time.Time
	stack []byte // where the opener panicked
}

// run calls the opener. A panic in it is an error of that source alone, as one
// in a reading is.
func (o *opening) run(open func(Config) (source.Source, error), cfg Config) {
	defer close(o.done)
	defer func() {
		o.ended = time.Now()
		if p := recover(); p != nil {
			o.err, o.stack = fmt.Errorf("the opener panicked: %v", p), debug.Stack()
		}
		if o.err != nil {
			o.src = nil
		}
	}()
	o.src, o.err = open(cfg)
}

// discard closes what comes of an opening that nobody waits for any more.
func (o *opening) discard() {
	<-o.done
	if o.src != nil {
		abandon(o.src)
	}
}

// openable reports whether the source is to be opened: for the first time, or
// because that failed a while ago or the source has panicked since.
func (r *reader) openable() bool {
	return r.src == nil && (r.openedAt.IsZero() || time.Since(r.openedAt) >= reopenAfter)
}

// startOpening begins to make the source.
func (r *reader) startOpening() {
	o := &opening{began: time.Now(), done: make(chan struct{})}
	r.opening, r.last = o, nil
	go o.run(r.open, r.cfg)
}

// opened notes how the opening went.
func (r *reader) opened(o *opening) {
	r.src, r.openedAt, r.shown = o.src, o.ended, false
	var unavailable *source.Unavailable
	switch {
	case o.err == nil:
		r.health.reason = model.Available
		r.record.forget("source")
	case errors.As(o.err, &unavailable):
		r.health.absent(unavailable.Reason)
		r.record.once("source", string(unavailable.Reason), func() {
			r.logger.Info("source is not available here", "reason", unavailable.Reason, "remedy", unavailable.Remedy, "err", unavailable.Err)
		})
	default:
		r.health.absent("error")
		r.health.known = true
		r.record.once("source", o.err.Error(), func() {
			details := []any{"err", o.err}
			if o.stack != nil {
				details = append(details, "stack", string(o.stack))
			}
			r.logger.Error("source could not be opened", details...)
		})
	}
}

var errOpening = errors.New("it is still being opened")

// closeOpening waits until no opening is under way. What comes of one that is
// stuck is closed when it ends, should the process still be there.
func (r *reader) closeOpening(ctx context.Context) error {
	o := r.opening
	if o == nil || ended(o.done) {
		return nil
	}
	select {
	case <-o.done:
		return nil
	case <-ctx.Done():
		go o.discard()
		return errOpening
	}
}
