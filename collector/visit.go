package collector

import (
	"context"
	"time"
)

const (
	// share is how old a reading may be to serve another scrape: two servers
	// that scrape at once must not cost twice.
	share = time.Second

	// brief is how long a scrape waits for a reading that has had its time.
	brief = 100 * time.Millisecond
)

// visit is one scrape on its way.
//
// Each scrape waits for itself alone, until its own deadline, and holds up no
// other meanwhile. It gives a reading that another scrape began no more time
// than one of its own, counted from that reading's beginning: a source that
// hangs costs each server one long scrape and then brief ones, and a patient
// server still gets what an impatient one could not wait for.
type visit struct {
	began  time.Time
	budget time.Duration // from began to the deadline
	over   chan struct{} // closed when it has exposed what it read, or failed
	watch  bool          // it is no scrape but Watch
}

func newVisit(ctx context.Context) *visit {
	v := &visit{began: time.Now(), budget: defaultDeadline, over: make(chan struct{})}
	if deadline, ok := ctx.Deadline(); ok {
		v.budget = deadline.Sub(v.began)
	}
	return v
}

// serves reports whether what a source read is for this scrape: it began the
// reading, or the reading is not older than a second. One that was cut short is
// for the scrape alone whose deadline cut it.
func (v *visit) serves(got *reading) bool {
	return v.recent(got) && (got.by == v || !got.cut)
}

// recent reports whether a reading has ended and is not too old to be exposed. One
// that Watch began before the scrape is: servers take what they get for what is so
// now.
func (v *visit) recent(got *reading) bool {
	if got == nil || !ended(got.done) {
		return false
	}
	if got.by == v {
		return true
	}
	return v.began.Sub(got.ended) < share && (v.watch || !got.by.watch || !got.began.Before(v.began))
}

// pending is something that a scrape waits for.
type pending struct {
	done  <-chan struct{}
	until time.Time
	opens bool // it is no reading yet: one is begun as soon as it has happened
}

// patience says how long the scrape waits for a reading that is under way.
func (v *visit) patience(got *reading) pending {
	return pending{done: got.done, until: v.bound(got.began)}
}

// patienceToOpen says how long the scrape waits until a source is open: no longer
// than for a reading.
func (v *visit) patienceToOpen(o *opening) pending {
	return pending{done: o.done, until: v.bound(o.began), opens: true}
}

// bound says until when the scrape waits for what began then.
func (v *visit) bound(began time.Time) time.Time {
	until, least := began.Add(v.budget), v.began.Add(brief)
	if until.Before(least) {
		return least
	}
	return until
}

// wait returns when it has happened, or when it has had its time.
func (p pending) wait(ctx context.Context) {
	patience, cancel := context.WithDeadline(ctx, p.until)
	defer cancel()
	select {
	case <-p.done:
	case <-patience.Done():
	}
}

// worth reports whether there is time left to wait.
func (p pending) worth(ctx context.Context) bool {
	return ctx.Err() == nil && time.Now().Before(p.until)
}

// ended reports whether the channel is closed.
func ended(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}
