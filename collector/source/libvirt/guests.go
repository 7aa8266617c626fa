package libvirt

import (
	"cmp"
	"encoding/hex"
	"strings"
	"time"

	golibvirt "github.com/digitalocean/go-libvirt"

	"github.com/virt-exporter/virt_exporter/collector/identity"
	"github.com/virt-exporter/virt_exporter/collector/model"
)

// machines are the guests of one daemon from reading to reading.
type machines struct {
	endpoint *endpoint
	all      map[uuid]*machine
	shown    []*machine // of the last round, in its order
	driver   string
	noBulk   bool
}

// machine is a guest and what its figures need to go on.
type machine struct {
	id      int32
	name    string // as the daemon gives it
	called  model.Name
	owner   owner
	before  owner // who it was in the last round
	guest   model.Guest
	carry   carry
	details *details
	labels  []string
	round   *round    // the last that had it
	missed  time.Time // when a whole round first did not have it; zero while it is there
}

// owner tells machines apart whatever daemon shows them: libvirtd and a modular
// daemon may show the same one.
type owner struct{ host, uuid, name string }

func newMachines(e *endpoint) *machines {
	return &machines{endpoint: e, all: make(map[uuid]*machine)}
}

// take makes guests of what a round brought.
func (s *Source) take(i int, r *round) {
	r.taken = true
	known := s.known[i]
	known.shown = known.shown[:0]
	known.driver, known.noBulk = r.driver, r.noBulk
	for j := range r.records {
		rec := &r.records[j]
		m := known.meet(rec)
		m.round, m.missed = r, time.Time{}
		m.fill(rec)
		s.label(m)
		s.rename(m, s.nameOf(m, known, r))
		known.shown = append(known.shown, m)
		rec.params = nil // they are large, and the round may be shown again
	}
	if r.whole {
		s.forget(known, r)
	}
}

// meet returns the machine of a record, a new one when it has begun anew.
func (k *machines) meet(rec *record) *machine {
	m := k.all[rec.UUID]
	if m == nil {
		m = &machine{id: rec.ID}
		m.carry.preceding = rec.first
		k.all[rec.UUID] = m
	}
	if m.id != rec.ID {
		// What follows is another run of it: nothing goes on.
		*m = machine{id: rec.ID, called: m.called, owner: m.owner}
	}
	m.before, m.name = m.owner, label(rec.Name)
	m.owner = owner{k.endpoint.host, canonical(rec.UUID), m.name}
	return m
}

// fill sets the guest to what a record says.
func (m *machine) fill(rec *record) {
	g := &m.guest
	*g = model.Guest{
		IO: g.IO[:0], Exits: g.Exits[:0], KVMEvents: g.KVMEvents[:0], Network: g.Network[:0],
		Info:  model.Info{UUID: m.owner.uuid, VMKey: g.Info.VMKey},
		State: modelState(rec.state),
	}
	if g.Info.VMKey == "" {
		g.Info.VMKey = identity.VMKey(m.owner.uuid)
	}
	g.MonitorAnswers = rec.monitor
	if active(&rec.Domain) && rec.state != 0 {
		g.Migrating = migrating(rec.state, rec.reason)
	}
	if rec.params != nil {
		m.carry.fill(g, rec.params)
	}
	if rec.details != nil {
		rec.details.apply(g)
		if m.details != rec.details {
			m.details, m.labels = rec.details, nil
		}
	}
}

// label puts the values of the domain's metadata behind those that guests of
// other sources have.
func (s *Source) label(m *machine) {
	if s.labels == 0 {
		return
	}
	if m.labels == nil {
		m.labels = make([]string, s.labels)
		if m.details != nil {
			copy(m.labels[s.opts.LabelOffset:], m.details.labels)
		}
	}
	m.guest.Info.Labels = m.labels
}

// A machine is remembered that a daemon does not list: one that is starting may
// list few at first, and sums must go on as they were.
const (
	absence    = 5 * time.Minute
	mostAbsent = 1000 // as many more as are listed
)

// forget gives up the names of machines that a whole round did not have, and lets
// go of those that have been gone for long.
func (s *Source) forget(known *machines, r *round) {
	most := 2*len(known.shown) + mostAbsent
	for id, m := range known.all {
		switch {
		case m.round == r:
		case m.missed.IsZero():
			m.missed = r.asked
			s.release(m.called, m.owner)
			m.called = model.Name{}
		case r.asked.Sub(m.missed) > absence || len(known.all) > most:
			delete(known.all, id)
		}
	}
}

// nameOf returns the machine's name, which no other machine has: the one that
// was there first keeps it.
func (s *Source) nameOf(m *machine, known *machines, r *round) model.Name {
	kind, runtime := runtimeOf(r.driver)
	n := model.Name{Kind: kind, Runtime: runtime, Guest: r.scope + m.name, VMHost: known.endpoint.host}
	if m.details != nil && m.details.kubeVMI != "" {
		n.Guest = r.scope + m.details.kubeNamespace + "/" + m.details.kubeVMI
	}
	if m.name == "" {
		n.Guest = r.scope + m.owner.uuid[:12]
	}
	if s.claim(n, m.owner) {
		return n
	}
	n.Guest += "~" + m.owner.uuid[:12]
	if _, there := s.names[n]; !there {
		s.collisions++
	}
	s.claim(n, m.owner)
	return n
}

// claim gives a name to a machine unless another one has it.
func (s *Source) claim(n model.Name, o owner) bool {
	if had, taken := s.names[n]; taken && had != o {
		return false
	}
	s.names[n] = o
	return true
}

// rename gives a machine its name and lets go of the one that it had.
func (s *Source) rename(m *machine, n model.Name) {
	if m.called != n {
		s.release(m.called, m.before)
		m.called = n
	}
	m.guest.Name = n
}

func (s *Source) release(n model.Name, o owner) {
	if s.names[n] == o {
		delete(s.names, n)
	}
}

// show lists the guests of all daemons. A machine that two of them have is shown
// once.
func (s *Source) show() {
	s.out = s.out[:0]
	clear(s.shown)
	for i, got := range s.results {
		if got == nil || got.records == nil {
			continue
		}
		for _, m := range s.known[i].shown {
			switch {
			case s.shown[m.owner]:
			case s.opts.MaxGuests > 0 && len(s.out) >= s.opts.MaxGuests:
				s.dropped["limit"]++
			default:
				s.shown[m.owner] = true
				s.out = append(s.out, m.guest)
			}
		}
	}
}

// canonical writes a UUID in lower case with dashes.
func canonical(u uuid) string {
	s := hex.EncodeToString(u[:])
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}

// runtimeOf returns what a driver runs, by the name that it gives to itself
// (virConnectGetType).
func runtimeOf(driver string) (model.Kind, string) {
	switch driver {
	case "QEMU", "":
		return model.VM, "qemu"
	case "LXC":
		return model.Container, "libvirt-lxc"
	case "CH":
		return model.VM, "cloud-hypervisor"
	case "VBOX":
		return model.VM, "virtualbox"
	case "VMware":
		return model.VM, "vmware-workstation"
	case "Parallels":
		return model.VM, "vz"
	case "Xen", "TEST", "bhyve", "vz":
		return model.VM, strings.ToLower(driver)
	}
	lower := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return -1
	}, strings.ToLower(driver))
	return model.VM, cmp.Or(lower[:min(len(lower), 32)], "libvirt")
}

// modelState returns what virDomainState says.
func modelState(state int32) model.State {
	switch golibvirt.DomainState(state) {
	case golibvirt.DomainRunning:
		return model.Running
	case golibvirt.DomainBlocked:
		return model.Blocked
	case golibvirt.DomainPaused:
		return model.Paused
	case golibvirt.DomainShutdown:
		return model.ShuttingDown
	case golibvirt.DomainShutoff:
		return model.ShutOff
	case golibvirt.DomainCrashed:
		return model.Crashed
	case golibvirt.DomainPmsuspended:
		return model.Suspended
	}
	return ""
}

// migrating reports, as 0 or 1, whether a migration holds the domain or has it
// run in two places. The state says so while it is paused at either end and
// after the switch to post-copy; a pre-copy migration lets it run as ever.
func migrating(state, reason int32) model.Opt {
	yes := false
	switch golibvirt.DomainState(state) {
	case golibvirt.DomainPaused:
		switch golibvirt.DomainPausedReason(reason) {
		case golibvirt.DomainPausedMigration, golibvirt.DomainPausedPostcopy, golibvirt.DomainPausedPostcopyFailed:
			yes = true
		}
	case golibvirt.DomainRunning:
		switch golibvirt.DomainRunningReason(reason) {
		case golibvirt.DomainRunningPostcopy, golibvirt.DomainRunningPostcopyFailed:
			yes = true
		}
	}
	if yes {
		return model.Some(1)
	}
	return model.Some(0)
}
