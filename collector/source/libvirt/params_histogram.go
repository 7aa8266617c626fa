package libvirt

import (
	"strings"

	golibvirt "github.com/digitalocean/go-libvirt"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// maxBins bounds the bins of one histogram. libvirt users write a handful.
const maxBins = 128

// bins is one latency_histogram.OP.* of a record: bin M counts what took from
// its own start up to that of the next, in nanoseconds, and the last all that
// took longer.
type bins struct {
	all     []bin
	count   uint64 // as the daemon gives it
	counted bool
	excess  bool // more bins than are kept
	out     *model.Histogram
}

type bin struct {
	start, value       uint64
	hasStart, hasValue bool
}

func (b *bins) reset() {
	b.all = b.all[:0]
	b.count, b.counted, b.excess = 0, false, false
}

// take takes bin.count, bin.M.start and bin.M.value.
func (b *bins) take(name string, v *golibvirt.TypedParamValue) {
	name, ok := strings.CutPrefix(name, "bin.")
	if !ok {
		return
	}
	if name == "count" {
		b.count, b.counted = count(v)
		return
	}
	index, name, ok := cutNumber(name)
	if !ok {
		return
	}
	if index >= maxBins {
		b.excess = true
		return
	}
	for uint64(len(b.all)) <= index {
		b.all = append(b.all, bin{})
	}
	switch p := &b.all[index]; name {
	case "start":
		p.start, p.hasStart = count(v)
	case "value":
		p.value, p.hasValue = count(v)
	}
}

// histogram returns the histogram, or nil where there is none or a part of it is
// missing. A bin counts in the slot of its upper end. sum is of all requests:
// without it there is no histogram either.
func (b *bins) histogram(sum model.Opt) *model.Histogram {
	total, ok := sum.Get()
	if !ok || !b.whole() {
		return nil
	}
	if b.out == nil {
		b.out = new(model.Histogram)
	}
	*b.out = model.Histogram{Sum: total}
	for i := range b.all {
		slot := model.Slots - 1
		if i+1 < len(b.all) {
			slot = model.Slot(float64(b.all[i+1].start) / nanoseconds)
		}
		b.out.Counts[slot] = addSaturated(b.out.Counts[slot], b.all[i].value)
	}
	return b.out
}

func (b *bins) whole() bool {
	if !b.counted || b.excess || len(b.all) == 0 || b.count != uint64(len(b.all)) {
		return false
	}
	for i := range b.all {
		if p := &b.all[i]; !p.hasStart || !p.hasValue || i > 0 && p.start <= b.all[i-1].start {
			return false
		}
	}
	return true
}
