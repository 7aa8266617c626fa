package blame

import (
	"math"
	"slices"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

const (
	// busyCPUs is what a group must use, or wait for, to count among those that
	// share the CPU.
	busyCPUs = 0.01

	// tolerance is how far over its share a group is within it: readings of many
	// files are not of one moment, and the scheduler's balance is not perfect.
	tolerance = 1.05
)

// levelShares deals the CPUs of a group to those in it.
type levelShares struct {
	groups []*group  // the busy ones
	weight []float64 // for each CPU; empty while all may use the same
	union  model.CPUSet
}

// weigh finds what each group used besides those in it, and what it may claim: at
// each level of the tree its weight among those that are busy, of the CPUs that it
// may use. A quota that is smaller is all that it may claim, and leaves more to the
// others. What somebody else could have used but did not does not make a share
// larger: one who takes that is over his share, but is to blame only where somebody
// waits who had less, and for what he took of that one's: see left.
func (r *cpuRing) weigh() {
	order := r.tree.order
	for _, g := range order {
		if !g.guest && !g.system {
			g.ran = absent() // nothing is known but what is in it
		}
		g.below, g.busy = 0, g.waited >= busyCPUs
		g.over, g.ownOver = 0, 0
		g.fair, g.ownFair = 0, 0
		g.wants, g.spare, g.takers, g.claim, g.entitled = 0, 0, 0, 0, 0
		g.set, g.size = g.allowed, float64(g.allowed.Count())
		if g.set == nil && g.up != nil {
			g.set, g.size = g.up.set, g.up.size
		} else if g.set == nil {
			g.size = r.cpus
		}
	}
	for i := len(order) - 1; i >= 0; i-- {
		g := order[i]
		if math.IsNaN(g.ran) {
			g.ran = g.below
		}
		g.net = max(g.ran-g.below, 0)
		g.wants = max(g.wants+g.net, g.ran+g.waited)
		g.busy = g.busy || g.ran >= busyCPUs
		if g.up != nil {
			g.up.below += g.ran
			g.up.wants += g.wants
			g.up.busy = g.up.busy || g.busy
		}
	}
	r.root.fair, r.root.entitled = r.cpus, r.cpus
	for _, g := range order {
		r.level.deal(g)
		r.level.leave(g)
		if g.ran > tolerance*g.fair {
			g.over = g.ran - g.fair
		}
		if g.net > tolerance*g.ownFair {
			g.ownOver = g.net - g.ownFair
		}
	}
}

// deal deals what p may claim to those in it that are busy. Its own processes are
// one of them, with the default weight.
func (l *levelShares) deal(p *group) {
	l.groups = l.groups[:0]
	same, sum := true, 0.0
	for c := p.child; c != nil; c = c.next {
		if c.busy {
			l.groups = append(l.groups, c)
			same = same && equal(c.set, p.set)
			sum += c.weight
		}
	}
	if len(l.groups) == 0 {
		p.ownFair = p.fair
		return
	}
	own := p.net >= busyCPUs
	if own {
		sum += defaultWeight
	}
	if same {
		fair := min(p.fair, p.size) / sum
		for _, c := range l.groups {
			c.fair = fair * c.weight
		}
		p.ownFair = fair * defaultWeight
	} else {
		l.dealApart(p, own)
	}
	l.cap(p)
}

// dealApart deals to groups that may not use the same CPUs. Each weighs on a CPU
// with its part of it, as the scheduler has it.
func (l *levelShares) dealApart(p *group, own bool) {
	l.weight, l.union = l.weight[:0], append(l.union[:0], p.set...)
	if !own {
		clear(l.union)
	}
	rest := 0.0 // on every CPU: of those that may use all
	for _, c := range l.groups {
		if c.set == nil {
			rest += c.weight / c.size
			continue
		}
		l.weight = addTo(l.weight, c.set, c.weight/c.size)
		l.union = join(l.union, c.set)
	}
	if own && p.set == nil {
		rest += defaultWeight / p.size
	} else if own {
		l.weight = addTo(l.weight, p.set, defaultWeight/p.size)
	}
	union := float64(l.union.Count())
	if rest > 0 {
		union = max(p.size, union)
	}
	claim := min(p.fair, union) / union // of each CPU
	for _, c := range l.groups {
		c.fair = claim * c.size * c.weight / l.weightOn(c.set, c.size, rest)
	}
	if own {
		p.ownFair = claim * p.size * defaultWeight / l.weightOn(p.set, p.size, rest)
	}
}

// leave finds what those in p may claim while nobody wants more than now: their
// shares of what p may, and of what the busy ones among them claim and do not want
// their part by weight. An idle one may claim what a busy one of its weight may.
func (l *levelShares) leave(p *group) {
	scale := 1.0
	if p.fair > 0 {
		scale = p.entitled / p.fair
	}
	busy := 0.0
	claim := func(weight, claim, wants float64) {
		busy += weight
		if wants > claim {
			p.takers += weight
		} else {
			p.spare += claim - wants
		}
	}
	for _, c := range l.groups {
		c.claim = c.fair * scale
		claim(c.weight, c.claim, c.wants)
	}
	if p.ownClaim = p.ownFair * scale; len(l.groups) > 0 && p.net >= busyCPUs {
		claim(defaultWeight, p.ownClaim, p.net)
	}
	for c := p.child; c != nil; c = c.next {
		if !c.busy {
			c.claim = p.entitled * c.weight / (busy + c.weight)
		}
		spare := p.spare
		if p.takers > 0 {
			spare *= c.weight / max(p.takers, c.weight)
		}
		c.entitled = min(c.claim+spare, c.limit, c.size)
	}
}

// left returns what g may take besides its share without harm to v, which lies
// beside it in p: its part of what the others there claim and do not want. What v
// itself does not want at times it may want at others.
func left(weight float64, v, p *group) float64 {
	if p == nil || p.takers == 0 {
		return 0
	}
	return max(p.spare-max(v.claim-v.wants, 0), 0) * weight / p.takers
}

func (l *levelShares) weightOn(set model.CPUSet, size, rest float64) float64 {
	if set == nil {
		set = l.union
	}
	return sumOver(l.weight, set) + rest*size
}

// cap holds shares to quotas and CPUs, and gives what that leaves to the others. That
// may bring some of those to theirs.
func (l *levelShares) cap(p *group) {
	const most = 16
	for range most {
		left, open := 0.0, 0.0
		for _, c := range l.groups {
			if limit := min(c.limit, c.size); c.fair > limit {
				left += c.fair - limit
				c.fair = limit
			} else if c.fair < limit {
				open += c.weight
			}
		}
		own := p.net >= busyCPUs
		if own {
			open += defaultWeight
		}
		if left <= 0 || open == 0 {
			return
		}
		if own {
			p.ownFair += left * defaultWeight / open
		}
		for _, c := range l.groups {
			if c.fair < min(c.limit, c.size) {
				c.fair += left * c.weight / open
			}
		}
	}
}

// equal reports whether two sets are the same, which they mostly are by sharing
// their memory.
func equal(a, b model.CPUSet) bool {
	if len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0]) {
		return true
	}
	return slices.Equal(a, b)
}

func join(dst, s model.CPUSet) model.CPUSet {
	for i, word := range s {
		if i == len(dst) {
			dst = append(dst, 0)
		}
		dst[i] |= word
	}
	return dst
}
