package collector

import (
	"maps"
	"slices"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// health is what the metrics about a source are made of. It outlives readings
// and is exposed while the source writes the next one: nothing in it is the
// source's own.
type health struct {
	source      string
	reason      model.Reason // why it is not available; empty when it is
	known       bool         // it was read at least once
	success     bool
	duration    time.Duration
	lastSuccess time.Time
	lists       bool // it is a source of guests
	guests      int
	collisions  uint64
	dropped     map[string]uint64
	duplicates  uint64 // guests that another source gave too
	features    []model.Feature
	programs    []model.Program
}

// judge notes how a reading went.
func (h *health) judge(got *reading) {
	h.known, h.success, h.duration = true, got.err == nil, got.ended.Sub(got.began)
	if h.success {
		h.lastSuccess = got.ended
	}
	h.guests = len(got.Guests)
	if got.stack != nil {
		return // the source said nothing of the rest
	}
	h.lists = got.Guests != nil
	h.collisions, h.dropped = got.Collisions, maps.Clone(got.Dropped)
	h.features = append(h.features[:0], got.Features...)
	h.programs = append(h.programs[:0], got.Programs...)
	for i := range h.programs {
		h.programs[i].Lost = slices.Clone(h.programs[i].Lost)
	}
}

// late notes that a scrape went without the source.
func (h *health) late() {
	h.known, h.success, h.guests = true, false, 0
}

// absent notes that there is no source to ask. When it was last read whole
// stays known, and so do the guests that were left out for another source's.
func (h *health) absent(why model.Reason) {
	*h = health{source: h.source, reason: why, lastSuccess: h.lastSuccess, duplicates: h.duplicates}
}
