package collector

import "github.com/virt-exporter/virt_exporter/collector/model"

// host is everything that one scrape knows.
type host struct {
	node    *model.Node
	guests  []model.Guest
	sources []*health
	seen    map[model.Name]struct{}
}

// reset empties h and keeps its memory.
func (h *host) reset() {
	h.node = nil
	h.guests = h.guests[:0]
	h.sources = h.sources[:0]
	if h.seen == nil {
		h.seen = make(map[model.Name]struct{})
	}
	clear(h.seen)
}

// add puts the reading of one source to what is there. A guest that an earlier
// source has given under the same name is left out: two series of one name
// would spoil the whole exposition.
func (h *host) add(r model.Reading, health *health) {
	h.sources = append(h.sources, health)
	if r.Node != nil && h.node == nil {
		h.node = r.Node
	}
	for i := range r.Guests {
		g := &r.Guests[i]
		if _, taken := h.seen[g.Name]; taken {
			health.duplicates++
			continue
		}
		h.seen[g.Name] = struct{}{}
		h.guests = append(h.guests, *g)
	}
}
