package libvirt

import (
	"slices"
	"strings"

	golibvirt "github.com/digitalocean/go-libvirt"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// nets are net.N.* of one record: a domain's interfaces by the names that they
// have on the host. libvirt has turned their directions round already: rx is
// what the guest receives.
type nets struct{ all []netDevice }

type netDevice struct {
	name    string // kept from reading to reading
	named   bool   // in this reading
	traffic model.Interface
}

func (s *nets) begin() {
	for i := range s.all {
		s.all[i].named, s.all[i].traffic = false, model.Interface{}
	}
}

func (s *nets) take(name string, v *golibvirt.TypedParamValue) {
	index, name, ok := cutNumber(name)
	if !ok {
		return // net.count
	}
	n := s.find(index)
	if n == nil {
		return
	}
	if name == "name" {
		n.named = intern(&n.name, v)
		return
	}
	way, name, _ := strings.Cut(name, ".")
	switch way {
	case "rx":
		takeTraffic(&n.traffic.Receive, name, v)
	case "tx":
		takeTraffic(&n.traffic.Transmit, name, v)
	}
}

func takeTraffic(t *model.Traffic, name string, v *golibvirt.TypedParamValue) {
	switch name {
	case "bytes":
		t.Bytes = scaled(v, 1)
	case "pkts":
		t.Packets = scaled(v, 1)
	case "drop":
		t.Drops = scaled(v, 1)
	}
}

// find returns the interface of that number, or nil beyond the bound.
func (s *nets) find(index uint64) *netDevice {
	if index >= maxDevices {
		return nil
	}
	for uint64(len(s.all)) <= index {
		s.all = append(s.all, netDevice{})
	}
	return &s.all[index]
}

// fill appends the interfaces that have figures, each name once.
func (s *nets) fill(to []model.Interface) []model.Interface {
	for i := range s.all {
		n := &s.all[i]
		if !n.named || n.traffic == (model.Interface{}) {
			continue
		}
		n.traffic.Name = n.name
		if !slices.ContainsFunc(to, func(o model.Interface) bool { return o.Name == n.name }) {
			to = append(to, n.traffic)
		}
	}
	return to
}
