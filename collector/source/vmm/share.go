package vmm

import (
	"slices"

	"github.com/virt-exporter/virt_exporter/collector/identity"
	"github.com/virt-exporter/virt_exporter/collector/model"
)

// served is what must be remembered of a share that has a daemon of its own. It
// stays when the daemon ends: the next one goes on counting.
type served struct {
	tag    string
	source string // as the daemon said last
	cache  string
	at     int // its place among the machine's shares; -1 if it is not there

	run, wait uint64 // nanoseconds, of all its daemons
	seen      bool   // a thread of them was read
}

const (
	fsVirtiofs = "virtiofs"
	maxShares  = 64 // of a machine, with those that only daemons know
	maxServed  = 2 * maxShares
)

// shares returns the directories that the machine is given, and notes which
// daemon serves which. What a daemon shares, only the daemon knows.
func (m *machine) shares() []model.Share {
	list := append([]model.Share(nil), m.vm.Shares...)
	m.forgetServed()
	var left []*process
	for _, p := range m.processes {
		p.share = nil
		if h := &p.help; h.Component != model.Virtiofsd || *h == (identity.Helper{Component: model.Virtiofsd}) {
			continue
		}
		if i := m.shareOf(&p.help, list); i >= 0 {
			m.serve(p, &list[i], i)
		} else {
			left = append(left, p)
		}
	}
	if i, ok := m.onlyLeft(left, list); ok {
		for _, p := range left {
			m.serve(p, &list[i], i)
		}
		left = nil
	}
	m.recall(list)
	slices.SortFunc(left, byAge)
	for _, p := range left {
		list = m.add(p, list)
	}
	return list
}

// forgetServed has no share served any more. Those that nobody serves are kept,
// unless they are too many: a machine's shares may come and go.
func (m *machine) forgetServed() {
	if len(m.served) > maxServed {
		m.served = slices.DeleteFunc(m.served, func(st *served) bool { return st.at < 0 })
	}
	for _, st := range m.served {
		st.at = -1
	}
}

// shareOf returns which share a daemon serves: that of its socket, or of the
// tag that it was told. It is -1 if that is not known.
func (m *machine) shareOf(h *identity.Helper, list []model.Share) int {
	for i := range list {
		if socket := m.socketOf(list[i].Tag); socket != "" && socket == h.Socket {
			return i
		}
	}
	return slices.IndexFunc(list, func(s model.Share) bool {
		return h.Tag != "" && s.Tag == h.Tag && s.FSType == fsVirtiofs
	})
}

// onlyLeft returns the one share of which it is not known who serves it, if
// daemons of one directory are left, of which it is not known what they serve:
// each has a child of the same arguments.
func (m *machine) onlyLeft(left []*process, list []model.Share) (at int, ok bool) {
	at = -1
	for i := range list {
		if list[i].FSType != fsVirtiofs || list[i].Source != "" || m.isServed(i) {
			continue
		}
		if at >= 0 {
			return 0, false
		}
		at = i
	}
	if at < 0 || len(left) == 0 {
		return 0, false
	}
	for _, p := range left {
		strange := p.help.Socket != "" && m.socketOf(list[at].Tag) != ""
		if strange || p.help.Source == "" || p.help.Source != left[0].help.Source {
			return 0, false
		}
	}
	return at, true
}

func (m *machine) isServed(at int) bool {
	return slices.ContainsFunc(m.served, func(st *served) bool { return st.at == at })
}

// serve notes that p serves a share.
func (m *machine) serve(p *process, share *model.Share, at int) {
	share.Source, share.Cache = p.help.Source, p.help.Cache
	i := slices.IndexFunc(m.served, func(st *served) bool {
		return st.tag == share.Tag && (st.tag != "" || st.source == share.Source)
	})
	if i < 0 {
		i = len(m.served)
		m.served = append(m.served, &served{tag: share.Tag})
	}
	p.share = m.served[i]
	p.share.at, p.share.source, p.share.cache = at, share.Source, share.Cache
}

// recall says of the shares whose daemon has ended what it said.
func (m *machine) recall(list []model.Share) {
	for i := range list {
		share := &list[i]
		if share.FSType != fsVirtiofs || share.Source != "" {
			continue
		}
		for _, st := range m.served {
			if st.at < 0 && st.tag == share.Tag && st.tag != "" {
				share.Source, share.Cache, st.at = st.source, st.cache, i
			}
		}
	}
}

// add lists what a daemon shares where the hypervisor's arguments do not: it was
// plugged in later, or has its configuration in a file. The tag is known if the
// daemon knows it.
func (m *machine) add(p *process, list []model.Share) []model.Share {
	h := &p.help
	if h.Source == "" {
		return list
	}
	i := slices.IndexFunc(list, func(s model.Share) bool {
		return s.Tag == h.Tag && s.Source == h.Source && s.FSType == fsVirtiofs
	})
	if i < 0 {
		if len(list) >= maxShares {
			return list
		}
		i = len(list)
		list = append(list, model.Share{Tag: h.Tag, FSType: fsVirtiofs})
	}
	m.serve(p, &list[i], i)
	return list
}

func (m *machine) socketOf(tag string) string {
	for _, s := range m.vm.Sockets {
		if s.Tag == tag {
			return s.Path
		}
	}
	return ""
}

// countShare adds to what the daemon of a share did.
func (p *process) countShare(run, wait uint64) {
	if p.share != nil {
		p.share.run += run
		p.share.wait += wait
	}
}

// showShares fills in what the daemons of the machine's shares did, and how
// many files they have open.
func (s *Source) showShares(m *machine) {
	if len(m.served) == 0 {
		return
	}
	shares := m.out.Shares
	for i := range shares {
		shares[i].CPU, shares[i].Steal = model.Opt{}, model.Opt{}
		shares[i].OpenFDs, shares[i].MaxFDs = model.Opt{}, model.Opt{}
	}
	for _, p := range m.processes {
		if p.share != nil {
			p.share.seen = p.share.seen || len(p.threads) > 0
		}
	}
	for _, st := range m.served {
		if st.at < 0 {
			continue
		}
		if st.seen {
			shares[st.at].CPU, shares[st.at].Steal = nanoseconds(st.run), nanoseconds(st.wait)
		}
		s.showFiles(m, st, &shares[st.at])
	}
}

// showFiles takes the process that has the most files open of those that serve
// a share: it is the one that runs into its limit.
func (s *Source) showFiles(m *machine, st *served, share *model.Share) {
	var most *process
	for _, p := range m.processes {
		if p.share != st || !p.alive {
			continue
		}
		count, ok := s.openFiles(p)
		if ok && count >= uint64(share.OpenFDs.Or(0)) {
			share.OpenFDs = model.Some(float64(count))
			most = p
		} else if most == nil {
			most = p
		}
	}
	if most != nil {
		share.MaxFDs = s.maxFiles(most)
	}
}
