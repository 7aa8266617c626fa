package collector

import (
	"maps"
	"slices"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// sourceRows is the table of what the exporter says of its own sight.
func sourceRows() []row[health] { return append(readingRows(), programRows()...) }

func readingRows() []row[health] {
	labels := []string{"source"}
	return []row[health]{
		{
			name: "virt_source_success", typ: gauge, core: true, labels: labels,
			help: "Whether the last reading of the source was whole. Absent while the source is not available.",
			from: "the exporter",
			values: func(h *health, s *series) {
				if h.known {
					s.bool(h.success, h.source)
				}
			},
		},
		{
			name: "virt_source_duration_seconds", typ: gauge, core: true, labels: labels,
			help: "How long the last reading of the source took.",
			from: "the exporter",
			values: func(h *health, s *series) {
				if h.known {
					s.add(model.Some(h.duration.Seconds()), h.source)
				}
			},
		},
		{
			name: "virt_source_last_success_timestamp_seconds", typ: gauge, core: true, labels: labels,
			help: "When the source was last read whole, in seconds since the epoch.",
			from: "the exporter",
			values: func(h *health, s *series) {
				if !h.lastSuccess.IsZero() {
					s.add(model.Some(float64(h.lastSuccess.UnixMilli())/1e3), h.source)
				}
			},
		},
		{
			name: "virt_source_available", typ: gauge, core: true, labels: []string{"source", "reason"},
			help:   "Whether this host has what the source reads. The reason is empty when it has.",
			from:   "the exporter",
			values: func(h *health, s *series) { s.bool(h.reason == model.Available, h.source, string(h.reason)) },
		},
		{
			name: "virt_feature_available", typ: gauge, core: true, labels: []string{"source", "feature", "reason"},
			help: "Whether the host lets the source see this. The reason is empty when it does.",
			from: "the exporter",
			values: func(h *health, s *series) {
				for i := range h.features {
					f := &h.features[i]
					s.bool(f.Reason == model.Available, h.source, f.Name, string(f.Reason))
				}
			},
		},
		{
			name: "virt_source_guests", typ: gauge, labels: labels,
			help: "Guests in the last reading of the source.",
			from: "the exporter",
			values: func(h *health, s *series) {
				if h.lists {
					s.add(model.Some(float64(h.guests)), h.source)
				}
			},
		},
		{
			name: "virt_source_dropped_total", typ: counter, labels: []string{"source", "reason"},
			help: "What was left out: guests over a limit, of the host (--limit.guests), of a user (1024) or inside a guest (256), for libvirt of the host alone; directories over 4096 of a user's or inside a guest; duplicate guests, given by another source too. The last two are counted at each scrape.",
			from: "the exporter",
			values: func(h *health, s *series) {
				for _, reason := range slices.Sorted(maps.Keys(h.dropped)) {
					s.add(model.Some(float64(h.dropped[reason])), h.source, reason)
				}
				if h.duplicates > 0 {
					s.add(model.Some(float64(h.duplicates)), h.source, "duplicate")
				}
			},
		},
		{
			name: "virt_source_name_collisions_total", typ: counter, labels: labels,
			help: "Guests whose name was taken, so that a part of their id was added to it.",
			from: "the exporter",
			values: func(h *health, s *series) {
				if h.lists {
					s.add(model.Some(float64(h.collisions)), h.source)
				}
			},
		},
	}
}

// programRows is the table of what is said of the exporter's programs in the kernel.
func programRows() []row[health] {
	return []row[health]{
		{
			name: "virt_bpf_program_loaded", typ: gauge, labels: []string{"program"},
			help: "Whether the program runs in the kernel. Why one does not is in virt_feature_available.",
			from: "source bpf",
			values: func(h *health, s *series) {
				for i := range h.programs {
					s.bool(h.programs[i].Loaded, h.programs[i].Name)
				}
			},
		},
		{
			name: "virt_bpf_coverage_ratio", typ: gauge, labels: []string{"program"},
			help: "Part of what the program should have seen that it saw.",
			from: "source bpf: what it counted, by the kernel's own totals",
			values: func(h *health, s *series) {
				for i := range h.programs {
					s.add(h.programs[i].Coverage, h.programs[i].Name)
				}
			},
		},
		{
			name: "virt_bpf_lost_total", typ: counter, labels: []string{"program", "reason"},
			help: "What the program could not keep, or not tell in full.",
			from: "source bpf",
			values: func(h *health, s *series) {
				for i := range h.programs {
					p := &h.programs[i]
					for j := range p.Lost {
						s.add(p.Lost[j].Count, p.Name, p.Lost[j].Reason)
					}
				}
			},
		},
	}
}
