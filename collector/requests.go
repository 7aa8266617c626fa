package collector

import (
	"slices"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// putRequests gives each mount the requests that were seen on its superblock. Where
// two mounts have one, they are the first's: sums must not count them twice.
func (h *host) putRequests(views []view) {
	byDevice := make(map[uint64]*model.Mount, len(h.mounts))
	for _, m := range h.mounts {
		m.Requests = nil
		if m.Device != 0 && byDevice[m.Device] == nil {
			byDevice[m.Device] = m
		}
	}
	for i := range views {
		for j := range views[i].reading.Requests {
			r := &views[i].reading.Requests[j]
			m := byDevice[r.Device]
			if m == nil || r.Latency == nil {
				continue
			}
			if !slices.ContainsFunc(m.Requests, func(o model.MountRequests) bool { return o.Opcode == r.Opcode }) {
				m.Requests = append(m.Requests, model.MountRequests{Opcode: r.Opcode, Latency: r.Latency})
			}
		}
	}
}
