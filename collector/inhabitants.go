package collector

import (
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
	"github.com/virt-exporter/virt_exporter/collector/source"
)

// inhabitants returns the guests and the units of this host, for the source that has
// the kernel tell them apart. Nothing in it is a source's own memory: what is said
// of a guest's threads is copied.
func (h *host) inhabitants() source.Surroundings {
	s := source.Surroundings{Guests: make([]source.Guest, 0, len(h.guests)), Units: make([]model.Unit, 0, len(h.units))}
	threads := 0
	for _, g := range h.guests {
		threads += len(g.Threads.Processes) + len(g.Threads.VCPUs)
	}
	room := make([]int32, 0, threads)
	keep := func(ids []int32) []int32 {
		if len(ids) == 0 {
			return nil
		}
		at := len(room)
		room = append(room, ids...)
		return room[at:len(room):len(room)]
	}
	for _, g := range h.guests {
		if g.Ended || g.VMHost != "" {
			continue
		}
		s.Guests = append(s.Guests, source.Guest{
			Name: g.Name, Cgroup: g.Info.Cgroup, Parent: g.Info.Parent,
			Threads: model.Threads{Processes: keep(g.Threads.Processes), VCPUs: keep(g.Threads.VCPUs)},
		})
	}
	for i := range h.units {
		s.Units = append(s.Units, model.Unit{Path: h.units[i].Path, Name: h.units[i].Name})
	}
	return s
}

// mostSilence is how long source bpf is told nothing while a source is late: whoever
// is not in a list is gone, and what was measured of him is dropped.
const mostSilence = time.Minute

// tellInhabitants lets source bpf know who is on this host, at every merge: a guest
// is measured from when it is known.
func (c *Collector) tellInhabitants(views []view) {
	now, whole := time.Now(), true
	for i := range views {
		if s := views[i].source; s == sourceCgroup || s == sourceVMM {
			whole = whole && views[i].answered && (views[i].lists() || views[i].health.reason != model.Available)
		}
	}
	if !whole && now.Sub(c.inhabitedAt) < mostSilence {
		return
	}
	for _, r := range c.readers {
		if r.name != sourceBPF {
			continue
		}
		if listener, ok := r.src.(source.Listener); ok {
			c.inhabitedAt = now
			listener.Surrounded(c.host.inhabitants())
		}
	}
}
