package blame

import (
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// Ring finds out from reading to reading who kept whom waiting. It remembers ten
// minutes, of guests that are gone too. It is not safe for concurrent use.
type Ring struct {
	cpu    cpuRing
	io     ioRing
	memory memoryRing

	exposures uint64
}

// Options bound what a ring says.
type Options struct {
	Culprits int // most that a guest names, for each resource; 0 means DefaultCulprits
}

// DefaultCulprits is how many culprits a guest names.
const DefaultCulprits = 5

// remembered is how long what is known of a guest is kept, also when it is gone.
const remembered = 10 * time.Minute

// NewRing returns a ring that knows nothing yet.
func NewRing(opts Options) *Ring {
	if opts.Culprits <= 0 {
		opts.Culprits = DefaultCulprits
	}
	r := &Ring{
		cpu:    newCPURing(opts.Culprits),
		io:     newIORing(opts.Culprits),
		memory: newMemoryRing(opts.Culprits),
	}
	r.cpu.exposures, r.io.exposures, r.memory.exposures = &r.exposures, &r.exposures, &r.exposures
	return r
}

// Exposed says that what the last update gave was exposed.
func (r *Ring) Exposed() { r.exposures++ }

// Update takes what was read of a host as of now and fills in the blame of each
// guest. It may be called at any pace, and again with the same reading. node may be
// nil and units empty: then what the host itself does is unexplained.
func (r *Ring) Update(now time.Duration, guests []*model.Guest, node *model.Node, units []model.Unit) {
	r.cpu.update(now, guests, node, units)
	r.io.update(now, guests, node, units)
	r.memory.update(now, guests, node, units)
}
