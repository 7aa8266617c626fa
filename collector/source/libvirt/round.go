package libvirt

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"time"

	golibvirt "github.com/digitalocean/go-libvirt"

	"github.com/virt-exporter/virt_exporter/collector/model"
	"github.com/virt-exporter/virt_exporter/collector/source"
)

// The groups of the bulk call. DIRTYRATE, PERF and MEMORY have nothing for us.
const (
	jobFreeGroups = uint32(golibvirt.DomainStatsState | golibvirt.DomainStatsInterface)
	allGroups     = jobFreeGroups | uint32(golibvirt.DomainStatsCPUTotal|golibvirt.DomainStatsBalloon|
		golibvirt.DomainStatsVCPU|golibvirt.DomainStatsBlock|golibvirt.DomainStatsVm)

	// Inactive domains have no statistics, and asking for them makes the daemon
	// open their images, on a mount that may hang.
	bulkFlags = uint32(golibvirt.ConnectGetAllDomainsStatsActive | golibvirt.ConnectGetAllDomainsStatsNowait)

	listFlags = golibvirt.ConnectListDomainsActive | golibvirt.ConnectListDomainsInactive
)

// uuid is a domain's, in the byte order in which it is written.
type uuid = golibvirt.UUID

// record is what a round brings of one domain.
type record struct {
	golibvirt.Domain
	params        []golibvirt.TypedParam // nil without statistics
	details       *details               // nil while unknown
	state, reason int32                  // virDomainState and its reason; 0 is unknown
	monitor       model.Opt              // see model.Guest.MonitorAnswers
	first         bool                   // it was there when the daemon was first read
}

// active reports whether a domain is more than a definition.
func active(d *golibvirt.Domain) bool { return d.ID >= 0 }

// read does one round. A connection that ended since the last one is replaced at
// once: the daemon was restarted.
func (d *daemon) read(r *round) {
	d.reap()
	for {
		if r.err = d.connect(); r.err != nil {
			return
		}
		c := d.conn
		r.err = d.readOver(r)
		if d.conn != c || !c.broken() {
			break // it serves on, or is held and another in its place
		}
		d.drop()
		if !c.proven || errors.Is(r.err, errProtocol) {
			d.failed(r.err)
			return
		}
	}
	if r.whole && d.conn != nil {
		d.conn.proven = true
		d.worked()
	}
}

// readOver reads what there is over the connection, and over others if a request
// over it is late.
func (d *daemon) readOver(r *round) error {
	r.records, r.whole = nil, false
	domains, err := d.list()
	if err != nil {
		return err
	}
	d.inventory.meet(domains, d.now())
	var errs source.Problems
	stats, asked, err := d.bulk(r, &errs)
	if err != nil {
		errs.Add(err)
	}
	known := d.inventory.note(stats, err == nil, d.now())
	if d.inventory.judgeMonitors(known, d.driver, asked == bulk && err == nil) {
		d.giveUp(ofMonitors, ofJobFree) // whoever waited would hold a domain's job or lock
	}
	d.lookUp(known, &errs)
	d.readSingly(known, &errs)
	r.scope, r.driver, r.noBulk, r.whole = d.endpoint.scope, d.driver, d.lacks[bulk], true
	r.records = d.inventory.records(known)
	return errs.Err()
}

// list asks for all domains. It is answered by workers that nothing clogs.
func (d *daemon) list() ([]golibvirt.Domain, error) {
	if !d.may(listing) {
		return nil, fmt.Errorf("%v: %w", listing, errHeld)
	}
	domains, err := ask(d, d.conn, listing, d.timeout, func(v *golibvirt.Libvirt) ([]golibvirt.Domain, error) {
		domains, _, err := v.ConnectListAllDomains(1, listFlags)
		return domains, err
	})
	switch {
	case err == nil:
		d.giveUp(ofBasic)
	case errors.Is(err, errLate):
		d.hold(d.conn)
	}
	return domains, err
}

// bulk makes the bulk call. A call that is late is held and made again over a
// new connection, then without the domain that somebody waits for; what was late
// is told also when that succeeds. It returns which call it made last: bulk or
// bulkJobFree. It returns no records from a driver that has no such call.
func (d *daemon) bulk(r *round, errs *source.Problems) ([]golibvirt.DomainStatsRecord, procedure, error) {
	for {
		r.asked = d.now()
		d.reap() // a call that was late may be answered by now
		kind, groups := bulk, allGroups
		if !d.may(bulk) {
			kind, groups = bulkJobFree, jobFreeGroups
		}
		if err := d.connect(); err != nil {
			return nil, kind, err
		}
		if d.lacks[bulk] {
			return nil, kind, nil
		}
		if !d.may(kind) {
			return nil, kind, fmt.Errorf("%v: %w", kind, errHeld)
		}
		began := time.Now()
		stats, err := ask(d, d.conn, kind, d.patience, func(v *golibvirt.Libvirt) ([]golibvirt.DomainStatsRecord, error) {
			return v.ConnectGetAllDomainStats(nil, groups, bulkFlags)
		})
		switch {
		case errors.Is(err, errLate):
			d.hold(d.conn)
			errs.Add(err)
			d.patience = d.timeout
			continue
		case err == nil && kind == bulk:
			d.adapt(time.Since(began))
		case err == nil:
			errs.Add(fmt.Errorf("only what needs no monitor was read: %w", errHeld))
		case lacksIt(err):
			d.lacks[bulk] = true
			return nil, kind, nil
		}
		return stats, kind, err
	}
}

// isAbsent reports whether an error says that no daemon is there.
func isAbsent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED)
}
