package collector

import "github.com/virt-exporter/virt_exporter/collector/model"

func networkRows() []row[model.Guest] {
	labels := []string{"interface", "direction"}
	each := func(g *model.Guest, s *series, value func(*model.Traffic) model.Opt) {
		for i := range g.Network {
			n := &g.Network[i]
			s.add(value(&n.Receive), n.Name, "receive")
			s.add(value(&n.Transmit), n.Name, "transmit")
		}
	}
	const own = "/proc/PID/net/dev, where the guest has a network namespace of its own; its first two interfaces; libvirt net.N"
	return []row[model.Guest]{
		{
			name: "virt_guest_network_bytes_total", typ: counter, labels: labels,
			help:   "Bytes through the guest's network interfaces, loopback left out, from the guest's point of view.",
			from:   own,
			values: func(g *model.Guest, s *series) { each(g, s, func(t *model.Traffic) model.Opt { return t.Bytes }) },
		},
		{
			name: "virt_guest_network_packets_total", typ: counter, labels: labels,
			help:   "Packets through the guest's network interfaces.",
			from:   own,
			values: func(g *model.Guest, s *series) { each(g, s, func(t *model.Traffic) model.Opt { return t.Packets }) },
		},
		{
			name: "virt_guest_network_drops_total", typ: counter, labels: labels,
			help:   "Packets that were dropped at the guest's network interfaces.",
			from:   own,
			values: func(g *model.Guest, s *series) { each(g, s, func(t *model.Traffic) model.Opt { return t.Drops }) },
		},
	}
}
