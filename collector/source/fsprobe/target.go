package fsprobe

import (
	"slices"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
	"github.com/virt-exporter/virt_exporter/collector/source/fsprobe/probe"
)

// key is by what a target is known. Another file system at the same place is
// another target.
type key struct {
	model.Name
	path    string
	mountID uint64
	share   bool // a directory that this host gives to guests, and no mount
}

// target is what is probed: a mount, or a directory that is given to guests. Its
// fields are under the source's lock.
type target struct {
	key
	found   found
	request probe.Request
	probed  bool // there is room for it
	leftOut bool // there was none, which is counted

	helper  Helper
	running bool      // a cycle is under way
	looks   bool      // which only looks whether the mount answers
	next    time.Time // when the next is due
	measure time.Time // when the next that measures is due

	results  []*result
	skipped  [model.NumSkips]uint64
	left     []model.LeftOut // in the last cycle that measured
	refused  bool            // it cannot be probed at all, as far as is known
	success  time.Time       // end of the last cycle with a sample
	interval time.Duration   // from one cycle that measures to the next
	cpu      time.Duration   // of helpers that have ended
	used     time.Duration   // of the one that lives
	paid     time.Duration   // what it had used when the last cycle that measured ended, 0 before
	spent    time.Duration   // from then to the end of the next; 0 for its first, which has its start in it

	waits  waiting
	waited time.Duration // in this cycle, for a mount that did not answer as it should
}

// waiting is the operation that is not answered.
type waiting struct {
	op        probe.Op
	reference string        // beside which
	since     time.Time     // zero while all are answered
	times     int           // helpers that were killed for it
	last      model.Stuck   // where it was last seen
	pid       int           // of the helper that waits, 0 for none
	tid       int           // of its thread that does
	over      time.Duration // how long the next helper may take
}

// begins notes that an operation has begun. One that an earlier helper has begun,
// and died of, is as old as it was then.
func (w *waiting) begins(op probe.Op, pid int, now time.Time) {
	if w.times == 0 || w.since.IsZero() {
		w.since = now
	}
	w.op, w.pid = op, pid
}

// answered notes that the mount answers.
func (w *waiting) answered() { *w = waiting{pid: w.pid, tid: w.tid} }

// age returns for how long the operation has not been answered, 0 while that is
// as it should be.
func (w *waiting) age(now time.Time) time.Duration {
	if w.since.IsZero() {
		return 0
	}
	if age := now.Sub(w.since); age >= late || w.times > 0 {
		return age
	}
	return 0
}

// late is for how long nothing may come from a helper that is well: the time
// that the pairs of one operation may take, and a second.
const late = most + time.Second

// most is how long the pairs of one operation may take.
const most = 2 * time.Second

// fresh reports whether a cycle at such a time still says how it is.
func (t *target) fresh(at, now time.Time) bool {
	return !t.refused && !at.IsZero() && now.Sub(at) <= 3*t.interval+late
}

// show gives what is known of a mount.
func (t *target) show(now time.Time) model.Mount {
	m := model.Mount{
		Name: t.Name, Mountpoint: t.path,
		FSType: t.found.id.FSType, Passthrough: t.found.id.Kind, Source: t.found.id.Source,
		Tag: t.found.id.Tag, Options: t.found.id.Options,
		Device: superblock(t.found.mount.Device),
	}
	if !t.probed {
		return m
	}
	m.StuckSeconds, m.Stuck = t.stuck(now)
	for _, r := range t.results {
		m.Probes = append(m.Probes, r.show(t.fresh(r.at, now)))
	}
	for reason, n := range t.skipped {
		m.Skipped[reason] = model.Some(float64(n))
	}
	m.LeftOut = slices.Clone(t.left)
	m.LastSuccess = timestamp(t.success)
	if !t.refused {
		m.Interval = model.Some(t.interval.Seconds())
	}
	m.ProbeCPU = model.Some((t.cpu + t.used).Seconds())
	return m
}

// showShare gives what is known of a directory that is given to guests.
func (t *target) showShare(now time.Time) model.ShareProbe {
	p := model.ShareProbe{Source: t.path, LastSuccess: timestamp(t.success), LeftOut: slices.Clone(t.left)}
	p.StuckSeconds, _ = t.stuck(now)
	for _, r := range t.results {
		latency := r.mount
		op := model.ShareOp{Op: string(r.op), Latency: &latency}
		if t.fresh(r.at, now) && len(r.reference) == 0 {
			op.Median = model.Some(r.last.MountMedian)
		}
		p.Ops = append(p.Ops, op)
	}
	return p
}

func timestamp(t time.Time) model.Opt {
	if t.IsZero() {
		return model.Opt{}
	}
	return model.Some(float64(t.UnixMilli()) / 1e3)
}
