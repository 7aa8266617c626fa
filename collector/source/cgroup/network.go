package cgroup

import (
	"fmt"

	"github.com/virt-exporter/virt_exporter/collector/kernel"
	"github.com/virt-exporter/virt_exporter/collector/model"
)

// maxInterfaces bounds the series of one guest: one that is itself a host of
// containers has two interfaces for each of them. The first are its own.
const maxInterfaces = 2

// readNetwork reads the interfaces of a guest that has a network namespace of
// its own, through its oldest process. That of a pod belongs to none of its
// containers: given for each, it would be counted several times. The file is
// never kept open: that would keep the namespace alive when the guest is gone.
func (s *Source) readNetwork(g *guest, dst []model.Interface) []model.Interface {
	if !s.eye(g) {
		g.netKnown = false
	}
	if g.firstPID == 0 || s.hostNet == 0 || g.match.PodUID != "" {
		return dst
	}
	if !g.netKnown {
		ino, err := s.files.TaskInode(s.opts.ProcFS, g.firstPID, "net/dev")
		if err != nil {
			return dst
		}
		g.netKnown, g.netOwn = true, ino != s.hostNet
	}
	if !g.netOwn {
		return dst
	}
	b, err := s.files.ReadTaskOnce(s.opts.ProcFS, g.firstPID, "net/dev")
	if err != nil {
		return dst
	}
	if s.netdev, err = kernel.ParseNetDev(b, s.netdev[:0]); err != nil {
		s.problems.Add(fmt.Errorf("reading %s/%d/net/dev: %w", s.opts.ProcFS, g.firstPID, err))
		return dst
	}
	for i := range s.netdev {
		d := &s.netdev[i]
		if string(d.Name) == "lo" || len(dst) == maxInterfaces {
			continue
		}
		dst = append(dst, model.Interface{
			Name:     s.word(d.Name),
			Receive:  traffic(d.RxBytes, d.RxPackets, d.RxDrops),
			Transmit: traffic(d.TxBytes, d.TxPackets, d.TxDrops),
		})
	}
	return dst
}

func traffic(bytes, packets, drops uint64) model.Traffic {
	return model.Traffic{
		Bytes: model.Some(float64(bytes)), Packets: model.Some(float64(packets)), Drops: model.Some(float64(drops)),
	}
}

// eye reports whether firstPID is still a thread of g in this reading: else it
// may be a stranger's number by now, and the next reading that sees a thread of
// g takes that.
func (s *Source) eye(g *guest) bool {
	t, ok := s.threads[g.firstPID]
	if ok && t.guest.within(g) && (t.seen == s.gen || t.guest.idle) {
		return true
	}
	g.firstPID = 0
	return false
}

// word returns a string for a name that comes again and again.
func (s *Source) word(b []byte) string {
	if w, ok := s.words[string(b)]; ok {
		return w
	}
	const most = 1000 // names are a tenant's to choose
	if len(s.words) > most {
		clear(s.words)
	}
	w := valid(string(b))
	s.words[string(b)] = w
	return w
}
