package blame

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

const (
	// Less than this part of what a victim waited, and less than these CPUs, is
	// nobody's fault.
	leastPart  = 0.01
	leastBlame = 0.001

	// cpuSuspects is how many may share the blame in one interval.
	cpuSuspects = 16
)

// suspect is one that may be to blame for a victim's waits.
type suspect struct {
	*group
	run    float64 // CPUs that it used where the victim may run
	limit  float64 // most that it can be to blame for, in CPUs
	factor float64
}

// suspect lists those who took more than their share in at least two of the last
// three samples. closing says that this interval is one of them.
func (r *cpuRing) suspect(closing bool) {
	r.suspects = r.suspects[:0]
	if r.cpus == 0 {
		return
	}
	take := func(g *group) {
		overs := g.overs & 7
		if closing {
			overs = g.overs<<1&7 | 1
		}
		if g.ownOver > 0 && g.label != "" && !g.fresh && overs&(overs-1) != 0 {
			r.suspects = append(r.suspects, g)
		}
	}
	for _, g := range r.here {
		take(g)
	}
	take(r.root)
	slices.SortFunc(r.suspects, func(a, b *group) int {
		return cmp.Or(cmp.Compare(b.net, a.net), cmp.Compare(a.label, b.label))
	})
}

// blame puts what v waited since the last update on its account, split as the
// interval's rates are. For k always-runnable threads on one CPU the kernel shows
// k × the run time of others, and (k - 1) × their own; the rest is quotas.
//
// A guest that is itself over its share is a victim like any other, of those who are
// more so.
func (r *cpuRing) blame(v *group, now time.Duration) {
	grown := v.rest - v.accountedRest
	v.accountedRest = v.rest
	if !(grown > 0) {
		r.contend(v)
		return
	}
	unit := grown / v.restWaited // seconds of this increase for each rate
	left := grown
	put := func(cause model.Cause, culprit string, rate float64) {
		if seconds := min(rate*unit, left); seconds > 0 {
			v.account.add(now, cause, culprit, seconds)
			left -= seconds
		}
	}
	if known := r.contend(v); known && v.restWaited > 0 {
		self, hypervisor := r.own(v), r.stolen(v)
		total, kin := r.others(v)
		if total > 0 {
			self += v.contended * kin / total
		}
		put(model.CauseSelf, "", self)
		put(model.CauseHypervisor, "", hypervisor)
		put(model.CauseWakeup, "", r.woken(v))
		r.accuse(v, total)
		for i := range r.named {
			s := &r.named[i]
			cause := model.CauseNeighbour
			if s.system {
				cause = model.CauseSystem
			}
			put(cause, s.label, s.limit)
		}
	}
	v.account.add(now, model.CauseUnexplained, "", left)
}

// contend finds the rate at which v waited for others. It is false where nothing is
// known of them.
func (r *cpuRing) contend(v *group) bool {
	if v.fresh || v.stale || r.cpus == 0 {
		return false
	}
	v.contended = max(v.restWaited-r.own(v)-r.stolen(v)-r.woken(v), 0)
	return true
}

// mostRoom bounds the CPUs that count when it is asked whether all were busy: the
// scheduler looks for an idle one nearby.
const mostRoom = 8

// woken returns the rate at which v waited though a CPU was idle: it had to be woken,
// or found. A thread waits for others when all the CPUs that it may use are busy,
// which each is for the part of the time that somebody ran there.
func (r *cpuRing) woken(v *group) float64 {
	busy := (r.runs.where(v) + max(zeroed(r.root.restWaited), 0)*v.size/r.cpus) / max(v.size, 1)
	return max(v.restWaited-r.own(v)-r.stolen(v), 0) * (1 - math.Pow(min(busy, 1), min(max(r.room(v), 1), mostRoom)))
}

// among returns how much of the CPU time where v may run was of the threads beside
// the one that waits: as many threads as there are CPUs for can be on one of each,
// or meet by chance. With more than that the scheduler spreads them, and own knows
// what they cost each other.
func (r *cpuRing) among(v *group) float64 {
	k := v.runnable()
	if k <= 1 {
		return 0
	}
	room := max(r.room(v), 1)
	return v.threads * (k - 1) / k * min(max(2-k/room, 0), 1)
}

// room returns how many CPUs v has for its threads.
func (r *cpuRing) room(v *group) float64 {
	if v.allowed == nil && v.ownCPUs > 0 {
		return v.ownCPUs
	}
	return v.size
}

// runnable returns how many threads of v were runnable in the mean.
func (v *group) runnable() float64 { return v.threads + v.waited }

// own returns the rate at which v waited for the very threads that waited.
func (r *cpuRing) own(v *group) float64 {
	return min(max(v.runnable()/max(r.room(v), 1)-1, 0)*v.threads, v.restWaited)
}

// stolen returns the rate at which v waited for CPUs that this machine was not
// given. One waits on busy CPUs, so what was stolen of those counts.
func (r *cpuRing) stolen(v *group) float64 {
	stolen := r.root.restWaited
	if r.root.fresh || !(stolen > 0) || !(r.root.ran >= 0) {
		return 0
	}
	return (v.restWaited - r.own(v)) * stolen / (stolen + r.root.ran)
}

// others returns how much was run where v may run, besides its threads that waited,
// and of that what was its kin's: its helpers and the guests around it. What is in
// it is counted with it.
func (r *cpuRing) others(v *group) (total, kin float64) {
	kin = max(v.ran-v.threads, 0) + r.among(v)
	total = r.runs.where(v) - inside(v, v) + kin
	for g := v.up; g != nil; g = g.up {
		if g.guest {
			kin += g.net * overlap(g, v)
		}
	}
	return max(total, 0), min(kin, max(total, 0))
}

// inside adds up what g and those in it ran where v may run.
func inside(g, v *group) float64 {
	run := g.net * overlap(g, v)
	for c := g.child; c != nil; c = c.next {
		run += inside(c, v)
	}
	return run
}

// accuse finds the suspects to name for what v waited, and how much of it is due to
// each: their parts of what was run there, but of those who ran when v waited more
// than of those who did not; and never more than they took beyond their share, for
// each thread that waited.
func (r *cpuRing) accuse(v *group, total float64) {
	r.named = r.named[:0]
	least := max(leastPart*v.restWaited, leastBlame)
	if v.contended < least || total <= 0 {
		return
	}
	var run, weighed, most float64
	for _, g := range r.suspects {
		if g.net*v.contended < least*total || len(r.named) == cpuSuspects {
			break // they are sorted
		}
		s := suspect{group: g, run: g.net * overlap(g, v)}
		if s.run*v.contended < least*total || g == v || kin(g, v) {
			continue
		}
		if s.limit = excess(g, v) * max(1, v.runnable()); s.limit < least {
			continue
		}
		s.factor = r.samples.likeness(v.history, g.history)
		run, weighed, most = run+s.run, weighed+s.run*s.factor, max(most, s.factor)
		r.named = append(r.named, s)
	}
	portion := v.contended * run / total * most
	named := r.named[:0]
	for _, s := range r.named {
		if weighed > 0 {
			s.limit = min(s.limit, portion*s.run*s.factor/weighed)
		}
		if weighed > 0 && s.limit >= least {
			named = append(named, s)
		}
	}
	r.named = named
}

// kin reports whether one of two guests is inside the other.
func kin(g, v *group) bool {
	return g.guest && (g.in(v) || v.in(g))
}

// excess returns how many CPUs g took at v's cost: beyond its share, and beyond that
// of what is around it up to where their ways part. There the scheduler weighs the
// two against each other, and whoever had no more for his weight than v is not to
// blame, however small the share that both exceed.
func excess(g, v *group) float64 {
	if g.ownOver <= 0 {
		return 0
	}
	over, side, other := g.ownOver, g, v
	for side.depth > other.depth {
		if side.depth == other.depth+1 && side.up == other {
			return 0 // in v
		}
		over, side = min(over, side.over), side.up
	}
	for other.depth > side.depth && other.up != side {
		other = other.up
	}
	if other.up == side { // v lies in g, whose own processes stand beside it
		return fairly(min(over, g.net-g.ownClaim-left(defaultWeight, other, side)), g.net/defaultWeight, other)
	}
	for side.up != other.up {
		over, side, other = min(over, side.over), side.up, other.up
	}
	if side.unknown() || other.unknown() {
		return 0 // nobody knows what they weigh
	}
	over = min(over, side.ran-side.claim-left(side.weight, other, side.up))
	return fairly(over, side.ran/side.weight, other)
}

// unknown reports whether nothing is known of v but what is in it.
func (v *group) unknown() bool { return !v.guest && !v.system }

// fairly returns over unless other had as much for its weight.
func fairly(over, perWeight float64, other *group) float64 {
	if over <= 0 || perWeight <= tolerance*other.ran/other.weight || math.IsNaN(over) {
		return 0
	}
	return over
}
