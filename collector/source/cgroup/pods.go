package cgroup

import (
	"github.com/virt-exporter/virt_exporter/collector/kernel"
	"github.com/virt-exporter/virt_exporter/collector/model"
)

// pod is the directory above the containers of a Kubernetes pod. Its
// memory.events outlives them and counts their kills too: what it counts and
// no container does befell one that was killed and removed between two
// readings. That is worked out only where the kernel's log, which says it
// outright, may not be read.
type pod struct {
	seen      uint64 // the last reading that had a container of it
	total     uint64 // kills that it has counted itself
	read      uint64 // the reading that has total
	whole     bool   // all its containers were read in this reading
	known     bool   // what explained is based on
	kills     uint64 // in the containers that are there
	past      uint64 // in those that were
	explained uint64 // kills that were named, or older than the exporter
	left      []model.Name
}

func (s *Source) podOf(g *guest) *pod {
	if s.log != nil || !s.layout.memory.v2 || g.match.PodUID == "" || g.node.parent == nil {
		return nil
	}
	p, ok := s.pods[g.node.parent]
	if !ok {
		p = &pod{known: g.node.parent.born != 0}
		s.pods[g.node.parent] = p
	}
	return p
}

// leavePod takes a container that has ended out of its pod.
func (s *Source) leavePod(g *guest) {
	if p := s.podOf(g); p != nil && g.name.Guest != "" {
		p.past += g.oom.kills.last
		p.left = append(p.left, g.name)
	}
}

// readPods reads what the pods have counted, before their containers are read:
// a kill in between is then seen by a container alone, and explains itself.
func (s *Source) readPods() {
	for _, g := range s.guests {
		s.podOf(g)
	}
	for n, p := range s.pods {
		b, err := s.files.ReadOnce(s.layout.memory.root, n.path, "memory.events")
		if err != nil {
			delete(s.pods, n)
			continue
		}
		var ev kernel.MemoryEvents
		if kernel.ParseMemoryEvents(b, &ev) == nil {
			p.total, p.read = ev.OOMKill, s.gen
		}
	}
}

// explainPods names the kills that only a pod has counted, where there is no
// doubt whose they are.
func (s *Source) explainPods() {
	for _, g := range s.guests {
		p := s.podOf(g)
		if p == nil {
			continue
		}
		if p.seen != s.gen {
			p.seen, p.kills, p.whole = s.gen, 0, true
		}
		p.kills += g.oom.kills.last
		p.whole = p.whole && (g.oom.readGen == s.gen || g.idle && g.visited == s.gen)
	}
	for _, p := range s.pods {
		if p.seen != s.gen {
			p.kills, p.whole = 0, true
		}
		if p.read != s.gen || !p.whole {
			continue
		}
		p.explain(s)
	}
}

func (p *pod) explain(s *Source) {
	if explained := p.kills + p.past + p.explained; p.total > explained {
		extra := p.total - explained
		if p.known && len(p.left) == 1 {
			for range extra {
				s.killedEnded(p.left[0], "")
			}
		}
		p.explained += extra
	}
	p.known = true
	p.left = p.left[:0]
}
