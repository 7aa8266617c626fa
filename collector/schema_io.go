package collector

import "github.com/virt-exporter/virt_exporter/collector/model"

func ioRows() []row[model.Guest] {
	labels := []string{"device", "op", "layer"}
	// each calls f for every kind of operation on every device of the guest.
	each := func(g *model.Guest, f func(o *model.Operations, device, op, layer string)) {
		for i := range g.IO {
			d := &g.IO[i]
			f(&d.Read, d.Device, "read", string(d.Layer))
			f(&d.Write, d.Device, "write", string(d.Layer))
			f(&d.Flush, d.Device, "flush", string(d.Layer))
			f(&d.Discard, d.Device, "discard", string(d.Layer))
		}
	}
	limit := func(g *model.Guest, s *series, value func(*model.IOLimit) model.Opt) {
		for i := range g.IO {
			d := &g.IO[i]
			s.add(value(&d.ReadLimit), d.Device, "read", string(d.Layer))
			s.add(value(&d.WriteLimit), d.Device, "write", string(d.Layer))
			s.add(value(&d.TotalLimit), d.Device, "total", string(d.Layer))
		}
	}
	return []row[model.Guest]{
		{
			name: "virt_guest_io_requests_total", typ: counter, core: true, labels: labels,
			help: "Completed I/O requests. Layer host is the host's bottom block device, guest the virtual device.",
			from: "io.stat, blkio.throttle.io_serviced_recursive, source bpf; libvirt block.N.{rd,wr,fl}.reqs",
			values: func(g *model.Guest, s *series) {
				each(g, func(o *model.Operations, device, op, layer string) { s.add(o.Requests, device, op, layer) })
			},
		},
		{
			name: "virt_guest_io_bytes_total", typ: counter, core: true, labels: labels,
			help: "Bytes of completed I/O requests.",
			from: "io.stat, blkio.throttle.io_service_bytes_recursive, source bpf; libvirt block.N.{rd,wr}.bytes",
			values: func(g *model.Guest, s *series) {
				each(g, func(o *model.Operations, device, op, layer string) { s.add(o.Bytes, device, op, layer) })
			},
		},
		{
			name: "virt_guest_io_seconds_total", typ: counter, core: true, labels: labels,
			help: "Summed time of completed I/O requests: with several at once it outruns the clock. Of layer host it begins when the request is made, so that the host's own queue is part of it.",
			from: "source bpf for layer host; libvirt block.N.{rd,wr,fl}.times",
			values: func(g *model.Guest, s *series) {
				each(g, func(o *model.Operations, device, op, layer string) { s.add(o.Seconds, device, op, layer) })
			},
		},
		{
			name: "virt_guest_io_device_seconds_total", typ: counter, labels: labels,
			help: "Of virt_guest_io_seconds_total the part since the device got the request: what is not in it was spent in the host's queue.",
			from: "source bpf, of layer host alone",
			values: func(g *model.Guest, s *series) {
				each(g, func(o *model.Operations, device, op, layer string) { s.add(o.DeviceSeconds, device, op, layer) })
			},
		},
		{
			name: "virt_guest_io_latency_seconds", typ: histo, core: true, labels: labels,
			help: "Latency of I/O requests. A bin of libvirt's counts in the bucket of its upper end.",
			from: "source bpf for layer host; libvirt ≥ 11.10 block.N.latency_histogram, where <driver><statistics> asks for it",
			values: func(g *model.Guest, s *series) {
				each(g, func(o *model.Operations, device, op, layer string) { s.histogram(o.Latency, device, op, layer) })
			},
		},
		{
			name: "virt_guest_io_delay_seconds_total", typ: counter,
			help:   "Time that tasks of the guest were blocked on block I/O. Absent unless the sysctl kernel.task_delayacct is 1.",
			from:   "/proc/TID/stat, summed over all threads",
			values: func(g *model.Guest, s *series) { s.add(g.IODelay) },
		},
		{
			name: "virt_guest_io_limit_bytes_per_second", typ: gauge, labels: []string{"device", "op", "layer"},
			help: "Cap on the guest's throughput on a device of the host, or of its own (layer guest). Absent when unlimited.",
			from: "io.max, blkio.throttle.*_bps_device; libvirt <iotune>",
			values: func(g *model.Guest, s *series) {
				limit(g, s, func(l *model.IOLimit) model.Opt { return l.BytesPerSecond })
			},
		},
		{
			name: "virt_guest_io_limit_requests_per_second", typ: gauge, labels: []string{"device", "op", "layer"},
			help: "Cap on the guest's requests on a device of the host, or of its own (layer guest). Absent when unlimited.",
			from: "io.max, blkio.throttle.*_iops_device; libvirt <iotune>",
			values: func(g *model.Guest, s *series) {
				limit(g, s, func(l *model.IOLimit) model.Opt { return l.RequestsPerSecond })
			},
		},
		{
			name: "virt_guest_io_stall_by_seconds_total", typ: counter, core: true,
			labels: []string{"cause", "culprit", "method"},
			help:   "The guest's waiting for I/O by cause. Increases sum to the increase of virt_guest_pressure_waiting_seconds_total of io.",
			from:   "an estimate from who used the same whole disk, and from caps",
			values: func(g *model.Guest, s *series) { s.stolen(g.Blame.IOStall) },
		},
	}
}
