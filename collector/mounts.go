package collector

import (
	"path"
	"slices"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
	"github.com/virt-exporter/virt_exporter/collector/source"
)

// putMounts takes the mounts of a reading. Two of one place would spoil the
// whole exposition: the first stays.
func (h *host) putMounts(r *model.Reading) {
	for i := range r.Mounts {
		m := &r.Mounts[i]
		at := place{m.Name, m.Mountpoint}
		if h.placed[at] {
			continue
		}
		h.placed[at] = true
		h.mounts = append(h.mounts, m)
	}
}

// keyMounts gives the mounts this machine's key: guest and host join on it.
func (h *host) keyMounts() {
	for _, m := range h.mounts {
		m.VMKey = ""
		if h.node != nil {
			m.VMKey = h.node.VMKey
		}
	}
}

// putProbes gives the shares what probing their directories has shown.
func (h *host) putProbes(probes []model.ShareProbe) {
	bySource := make(map[string]*model.ShareProbe, len(probes))
	for i := range probes {
		bySource[probes[i].Source] = &probes[i]
	}
	for _, g := range h.guests {
		if len(g.Shares) == 0 {
			continue
		}
		g.Shares = slices.Clone(g.Shares) // they may be the source's own
		here := givesHere(g)
		for i := range g.Shares {
			share := &g.Shares[i]
			if share.Probe = nil; here {
				share.Probe = bySource[share.Source]
			}
		}
	}
}

// givesHere reports whether the directories that a guest is given are paths of
// this host: those of a machine in a container are that container's.
func givesHere(g *model.Guest) bool {
	return g.Kind == model.VM && g.Info.Parent == "" && g.VMHost == "" && !g.Ended &&
		g.State != model.ShutOff && g.State != model.Crashed
}

// tellEvery is the time from one telling to the next.
const tellEvery = 5 * time.Second

// surroundings returns what a source that touches mounts wants to know of what the
// others read.
func (h *host) surroundings() source.Surroundings {
	s := source.Surroundings{Containers: make(map[string]model.Name)}
	shared := make(map[string]bool)
	for _, g := range h.guests {
		if g.Ended || g.VMHost != "" {
			continue
		}
		if g.Kind == model.Container && g.Info.Cgroup != "" {
			s.Containers[g.Info.Cgroup] = g.Name
		}
		if !givesHere(g) {
			continue
		}
		for i := range g.Shares {
			dir := g.Shares[i].Source
			if path.IsAbs(dir) && !shared[dir] {
				shared[dir] = true
				s.Shared = append(s.Shared, dir)
			}
		}
	}
	return s
}

// tell lets sources know of the others' guests, now and then. It is the one way
// against the stream: what is to be probed is known when all has been merged.
func (c *Collector) tell() {
	if now := time.Now(); c.toldAt.IsZero() || now.Sub(c.toldAt) >= tellEvery {
		c.toldAt = now
	} else {
		return
	}
	for _, r := range c.readers {
		if listener, ok := r.src.(source.Listener); ok && r.name != sourceBPF {
			listener.Surrounded(c.host.surroundings())
		}
	}
}
