package blame

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// account splits a total that grows, by cause and culprit. What is put into it is
// never lost: culprits beyond the number that is named are added up as others.
type account struct {
	parts   []part
	unnamed []part       // culprits without a place, what they did lately; at most mostUnnamed
	most    int          // culprits that are named
	method  model.Method // how they are found; estimated if empty

	// exposures counts what was exposed. A series must have been seen at 0 before it
	// grows, or Prometheus does not see it grow: what a new part would have until
	// then stays unexplained. Nil where nobody cares.
	exposures *uint64
}

// part is what one culprit, or a cause without any, has to answer for.
type part struct {
	cause   model.Cause
	culprit string
	seconds float64
	recent  float64 // the same, less and less of what is long ago
	at      time.Duration
	since   uint64 // exposures before it was there
}

// leastSeconds is the least that is put on anybody.
const leastSeconds = 1e-6

// halfLife is how fast culprits are forgiven while it is decided who is named.
const halfLife = time.Minute

// mostUnnamed is how many culprits without a place are remembered.
const mostUnnamed = 16

// add puts seconds on a cause and its culprit. A new culprit takes the place of a
// named one only when that one has done less than half as much lately.
func (a *account) add(now time.Duration, cause model.Cause, culprit string, seconds float64) {
	switch {
	case seconds <= 0:
		return
	case seconds < leastSeconds: // the rest of a calculation
		cause, culprit = model.CauseUnexplained, ""
	}
	p := a.place(now, cause, culprit, seconds)
	p.decay(now)
	p.recent += seconds
	if cause != model.CauseUnexplained && a.exposures != nil && *a.exposures <= p.since {
		p = a.place(now, model.CauseUnexplained, "", seconds)
	}
	p.seconds += seconds
}

// place returns the part for a cause and its culprit, or that for others.
func (a *account) place(now time.Duration, cause model.Cause, culprit string, seconds float64) *part {
	p := a.find(cause, culprit)
	if p != nil {
		return p
	}
	fresh := part{cause: cause, culprit: culprit, at: now}
	if a.exposures != nil {
		fresh.since = *a.exposures
	}
	if culprit != "" && culprit != model.OtherCulprits && a.named() >= a.most {
		rival, least := a.rival(now, fresh), a.least(now)
		if rival.recent += seconds; least.recent*2 >= rival.recent {
			return a.place(now, cause, model.OtherCulprits, seconds)
		}
		fresh.recent = rival.recent - seconds
		*rival = *least
		*least = fresh
		return least
	}
	a.parts = append(a.parts, fresh)
	return &a.parts[len(a.parts)-1]
}

// rival returns what is remembered of a culprit that has no place.
func (a *account) rival(now time.Duration, fresh part) *part {
	var least *part
	for i := range a.unnamed {
		p := &a.unnamed[i]
		p.decay(now)
		if p.cause == fresh.cause && p.culprit == fresh.culprit {
			return p
		}
		if least == nil || p.recent < least.recent {
			least = p
		}
	}
	if len(a.unnamed) < mostUnnamed {
		a.unnamed = append(a.unnamed, fresh)
		return &a.unnamed[len(a.unnamed)-1]
	}
	*least = fresh
	return least
}

func (a *account) find(cause model.Cause, culprit string) *part {
	for i := range a.parts {
		if p := &a.parts[i]; p.cause == cause && p.culprit == culprit {
			return p
		}
	}
	return nil
}

// named counts the culprits that have a place of their own.
func (a *account) named() int {
	n := 0
	for i := range a.parts {
		if c := a.parts[i].culprit; c != "" && c != model.OtherCulprits {
			n++
		}
	}
	return n
}

// least returns the named culprit that has done least lately. There is one.
func (a *account) least(now time.Duration) *part {
	var least *part
	for i := range a.parts {
		p := &a.parts[i]
		if p.culprit == "" || p.culprit == model.OtherCulprits {
			continue
		}
		p.decay(now)
		if least == nil || p.recent < least.recent {
			least = p
		}
	}
	return least
}

func (p *part) decay(now time.Duration) {
	if now > p.at {
		p.recent *= math.Exp2(-(now - p.at).Minutes() / halfLife.Minutes())
	}
	p.at = now
}

// append appends what each part has come to, in an order that does not change
// from reading to reading.
func (a *account) append(dst []model.Stolen) []model.Stolen {
	slices.SortStableFunc(a.parts, func(x, y part) int {
		return cmp.Or(cmp.Compare(x.cause, y.cause), cmp.Compare(x.culprit, y.culprit))
	})
	method := cmp.Or(a.method, model.Estimated)
	for i := range a.parts {
		p := &a.parts[i]
		dst = append(dst, model.Stolen{Cause: p.cause, Culprit: p.culprit, Method: method, Seconds: p.seconds})
	}
	return dst
}
