package cgroup

import (
	"os"
	"strconv"

	"github.com/virt-exporter/virt_exporter/collector/kernel"
	"github.com/virt-exporter/virt_exporter/collector/model"
)

// readNUMA reads on which nodes of the host a virtual machine's memory lies.
// Huge pages are not in it: the memory controller does not count them. The file
// is dear and moves slowly, so that dst is kept for a while.
func (s *Source) readNUMA(g *guest, dst []model.NodeMemory) []model.NodeMemory {
	h, m := s.layout.memory, &g.memory
	if !s.manyNodes {
		return dst[:0]
	}
	if m.nodesNext != 0 && s.now < m.nodesNext {
		return dst
	}
	every := s.opts.Recheck / 4
	if m.nodesNext == 0 {
		every = s.spread(every)
	}
	m.nodesNext, dst = s.now+every, dst[:0]
	b := s.nodeFile(h, g.node, "memory.numa_stat")
	if b == nil {
		return dst
	}
	var err error
	if h.v2 {
		s.nodes, err = kernel.ParseNUMAStat(b, s.nodes[:0])
	} else {
		s.nodes, err = kernel.ParseNUMAStatV1(b, uint64(os.Getpagesize()), s.nodes[:0])
	}
	if !s.nodeParsed(h, g.node, "memory.numa_stat", err) {
		return dst
	}
	for _, n := range s.nodes {
		dst = append(dst, model.NodeMemory{Node: strconv.Itoa(int(n.Node)), Bytes: model.Some(float64(n.Bytes))})
	}
	return dst
}
