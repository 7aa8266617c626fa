package fsprobe

import (
	"cmp"
	"slices"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
	"github.com/virt-exporter/virt_exporter/collector/source/fsprobe/pairs"
	"github.com/virt-exporter/virt_exporter/collector/source/fsprobe/probe"
)

// result is what probing with one operation against one reference has shown.
type result struct {
	op            probe.Op
	reference     string
	mount, beside model.Histogram
	last          pairs.Comparison
	at            time.Time // of the last cycle
}

// resultOf returns the result for an operation, a new one at first.
func (t *target) resultOf(op probe.Op, reference string) *result {
	for _, r := range t.results {
		if r.op == op && r.reference == reference {
			return r
		}
	}
	r := &result{op: op, reference: reference}
	t.results = append(t.results, r)
	slices.SortFunc(t.results, func(a, b *result) int {
		return cmp.Or(cmp.Compare(a.reference, b.reference), cmp.Compare(order(a.op), order(b.op)))
	})
	return r
}

// order returns the place of an operation among all.
func order(op probe.Op) int {
	return slices.Index([]probe.Op{
		probe.Stat, probe.Lookup, probe.StatFS, probe.Read, probe.ReadDir,
		probe.Create, probe.Write, probe.Rename, probe.Unlink,
	}, op)
}

// take adds the samples of one operation.
func (r *result) take(s *probe.Samples, now time.Time) {
	for _, ns := range s.Mount {
		r.mount.Observe(time.Duration(ns))
	}
	for _, ns := range s.Beside {
		r.beside.Observe(time.Duration(ns))
	}
	r.last, r.at = pairs.Compare(s.Mount, s.Beside), now
}

// show gives what the result says. The figures of a cycle that is too long ago
// are absent: they would be taken for what is.
func (r *result) show(fresh bool) model.Probe {
	mount, beside, c := r.mount, r.beside, &r.last
	p := model.Probe{Op: string(r.op), Reference: r.reference, Mount: &mount}
	if fresh {
		p.MountMedian = model.Some(c.MountMedian)
	}
	if r.reference == "" {
		return p // there was nothing to compare with
	}
	p.Beside = &beside
	if fresh && c.Pairs > 0 {
		p.Pairs = model.Some(float64(c.Pairs))
		p.BesideMedian = model.Some(c.BesideMedian)
		p.Ratio, p.RatioLower, p.RatioUpper = show(c.Ratio)
		p.Added, p.AddedLower, p.AddedUpper = show(c.Added)
	}
	return p
}

func show(e pairs.Estimate) (median, lower, upper model.Opt) {
	if e.Bounded {
		lower, upper = model.Some(e.Lower), model.Some(e.Upper)
	}
	return model.Some(e.Median), lower, upper
}
