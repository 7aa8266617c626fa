package blame

import (
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// Split says how much of a guest's steal its quotas explain. The kernel counts
// throttled time per CPU queue and steal per thread: while a queue is held,
// each runnable thread on it waits. The number of runnable threads is taken
// from the interval's own run and wait, and spread over the CPUs of the guest;
// pinning that a cpuset does not show makes it too small, never too large, and
// the rest stays unexplained.
//
// The zero value is ready. Throttle and Unexplained grow as the steal does: a
// steal that begins anew, with a guest that was started again, adds to them.
type Split struct {
	at                    time.Duration
	run, steal            uint64    // nanoseconds, as of at
	held                  model.Opt // seconds, as of at
	Throttle, Unexplained uint64    // nanoseconds
}

// Update takes the guest's run and steal in nanoseconds, how long its quotas
// held it in seconds, and its CPUs, as of now. atStart says that the guest was
// there before the exporter, so that what its quotas did until then explains
// nothing.
func (sp *Split) Update(now time.Duration, run, steal uint64, held model.Opt, cpus float64, atStart bool) {
	if steal < sp.steal || run < sp.run {
		*sp = Split{Throttle: sp.Throttle, Unexplained: sp.Unexplained}
	}
	dSteal := steal - sp.steal
	before, ok1 := sp.held.Get()
	after, ok2 := held.Get()
	var part float64 // seconds of dSteal that the quotas explain
	switch {
	case sp.at == 0 && !atStart:
		part = after // all of its life lies before this first reading
	case sp.at != 0 && now > sp.at && ok1 && ok2:
		runnable := float64(run-sp.run+dSteal) / float64(now-sp.at)
		part = max(after-before, 0) * max(1, runnable/max(cpus, 1))
	}
	explained := dSteal
	if limit := part * 1e9; limit < float64(dSteal) {
		explained = uint64(limit)
	}
	sp.Throttle += explained
	sp.Unexplained += dSteal - explained
	sp.at, sp.run, sp.steal, sp.held = now, run, steal, held
}

// Append appends the causes to dst: throttling only where it is known at all.
func (sp *Split) Append(dst []model.Stolen, throttling bool) []model.Stolen {
	if throttling {
		dst = append(dst, stolen(model.CauseThrottle, sp.Throttle))
	}
	return append(dst, stolen(model.CauseUnexplained, sp.Unexplained))
}

func stolen(cause model.Cause, nanoseconds uint64) model.Stolen {
	return model.Stolen{Cause: cause, Method: model.Estimated, Seconds: float64(nanoseconds) / 1e9}
}
