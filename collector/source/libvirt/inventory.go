package libvirt

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	golibvirt "github.com/digitalocean/go-libvirt"

	"github.com/virt-exporter/virt_exporter/collector/model"
	"github.com/virt-exporter/virt_exporter/collector/source"
)

// How often what changes seldom is asked for again, and of how many domains in one
// round.
const (
	detailsAge  = 2 * time.Minute
	stateAge    = time.Minute
	mostDetails = 50
	mostStates  = 100

	never = 100 * 365 * 24 * time.Hour
)

// inventory is what rounds remember of a daemon's domains.
type inventory struct {
	domains map[uuid]*domain
	round   uint64
	turn    int // where the next round begins to look domains up
}

// domain is what rounds remember of one domain.
type domain struct {
	golibvirt.Domain
	first bool // it was there in the first round
	round uint64
	stats *golibvirt.DomainStatsRecord // of the round under way, nil if there are none

	// alone is what was last read of it alone, and when: see readSingly.
	alone   []golibvirt.TypedParam
	aloneAt time.Time

	details    *details
	detailsDue time.Time
	devices    uint64 // a sum over its disks' names and its vCPUs

	state, reason int32 // of one that is not active
	stateDue      time.Time

	monitor model.Opt
	misses  int // bulk replies in a row without anything from the monitor

	// waiting is the connection over which a request about this domain alone was
	// late. Nothing more is asked about it until that has come to an end.
	waiting *conn
}

// meet takes the list of domains.
func (v *inventory) meet(list []golibvirt.Domain, now time.Time) {
	v.round++
	for i := range list {
		d := v.domain(&list[i], now)
		d.round, d.stats = v.round, nil
	}
	for id, d := range v.domains {
		if d.round != v.round {
			delete(v.domains, id)
		}
	}
}

// domain returns what is remembered of a domain, which is little when its
// machine has ended and begun anew since.
func (v *inventory) domain(of *golibvirt.Domain, now time.Time) *domain {
	d := v.domains[of.UUID]
	if d == nil {
		d = &domain{first: v.round == 1, detailsDue: now, stateDue: now}
		v.domains[of.UUID] = d
	} else if d.ID != of.ID || d.Name != of.Name {
		d.detailsDue, d.stateDue, d.state, d.reason = now, now, 0, 0
		d.monitor, d.misses, d.first, d.alone = model.Opt{}, 0, false, nil
	}
	d.Domain = *of
	return d
}

// note takes the records of the bulk call, in which there may be domains that
// have been started since the list was made, and returns all domains. Those that
// are active in the list and not in a complete reply have ended meanwhile.
func (v *inventory) note(stats []golibvirt.DomainStatsRecord, complete bool, now time.Time) []*domain {
	for i := range stats {
		d := v.domain(&stats[i].Dom, now)
		d.round, d.stats = v.round, &stats[i]
		if sum := devices(stats[i].Params); sum != d.devices {
			if d.details != nil && d.devices != 0 { // something was plugged in or out
				d.detailsDue = now
			}
			d.devices = sum
		}
	}
	all := make([]*domain, 0, len(v.domains))
	for id, d := range v.domains {
		if complete && len(stats) > 0 && active(&d.Domain) && d.stats == nil {
			delete(v.domains, id)
			continue
		}
		all = append(all, d)
	}
	slices.SortFunc(all, func(a, b *domain) int { return bytes.Compare(a.UUID[:], b.UUID[:]) })
	return all
}

// devices sums up which disks and how many vCPUs a record has.
func devices(params []golibvirt.TypedParam) uint64 {
	sum := uint64(14695981039346656037) // FNV-1a
	add := func(s string) {
		for i := range len(s) {
			sum = (sum ^ uint64(s[i])) * 1099511628211
		}
	}
	for i := range params {
		p := &params[i]
		switch {
		case p.Field == "vcpu.current":
			n, _ := count(&p.Value)
			sum = (sum ^ n) * 1099511628211
		case strings.HasPrefix(p.Field, "block.") && strings.HasSuffix(p.Field, ".name"):
			name, _ := p.Value.I.(string)
			add(name)
		}
	}
	return sum
}

// lookUp asks for the XML of the domains for which that is due, and for the state
// of those that are not active. Those come first of which there is no XML yet, of
// them those that are active: they are asked as long as there is time, since
// without it they lack labels, disks and limits.
func (d *daemon) lookUp(known []*domain, errs *source.Problems) {
	began, now := time.Now(), d.now()
	inTime := func() bool { return time.Since(began) <= d.timeout/2 }
	for _, on := range []bool{true, false} {
		for _, dom := range known {
			if dom.details == nil && active(&dom.Domain) == on && !now.Before(dom.detailsDue) && inTime() {
				d.describeDomain(dom, errs)
			}
		}
	}
	asked := 0
	for _, dom := range known {
		if dom.details != nil && !now.Before(dom.detailsDue) && asked < mostDetails && inTime() {
			asked++
			d.describeDomain(dom, errs)
		}
	}
	asked = 0
	for _, dom := range known {
		if !active(&dom.Domain) && !now.Before(dom.stateDue) && asked < mostStates && inTime() {
			asked++
			d.askState(dom, errs)
		}
	}
}

// describeDomain reads what a domain's XML says. Without the flag SECURE it holds
// no passwords.
func (d *daemon) describeDomain(dom *domain, errs *source.Problems) {
	if dom.stillWaits() {
		errs.Add(aboutDomain(dom, fmt.Errorf("%v: %w", describing, errHeld)))
	}
	text, ok := askDomain(d, dom, describing, errs, func(v *golibvirt.Libvirt, of golibvirt.Domain) (string, error) {
		return v.DomainGetXMLDesc(of, 0)
	})
	if !ok {
		dom.detailsDue = d.now().Add(stateAge)
		return
	}
	details, err := parseDetails(text, d.metadata)
	if err != nil {
		errs.Add(aboutDomain(dom, err))
	} else {
		dom.details = details
	}
	age := detailsAge*3/4 + rand.N(detailsAge/2)
	if !active(&dom.Domain) {
		age = never // until it is started
	}
	dom.detailsDue = d.now().Add(age)
}

// askState asks why a domain is not active.
func (d *daemon) askState(dom *domain, errs *source.Problems) {
	state, ok := askDomain(d, dom, stating, errs, func(v *golibvirt.Libvirt, of golibvirt.Domain) ([2]int32, error) {
		state, reason, err := v.DomainGetState(of, 0)
		return [2]int32{state, reason}, err
	})
	dom.stateDue = d.now().Add(stateAge)
	if ok {
		dom.state, dom.reason = state[0], state[1]
	}
}

// judgeMonitors decides for QEMU's domains whether their monitors answer: a reply
// without anything from the monitor may be due to a job of the moment, two in a
// row are not. But of a domain that is paused the job may be a migration, which
// lasts: then nothing is known. Where no monitor was asked, all that stands is
// what was found out of those that are stuck. It reports whether the monitor of
// every active domain has answered now.
func (v *inventory) judgeMonitors(known []*domain, driver string, asked bool) (all bool) {
	all = driver == "QEMU" && asked
	for _, d := range known {
		switch {
		case driver != "QEMU" || !active(&d.Domain):
			d.monitor, d.misses = model.Opt{}, 0
			continue
		case !asked || d.stats == nil:
			if d.misses < mostMisses {
				d.monitor = model.Opt{}
			}
		case monitored(d.stats.Params):
			d.monitor, d.misses = model.Some(1), 0
			continue
		case stateOf(d.stats.Params) != golibvirt.DomainRunning:
			d.monitor, d.misses = model.Opt{}, 0
		default:
			if d.misses++; d.misses >= mostMisses {
				d.monitor = model.Some(0)
			}
		}
		all = false
	}
	return all
}

// mostMisses is after how many bulk replies without anything from its monitor a
// domain's monitor is stuck.
const mostMisses = 2

// stateOf returns the state that a record holds.
func stateOf(params []golibvirt.TypedParam) golibvirt.DomainState {
	state, _ := stateParams(params)
	return golibvirt.DomainState(state)
}

// stateParams returns the state and its reason, which come first.
func stateParams(params []golibvirt.TypedParam) (state, reason int32) {
	for i := range params {
		switch params[i].Field {
		case "state.state":
			state, _ = params[i].Value.I.(int32)
		case "state.reason":
			reason, _ = params[i].Value.I.(int32)
			return state, reason
		}
	}
	return state, reason
}

// records returns what the round brings of the domains.
func (v *inventory) records(known []*domain) []record {
	records := make([]record, 0, len(known))
	for _, d := range known {
		r := record{Domain: d.Domain, details: d.details, monitor: d.monitor, first: d.first}
		switch {
		case d.stats != nil:
			r.params = d.stats.Params
			r.state, r.reason = stateParams(r.params)
			d.stats = nil // it is large, and would be kept until the next round
		case !active(&d.Domain):
			r.state, r.reason = d.state, d.reason
			if r.state == 0 {
				r.state = int32(golibvirt.DomainShutoff) // it can be little else
			}
		}
		records = append(records, r)
	}
	return records
}
