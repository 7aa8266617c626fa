package blame

import (
	"math"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// group is what competes for the CPU: a guest, a unit of the host, the machine's
// root, or a cgroup of which nothing is known but that others are in it.
type group struct {
	label  string // as culprit, empty for one that only holds others
	guest  bool
	system bool

	cgroup, within, parent string // where it was last seen

	gen     uint64 // the last update with it
	seenAt  time.Duration
	reading *model.Guest // of a guest that may have waited, during the update

	// As last read. What is absent is not a number.
	usage, run         float64 // seconds
	throttle, rest     float64 // seconds waited for its quotas, and the other waits
	weight, limit      float64
	allowed            model.CPUSet
	ownCPUs            float64
	cur, prev          mark // the starts of the current window and of the one before
	accounted          bool
	accountedRest      float64
	account            account
	returned           bool      // it was measured before: its account begins at 0
	throttledBefore    float64   // … and these seconds of its quotas are of then
	measured           *measured // nil while its waits are estimated
	out                []model.Stolen
	fresh              bool    // cannot be compared with an earlier reading
	stale              bool    // compared with a reading that is older than that of others
	ran, threads       float64 // rates of the interval: CPUs used, and by the threads whose waits are known
	waited, restWaited float64 // … threads that waited, for whatever, and not for quotas
	contended          float64 // … for others

	up, child, next *group // in the tree
	depth           int
	planted         bool
	set             model.CPUSet // CPUs that it may use, those of the group around it if its own are not known
	size            float64      // how many

	below    float64 // CPUs that the groups in it used
	net      float64 // CPUs that it used besides
	busy     bool
	fair     float64 // CPUs that it may claim, and of them what is left for its own
	ownFair  float64
	over     float64 // CPUs used beyond that, with all in it
	ownOver  float64 // … by its own
	claim    float64 // its share of what the group around it may claim
	ownClaim float64
	entitled float64 // … and its part of what those beside it leave; 0 if not known
	wants    float64 // CPUs used and waited for, with all in it
	spare    float64 // CPUs that those in it claim and do not want
	takers   float64 // weight of those in it who want more than they claim
	overs    uint8   // samples in which its own were over, the last one in bit 0

	history *history
}

// mark is a reading that intervals begin with.
type mark struct {
	at                         time.Duration // 0 for none
	usage, run, throttle, rest float64
}

// absent is what stands for a figure that is not there.
func absent() float64 { return math.NaN() }

// number returns a counter, not a number where it is absent or is none.
func number(o model.Opt) float64 {
	v, ok := o.Get()
	if !ok || math.IsInf(v, 0) || v < 0 {
		return absent()
	}
	return v
}

func (g *group) mark(now time.Duration) mark {
	return mark{now, g.usage, g.run, g.throttle, g.rest}
}

// fell reports whether a counter began anew.
func (g *group) fell(m mark) bool {
	return g.usage < m.usage || g.run < m.run || g.rest < m.rest || g.throttle < m.throttle
}

// measure takes the rates of the interval that ends now.
func (g *group) measure(r *cpuRing, now time.Duration) {
	g.ran, g.threads, g.waited, g.restWaited, g.contended = absent(), 0, 0, 0, 0
	if g.cur.at != 0 && (g.fell(g.cur) || g.fell(g.prev)) {
		g.cur, g.prev = mark{}, mark{}
	}
	g.fresh = g.cur.at == 0
	if g.fresh {
		// Who was not there before was born meanwhile, or could not be seen. If it
		// cannot have used that much since, it was the latter.
		if seconds := (now - r.at).Seconds(); r.opened != 0 && seconds > 0 && g.usage <= seconds*r.cpus {
			g.ran = g.usage / seconds
		}
		g.cur = g.mark(now)
		return
	}
	base := g.cur
	if now-base.at < window && g.prev.at != 0 {
		base = g.prev
	}
	seconds := (now - base.at).Seconds()
	if seconds <= 0 {
		g.fresh = true
		return
	}
	g.stale = base.at < r.since(now)
	g.ran = (g.usage - base.usage) / seconds
	g.threads = zeroed((g.run - base.run) / seconds)
	g.restWaited = zeroed((g.rest - base.rest) / seconds)
	g.waited = g.restWaited + zeroed((g.throttle-base.throttle)/seconds)
	if math.IsNaN(g.run) {
		g.threads = zeroed(g.ran)
	}
	if math.IsNaN(g.usage) && g.guest {
		g.ran = g.threads
	}
}

func zeroed(v float64) float64 {
	if math.IsNaN(v) {
		return 0
	}
	return max(v, 0)
}

// roll begins a window.
func (g *group) roll(now time.Duration) {
	if g.cur.at != now {
		g.prev, g.cur = g.cur, g.mark(now)
	}
}

// sample keeps what the last window showed.
func (g *group) sample(n uint64) {
	g.overs <<= 1
	if g.ownOver > 0 {
		g.overs |= 1
	}
	lively := g.net >= busyCPUs || g.contended >= leastBlame
	if lively && g.history == nil {
		g.history = newHistory(n)
	}
	if g.history == nil {
		return
	}
	if !g.history.put(n, g.net, g.contended, lively, !g.fresh) {
		g.history = nil
	}
}

// begin starts the account anew, with nothing explained. Where the same seconds were
// put on others as measured, it starts at 0.
func (g *group) begin(now time.Duration, most int, exposures *uint64) {
	g.account.most, g.account.exposures = most, exposures
	unexplained := g.rest
	g.throttledBefore = 0
	if g.returned {
		unexplained, g.throttledBefore = 0, g.throttle
	}
	g.account.parts = append(g.account.parts[:0], part{cause: model.CauseUnexplained, seconds: unexplained, at: now})
	g.accounted, g.accountedRest, g.returned = true, g.rest, false
}

// show gives a guest what its account says.
func (g *group) show() {
	g.out = g.out[:0]
	if g.measured != nil {
		g.out = g.measured.account.append(g.out)
	} else {
		g.out = g.account.append(g.throttled(g.out))
	}
	g.reading.Blame.Steal = g.out
	if g.entitled > 0 {
		g.reading.Blame.EntitledCPUs = model.Some(g.entitled)
	}
	g.reading = nil
}

// throttled appends what its quotas held the guest.
func (g *group) throttled(dst []model.Stolen) []model.Stolen {
	if g.throttle < g.throttledBefore {
		g.throttledBefore = 0 // it began anew
	}
	before := g.throttledBefore
	for _, part := range g.reading.CPU.StealBy {
		if part.Cause != model.CauseThrottle {
			continue
		}
		of := min(before, part.Seconds)
		before -= of
		part.Seconds -= of
		dst = append(dst, part)
	}
	return dst
}
