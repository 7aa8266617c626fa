package blame

import (
	"math"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

const (
	// rootUnit is the culprit for what runs in no cgroup, kernel threads above all.
	rootUnit = "-.slice"

	defaultWeight = 100
	idleWeight    = 100 * 3. / 1024 // cpu.weight reads 0 then
)

// meet takes over what was read.
func (r *cpuRing) meet(now time.Duration, guests []*model.Guest, node *model.Node, units []model.Unit) {
	r.here, r.victims, r.changed = r.here[:0], r.victims[:0], false
	r.root.gen = r.gen
	usage, stolen := absent(), absent()
	r.cpus = 0
	if node != nil {
		usage, stolen, r.cpus = number(node.CPUUsage), number(node.CPUSteal), zeroed(number(node.CPUs))
	}
	r.note(&r.root.usage, usage)
	r.note(&r.root.rest, stolen)
	r.root.run, r.root.throttle, r.root.limit = absent(), absent(), math.Inf(1)
	r.meetUnits(now, units)
	for _, g := range guests {
		// Another machine's are in nobody's way here, nor are those that are gone.
		g.Blame.Steal = nil
		if g.VMHost == "" && !g.Ended {
			r.meetGuest(now, g)
		}
	}
	if r.cpus == 0 {
		r.cpus = float64(r.root.allowed.Count())
	}
	for _, g := range r.here {
		if r.root.allowed != nil || node != nil && r.cpus > 0 {
			break
		}
		// Nobody says how many CPUs there are: as many as somebody may use.
		r.cpus = max(r.cpus, g.ownCPUs, float64(g.allowed.Count()))
	}
}

// note takes a counter over and sees whether it moved.
func (r *cpuRing) note(was *float64, is float64) {
	if *was != is && !(math.IsNaN(*was) && math.IsNaN(is)) {
		*was, r.changed = is, true
	}
}

func (r *cpuRing) meetUnits(now time.Duration, units []model.Unit) {
	for i := range units {
		u := &units[i]
		g := r.root
		if u.Path != "/" && u.Path != "" {
			g = r.units[u.Path]
			if g == nil {
				g = &group{system: true, cgroup: u.Path, usage: absent()}
				r.units[u.Path] = g
			}
			if g.gen == r.gen {
				continue
			}
			r.see(g, now)
			r.note(&g.usage, number(u.Usage))
			g.run, g.throttle, g.rest, g.limit = absent(), absent(), absent(), math.Inf(1)
			if quota, ok := u.LimitCores.Get(); ok && quota > 0 {
				g.limit = quota
			}
			g.label = u.Name
		} else if u.Name != "" {
			g.label = u.Name
		}
		g.weight, g.allowed = weight(u.Weight), known(u.CPUs)
	}
}

func (r *cpuRing) see(g *group, now time.Duration) {
	r.changed = r.changed || !g.planted || g.gen+1 != r.gen
	g.gen, g.seenAt = r.gen, now
	r.here = append(r.here, g)
}

func (r *cpuRing) meetGuest(now time.Duration, m *model.Guest) {
	g := r.guests[m.Name]
	if g == nil {
		g = &group{label: m.String(), guest: true, usage: absent(), run: absent(), throttle: absent(), rest: absent()}
		r.guests[m.Name], r.labels[g.label] = g, g
	}
	if g.gen == r.gen {
		return // given twice
	}
	r.see(g, now)
	if g.cgroup != m.Info.Cgroup || g.within != m.Within || g.parent != m.Info.Parent {
		g.cgroup, g.within, g.parent = m.Info.Cgroup, m.Within, m.Info.Parent
		r.tree.stale = true
	}
	g.weight, g.limit, g.allowed = weight(m.CPU.Weight), zeroed(number(m.CPU.LimitCores)), known(m.CPU.Allowed)
	if g.limit == 0 {
		g.limit = math.Inf(1)
	}
	g.ownCPUs = 0
	if m.Kind == model.Container { // those of a virtual machine are not this one's
		g.ownCPUs = zeroed(number(m.CPU.CPUs))
	}
	r.note(&g.usage, number(m.CPU.Usage))
	r.note(&g.run, number(m.CPU.Run))
	throttle, rest, ok := waits(&m.CPU)
	r.note(&g.throttle, throttle)
	r.note(&g.rest, rest)
	isMeasured := r.meetMeasured(g, now, &m.CPU)
	if !ok && (!isMeasured || math.IsNaN(number(m.CPU.Steal))) {
		return
	}
	g.reading = m
	r.victims = append(r.victims, g)
	if isMeasured {
		g.measured.update(r, now, g.label, &m.CPU)
		return
	}
	if !g.accounted || g.rest < g.accountedRest {
		g.begin(now, r.most, r.exposures)
	}
}

// waits returns what a guest waited for its quotas and else. It is false for one
// whose steal is not known, or of which its source knows more than that.
func waits(c *model.CPU) (throttle, rest float64, ok bool) {
	if math.IsNaN(number(c.Steal)) {
		return absent(), absent(), false
	}
	throttle, rest = 0, absent()
	for i := range c.StealBy {
		part := &c.StealBy[i]
		seconds := number(model.Some(part.Seconds))
		switch {
		case part.Method != model.Estimated || math.IsNaN(seconds):
			return absent(), absent(), false
		case part.Cause == model.CauseThrottle:
			throttle += seconds
		case part.Cause == model.CauseUnexplained && math.IsNaN(rest):
			rest = seconds
		default:
			return absent(), absent(), false
		}
	}
	return throttle, rest, !math.IsNaN(rest)
}

// known returns nil for a set that says nothing.
func known(s model.CPUSet) model.CPUSet {
	if s.Count() == 0 {
		return nil
	}
	return s
}

func weight(o model.Opt) float64 {
	switch w := number(o); {
	case w == 0: // cpu.idle
		return idleWeight
	case w > 0:
		return w
	}
	return defaultWeight
}
