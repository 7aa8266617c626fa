package collector

import (
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// repeatAfter is the time from one complaint of a source to the next.
const repeatAfter = time.Minute

// record is what the log was told of a source, so that it is not told at each
// scrape.
type record struct {
	said         map[string]string // by subject
	complaining  bool              // the last thing said is that a reading was not whole
	complainedAt time.Time
}

// once calls say if what it would say of a subject is new.
func (r *record) once(subject, what string, say func()) {
	if r.said[subject] == what {
		return
	}
	if r.said == nil {
		r.said = make(map[string]string)
	}
	r.said[subject] = what
	say()
}

// forget makes everything news that will be said of a subject.
func (r *record) forget(subject string) { delete(r.said, subject) }

// report logs what is new in a reading.
func (r *reader) report(got *reading) {
	switch {
	case got.stack != nil:
		r.record.once("panic", got.err.Error(), func() {
			r.logger.Error("source is thrown away and will be opened anew", "err", got.err, "stack", string(got.stack))
		})
		r.complain(got.err)
	case got.err != nil:
		r.complain(got.err)
	default:
		r.praise()
	}
	for _, f := range got.Features {
		if f.Reason == model.Available {
			r.record.forget(f.Name)
			continue
		}
		r.record.once(f.Name, string(f.Reason), func() {
			r.logger.Info("feature is not available here", "feature", f.Name, "reason", f.Reason, "remedy", f.Remedy)
		})
	}
}

// complain logs a failed reading, at most one in a minute: error texts hold
// counts and paths, so that under load hardly two of them are the same.
func (r *reader) complain(err error) {
	if !r.record.complainedAt.IsZero() && time.Since(r.record.complainedAt) < repeatAfter {
		return
	}
	r.record.complaining, r.record.complainedAt = true, time.Now()
	r.logger.Warn("reading was not whole", "err", err)
}

// praise logs that what was complained of is over.
func (r *reader) praise() {
	if r.record.complaining {
		r.record.complaining = false
		r.logger.Info("reading is whole again")
	}
}
