package bpf

import (
	"cmp"
	"slices"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// waits is who ran while whom waited since the guest was first measured: by guest,
// those inside it included, and culprit. It is kept by who they are and not by slots,
// which are used again.
type waits struct {
	by      map[*guest]map[culprit]*wait
	sweptAt time.Duration
}

// culprit is a cause and who it is.
type culprit struct {
	cause model.Cause
	name  string
}

type wait struct {
	ns       uint64
	reported uint64        // of it
	recent   uint64        // of it, less and less of what is long ago
	at       time.Duration // it last grew
}

// mostWaits is how many culprits a guest may have; others are added up. A sweep leaves
// those that did most lately.
const mostWaits, keptWaits = 64, 16

// forgotten is how long a culprit that does nothing more is listed. One that returns
// begins at 0.
const forgotten = 15 * time.Minute

// sweepEvery is how often that is looked for.
const sweepEvery = time.Minute

func newWaits() *waits { return &waits{by: make(map[*guest]map[culprit]*wait)} }

// add notes that a part waited while an owner ran.
func (w *waits) add(now time.Duration, p part, o *owner, ns uint64) {
	p.eachGuest(false, func(g *guest) {
		var c culprit
		c.cause, c.name = o.causeOf(g)
		of := w.by[g]
		if of == nil {
			of = make(map[culprit]*wait)
			w.by[g] = of
		}
		if of[c] == nil && c.name != "" && len(of) >= mostWaits && !makeRoom(now, of, ns) {
			c.name = model.OtherCulprits
		}
		grow(now, of, c, ns)
	})
}

func grow(now time.Duration, of map[culprit]*wait, c culprit, ns uint64) {
	one := of[c]
	if one == nil {
		one = &wait{}
		of[c] = one
	}
	one.ns += ns
	one.recent += ns
	one.at = now
}

// makeRoom drops the culprit that did least lately for one that just did twice as much,
// if there is one. What was not reported of it is that of others.
func makeRoom(now time.Duration, of map[culprit]*wait, ns uint64) bool {
	var least culprit
	for c, one := range of {
		if c.name != "" && c.name != model.OtherCulprits && 2*one.recent < ns {
			least, ns = c, 2*one.recent
		}
	}
	if least.name == "" {
		return false
	}
	rest := of[least].ns - of[least].reported
	delete(of, least)
	if rest > 0 {
		grow(now, of, culprit{least.cause, model.OtherCulprits}, rest)
	}
	return true
}

// sweep forgets what is long ago.
func (w *waits) sweep(now time.Duration) {
	if now-w.sweptAt < sweepEvery {
		return
	}
	w.sweptAt = now
	for g, of := range w.by {
		if g.gone && now-g.goneAt > kept {
			delete(w.by, g)
			continue
		}
		w.thin(now, of)
	}
}

// thin forgets culprits that do nothing more, and all but those that did most lately
// where there are many.
func (w *waits) thin(now time.Duration, of map[culprit]*wait) {
	var named []uint64
	for c, one := range of {
		switch {
		case now-one.at > forgotten:
			delete(of, c)
		case c.name != "" && c.name != model.OtherCulprits:
			named = append(named, one.recent)
		}
	}
	least := uint64(0)
	if len(named) > keptWaits {
		slices.Sort(named)
		least = named[len(named)-keptWaits]
	}
	for c, one := range of {
		if c.name != "" && c.name != model.OtherCulprits && one.recent < least {
			delete(of, c)
		}
		one.recent /= 2
	}
}

// report appends the parts of what a guest waited. It is never nil: that nobody was
// waited for is known.
func (w *waits) report(g *guest, to []model.Stolen) []model.Stolen {
	if to == nil {
		to = []model.Stolen{}
	}
	for c, one := range w.by[g] {
		one.reported = one.ns
		to = append(to, model.Stolen{Cause: c.cause, Culprit: c.name, Method: model.Measured, Seconds: float64(one.ns) / 1e9})
	}
	slices.SortFunc(to, func(a, b model.Stolen) int {
		return cmp.Or(cmp.Compare(a.Cause, b.Cause), cmp.Compare(a.Culprit, b.Culprit))
	})
	return to
}
