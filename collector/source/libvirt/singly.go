package libvirt

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	golibvirt "github.com/digitalocean/go-libvirt"

	"github.com/virt-exporter/virt_exporter/collector/source"
)

// readSingly asks for the statistics of one domain after the other where the
// driver has no bulk call, or one that gives the state alone. It writes them as
// the bulk call would, so that there is one way to read them. Where the time runs
// out, the others keep what they had while it is young.
func (d *daemon) readSingly(known []*domain, errs *source.Problems) {
	if d.driver == "QEMU" || len(known) == 0 {
		return
	}
	began, reached, late := time.Now(), 0, 0
	for i := range known {
		// The next round goes on where the time of this one has run out.
		dom := known[(i+d.inventory.turn)%len(known)]
		switch {
		case !active(&dom.Domain) || !d.wantsMore(dom):
		case dom.stillWaits():
			errs.Add(aboutDomain(dom, errHeld))
		case late > 0 || time.Since(began) > d.timeout || !d.may(readingInfo):
			late++
			d.keepAlone(dom)
			continue
		default:
			d.readAlone(dom, errs)
			if dom.stillWaits() {
				began = began.Add(d.timeout) // the others' time is theirs
			}
		}
		if late == 0 {
			reached = i + 1
		}
	}
	if late == 0 {
		return
	}
	why := fmt.Errorf("the daemon takes more than %v", d.timeout)
	if !d.may(readingInfo) {
		why = errHeld
	}
	d.inventory.turn = (d.inventory.turn + reached) % len(known)
	errs.Add(fmt.Errorf("reading domain by domain, %d were not reached: %w", late, why))
}

// readAlone asks for the statistics of one domain.
func (d *daemon) readAlone(dom *domain, errs *source.Problems) {
	params := d.single(dom, errs)
	if params == nil {
		return
	}
	dom.stats = &golibvirt.DomainStatsRecord{Dom: dom.Domain, Params: params}
	dom.alone, dom.aloneAt = params, d.now()
}

// keepAlone gives a domain the statistics that were read of it last. The state
// that the bulk call has said comes first and holds.
func (d *daemon) keepAlone(dom *domain) {
	if dom.alone == nil || d.now().Sub(dom.aloneAt) > stale {
		return
	}
	params := dom.alone
	if dom.stats != nil {
		params = slices.Concat(dom.stats.Params, dom.alone)
	}
	dom.stats = &golibvirt.DomainStatsRecord{Dom: dom.Domain, Params: params}
}

// wantsMore reports whether the bulk call has said nothing of an active domain
// but its state.
func (d *daemon) wantsMore(dom *domain) bool {
	if dom.stats == nil {
		return d.lacks[bulk]
	}
	for i := range dom.stats.Params {
		group, _, _ := strings.Cut(dom.stats.Params[i].Field, ".")
		switch group {
		case "cpu", "vcpu", "balloon", "block", "net":
			return false
		}
	}
	return true
}

// parameters is a list as the bulk call gives it.
type parameters []golibvirt.TypedParam

func (p *parameters) add(name string, v any) {
	*p = append(*p, golibvirt.TypedParam{Field: name, Value: golibvirt.TypedParamValue{I: v}})
}

// addKnown adds a counter of the old calls, in which -1 is unknown.
func (p *parameters) addKnown(name string, v int64) {
	if v >= 0 {
		p.add(name, uint64(v))
	}
}

// single asks for one domain's figures. Each request that fails costs what it
// would have given.
func (d *daemon) single(dom *domain, errs *source.Problems) []golibvirt.TypedParam {
	var p parameters
	if dom.stats != nil {
		p = append(p, dom.stats.Params...)
	}
	d.addInfo(&p, dom, errs)
	d.addMemory(&p, dom, errs)
	if dom.details == nil {
		return p
	}
	for i, name := range dom.details.disks {
		d.addDisk(&p, dom, "block."+strconv.Itoa(i)+".", name, errs)
	}
	for i, name := range dom.details.interfaces {
		d.addInterface(&p, dom, "net."+strconv.Itoa(i)+".", name, errs)
	}
	return p
}

func (d *daemon) addInfo(p *parameters, dom *domain, errs *source.Problems) {
	type info struct {
		state          uint8
		maximum, usage uint64 // KiB
		vcpus          uint16
		time           uint64 // ns
	}
	got, ok := askDomain(d, dom, readingInfo, errs, func(v *golibvirt.Libvirt, of golibvirt.Domain) (got info, err error) {
		got.state, got.maximum, got.usage, got.vcpus, got.time, err = v.DomainGetInfo(of)
		return got, err
	})
	if !ok {
		return
	}
	if dom.stats == nil {
		p.add("state.state", int32(got.state))
		p.add("state.reason", int32(0))
	}
	if got.time > 0 { // drivers that do not know it say 0
		p.add("cpu.time", got.time)
	}
	p.add("balloon.current", got.usage)
	p.add("balloon.maximum", got.maximum)
	p.add("vcpu.current", uint32(got.vcpus))
}

func (d *daemon) addMemory(p *parameters, dom *domain, errs *source.Problems) {
	stats, _ := askDomain(d, dom, readingMemory, errs, func(v *golibvirt.Libvirt, of golibvirt.Domain) ([]golibvirt.DomainMemoryStat, error) {
		return v.DomainMemoryStats(of, uint32(golibvirt.DomainMemoryStatNr), 0)
	})
	for _, s := range stats {
		if name := memoryStatName(golibvirt.DomainMemoryStatTags(s.Tag)); name != "" {
			p.add(name, s.Val)
		}
	}
}

// memoryStatName is how the bulk call names what virDomainMemoryStats numbers.
func memoryStatName(tag golibvirt.DomainMemoryStatTags) string {
	switch tag {
	case golibvirt.DomainMemoryStatSwapIn:
		return "balloon.swap_in"
	case golibvirt.DomainMemoryStatSwapOut:
		return "balloon.swap_out"
	case golibvirt.DomainMemoryStatUnused:
		return "balloon.unused"
	case golibvirt.DomainMemoryStatAvailable:
		return "balloon.available"
	case golibvirt.DomainMemoryStatUsable:
		return "balloon.usable"
	case golibvirt.DomainMemoryStatRss:
		return "balloon.rss"
	case golibvirt.DomainMemoryStatLastUpdate:
		return "balloon.last-update"
	}
	return ""
}

func (d *daemon) addDisk(p *parameters, dom *domain, prefix, name string, errs *source.Problems) {
	type disk struct{ reads, readBytes, writes, writeBytes int64 }
	got, ok := askDomain(d, dom, readingDisk, errs, func(v *golibvirt.Libvirt, of golibvirt.Domain) (got disk, err error) {
		got.reads, got.readBytes, got.writes, got.writeBytes, _, err = v.DomainBlockStats(of, name)
		return got, err
	})
	if !ok {
		return
	}
	p.add(prefix+"name", name)
	p.addKnown(prefix+"rd.reqs", got.reads)
	p.addKnown(prefix+"rd.bytes", got.readBytes)
	p.addKnown(prefix+"wr.reqs", got.writes)
	p.addKnown(prefix+"wr.bytes", got.writeBytes)
}

func (d *daemon) addInterface(p *parameters, dom *domain, prefix, name string, errs *source.Problems) {
	type traffic struct{ rx, rxPackets, rxDrops, tx, txPackets, txDrops int64 }
	got, ok := askDomain(d, dom, readingInterface, errs, func(v *golibvirt.Libvirt, of golibvirt.Domain) (got traffic, err error) {
		got.rx, got.rxPackets, _, got.rxDrops, got.tx, got.txPackets, _, got.txDrops, err = v.DomainInterfaceStats(of, name)
		return got, err
	})
	if !ok {
		return
	}
	p.add(prefix+"name", name)
	p.addKnown(prefix+"rx.bytes", got.rx)
	p.addKnown(prefix+"rx.pkts", got.rxPackets)
	p.addKnown(prefix+"rx.drop", got.rxDrops)
	p.addKnown(prefix+"tx.bytes", got.tx)
	p.addKnown(prefix+"tx.pkts", got.txPackets)
	p.addKnown(prefix+"tx.drop", got.txDrops)
}

// domainRequest makes a request about a domain.
type domainRequest[T any] func(v *golibvirt.Libvirt, of golibvirt.Domain) (T, error)

// askDomain makes a request about one domain. It returns false where there is no
// answer: the driver does not know such requests, the domain has ended, others
// wait for their answers, or something went wrong, which is noted.
func askDomain[T any](d *daemon, dom *domain, kind procedure, errs *source.Problems, request domainRequest[T]) (T, bool) {
	var none T
	if !d.may(kind) || dom.stillWaits() {
		return none, false
	}
	if d.conn == nil || d.conn.broken() {
		if d.connect() != nil {
			return none, false // the next list says why
		}
	}
	if d.lacks[kind] {
		return none, false
	}
	of := dom.Domain // the request may outlive the round
	got, err := ask(d, d.conn, kind, d.timeout, func(v *golibvirt.Libvirt) (T, error) { return request(v, of) })
	switch {
	case err == nil:
		return got, true
	case errors.Is(err, errLate):
		dom.waiting = d.conn
		d.hold(d.conn)
	case lacksIt(err):
		d.lacks[kind] = true
		return none, false
	case isGone(err):
		return none, false
	}
	errs.Add(aboutDomain(dom, err))
	return none, false
}

// stillWaits reports whether a request about this domain is not answered yet.
func (dom *domain) stillWaits() bool {
	if dom.waiting == nil {
		return false
	}
	select {
	case <-dom.waiting.answered:
		dom.waiting = nil
		return false
	default:
		return true
	}
}

func aboutDomain(dom *domain, err error) error {
	return fmt.Errorf("domain %s: %w", label(dom.Name), err)
}
