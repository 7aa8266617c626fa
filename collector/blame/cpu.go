package blame

import (
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// cpuRing estimates who kept whom from the CPU. What a guest waited, less what its
// quotas explain, is told apart into its own threads, this machine's own steal, and
// those who ran meanwhile where it may run. Of them only those are named who took
// more than their share: see cpu_victim.go for the rules, and cpu_share.go for what
// a share is. Guests whose waits are measured take part in all of it but are given
// what was measured.
//
// It counts in rates. An interval goes from the start of the current window to now,
// or from the start of the one before while the current one is shorter than window:
// the kernel books a wait when it ends, so that short intervals say little. What a
// guest waited since the last update is split as that of the interval was.
type cpuRing struct {
	most      int
	exposures *uint64 // see account

	gen     uint64 // this update
	at      time.Duration
	opened  time.Duration // the start of the current window, 0 before the first
	before  time.Duration // … of the one before it
	changed bool          // something is not as it was in the last update

	guests  map[model.Name]*group
	labels  map[string]*group // guests, for finding parents
	units   map[string]*group // by path
	root    *group            // this machine
	here    []*group          // all of this update but the root
	victims []*group          // those of here that may have waited

	tree  cpuTree
	level levelShares
	runs  densities
	cpus  float64 // of this machine, 0 if not known

	samples  sampleClock
	suspects []*group  // those that may be named, greatest first
	named    []suspect // for the victim at hand
}

// window is the shortest time over which rates are taken.
const window = 4 * time.Second

func newCPURing(most int) cpuRing {
	return cpuRing{
		most:   most,
		guests: make(map[model.Name]*group),
		labels: make(map[string]*group),
		units:  make(map[string]*group),
		root:   &group{label: rootUnit, system: true, weight: defaultWeight},
	}
}

// update takes a reading and sets Blame.Steal of each guest. Its memory is the
// ring's and holds until the next update.
func (r *cpuRing) update(now time.Duration, guests []*model.Guest, node *model.Node, units []model.Unit) {
	r.gen++
	r.meet(now, guests, node, units)
	if r.changed {
		r.estimate(now)
		r.at = now
	}
	for _, g := range r.victims {
		g.show()
	}
	r.forget(now)
}

// estimate splits what was waited since the last update.
func (r *cpuRing) estimate(now time.Duration) {
	closing := r.opened != 0 && now-r.opened >= window
	for _, g := range r.here {
		g.measure(r, now)
	}
	r.root.measure(r, now)
	r.tree.plant(r)
	r.weigh()
	r.runs.spread(r.root, r.here, r.cpus)
	r.suspect(closing)
	for _, g := range r.victims {
		if g.measured != nil {
			r.contend(g) // whom it meets is still asked for others' sake
		} else {
			r.blame(g, now)
		}
	}
	if closing {
		r.sample(now)
	}
	if closing || r.opened == 0 {
		r.before, r.opened = r.opened, now
		for _, g := range r.here {
			g.roll(now)
		}
		r.root.roll(now)
	}
}

// since returns when the interval begins that ends now.
func (r *cpuRing) since(now time.Duration) time.Duration {
	if now-r.opened < window && r.before != 0 {
		return r.before
	}
	return r.opened
}

// sample keeps the rates of the window that ends.
func (r *cpuRing) sample(now time.Duration) {
	n := r.samples.next(now)
	for _, g := range r.here {
		g.sample(n)
	}
	r.root.sample(n)
}

// mostGone is how many groups that are gone are remembered.
const mostGone = 8192

// forget drops those that were not seen for a while, and all that are gone when they
// have become too many.
func (r *cpuRing) forget(now time.Duration) {
	absent := len(r.guests) + len(r.units) - len(r.here)
	if absent == 0 {
		return
	}
	gone := func(g *group) bool {
		return g.gen != r.gen && (absent > mostGone || now-g.seenAt > remembered)
	}
	for name, g := range r.guests {
		if gone(g) {
			delete(r.guests, name)
			if r.labels[g.label] == g {
				delete(r.labels, g.label)
			}
		}
	}
	for path, g := range r.units {
		if gone(g) {
			delete(r.units, path)
		}
	}
}
