package collector

import (
	"context"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/blame"
	"github.com/virt-exporter/virt_exporter/collector/model"
)

// WatchInterval is how often guests are read without being asked, so that who
// kept whom waiting is judged by seconds and not by the minutes between scrapes.
const WatchInterval = 5 * time.Second

// watchShare is the part of one CPU that this may take: where reading costs more,
// it is done less often.
const watchShare = 0.01

// watchDeadline bounds a reading of the watch.
const watchDeadline = 4 * time.Second

// watched are the sources that are read: files and maps of the kernel alone. Daemons are
// not asked and mounts not touched without a scrape.
func watched(source string) bool {
	return source == sourceNode || source == sourceCgroup || source == sourceVMM || source == sourceBPF
}

// A watch rests so long at most where reading is dear, and after one that failed.
const (
	dearRest   = 30 * time.Second
	failedRest = time.Minute
)

// Watch reads guests between scrapes until the context ends. Scrapes that come
// often enough leave it nothing to do.
func (c *Collector) Watch(ctx context.Context) {
	timer := time.NewTimer(WatchInterval)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		timer.Reset(c.watch(ctx))
	}
}

// watch reads guests unless a scrape just did, and returns how long nothing is to
// be done. A panic in it must not end the exporter, as one in a scrape does not.
func (c *Collector) watch(ctx context.Context) (rest time.Duration) {
	ctx, cancel := context.WithTimeoutCause(ctx, watchDeadline, errDeadline)
	defer cancel()
	if err := c.turn.take(ctx); err != nil {
		return WatchInterval
	}
	defer c.turn.give()
	defer func() {
		if p := recover(); p != nil {
			c.logger.Error("Watching guests has panicked", "panic", p, "stack", string(debug.Stack()))
			rest = failedRest
		}
	}()
	if since := time.Since(c.judgedAt); since < WatchInterval-brief {
		return WatchInterval - since
	}
	v := newVisit(ctx)
	v.watch = true
	defer close(v.over)
	before := cpuTime()
	if err := c.read(ctx, v); err != nil {
		return WatchInterval
	}
	c.mergeWatched(v)
	// A scrape at the same time counts too: that is rather too careful.
	dear := time.Duration(float64(cpuTime()-before) / watchShare)
	return max(WatchInterval, min(dear, dearRest))
}

// mergeWatched puts the readings together and lets them be judged. Nothing is
// exposed, and no source is late: that is for scrapes to say.
func (c *Collector) mergeWatched(v *visit) {
	views := make([]view, len(c.readers))
	for i, r := range c.readers {
		views[i] = view{source: r.name, health: &r.health}
		if !watched(r.name) {
			views[i].reading, views[i].answered = r.remembered()
			continue
		}
		r.take()
		if r.last != nil && v.recent(r.last) {
			views[i].reading = r.last.Reading
		}
		views[i].answered = r.answered(v)
		if now := time.Now(); !views[i].answered && !now.Before(r.unwatched) {
			r.unwatched = now.Add(failedRest) // what is slow is not made faster by asking often
		}
	}
	c.host.merge(views, time.Since(c.began))
	c.judge(views)
	c.tellInhabitants(views)
}

// remembered returns what the source read for the last scrape, while it is not at
// work on another reading.
func (r *reader) remembered() (got model.Reading, answered bool) {
	const most = 2 * time.Minute
	switch {
	case r.nothing():
		return model.Reading{}, true
	case r.last == nil, !ended(r.last.done), time.Since(r.last.ended) > most:
		return model.Reading{}, false
	}
	return r.last.Reading, !r.last.cut
}

// judge has it estimated who kept whom waiting, as of when guests were read.
func (c *Collector) judge(views []view) {
	var at time.Time
	c.host.units = c.host.units[:0]
	for i, r := range c.readers {
		if watched(r.name) && r.last != nil && ended(r.last.done) && r.last.ended.After(at) {
			at = r.last.ended
		}
		c.host.units = append(c.host.units, views[i].reading.Units...)
	}
	if at.IsZero() {
		return
	}
	c.judgedAt = at
	c.host.here = c.host.here[:0]
	for _, g := range c.host.guests {
		g.Blame = model.Blame{}
		if g.VMHost == "" && !g.Ended {
			c.host.here = append(c.host.here, g)
		}
	}
	c.estimate(at)
}

// estimate asks the ring. A panic in an estimate must cost nothing else: the ring
// begins anew.
func (c *Collector) estimate(at time.Time) {
	defer func() {
		if p := recover(); p != nil {
			c.logger.Error("The estimate of culprits has panicked and begins anew", "panic", p, "stack", string(debug.Stack()))
			c.ring = blame.NewRing(blame.Options{Culprits: c.culprits})
			for _, g := range c.host.here {
				g.Blame = model.Blame{}
			}
		}
	}()
	c.ring.Update(at.Sub(c.began), c.host.here, c.host.node, c.host.units)
}

// cpuTime returns the CPU time of this process so far.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
