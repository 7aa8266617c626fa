package libvirt

import (
	"strings"

	golibvirt "github.com/digitalocean/go-libvirt"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// block is block.N.* of one record.
type block struct {
	name               string // kept from reading to reading
	named              bool   // in this reading
	read, write, flush blockOp
}

// blockOp is what one block.N counted of one kind of request.
type blockOp struct {
	requests, bytes, seconds model.Opt
	bins                     bins
}

func (o *blockOp) reset() {
	o.requests, o.bytes, o.seconds = model.Opt{}, model.Opt{}, model.Opt{}
	o.bins.reset()
}

func (o *blockOp) take(name string, v *golibvirt.TypedParamValue) {
	switch name {
	case "reqs":
		o.requests = scaled(v, 1)
	case "bytes":
		o.bytes = scaled(v, 1)
	case "times":
		o.seconds = seconds(v)
	}
}

func (o *blockOp) operations() model.Operations {
	return model.Operations{
		Requests: o.requests, Bytes: o.bytes, Seconds: o.seconds,
		Latency: o.bins.histogram(o.seconds),
	}
}

// blocks are a domain's disks. Their numbers in a record are positions, which
// shift when a disk is unplugged: a disk is known by its name.
type blocks struct{ all []block }

func (s *blocks) begin() {
	for i := range s.all {
		b := &s.all[i]
		b.named = false
		b.read.reset()
		b.write.reset()
		b.flush.reset()
	}
}

func (s *blocks) take(name string, v *golibvirt.TypedParamValue) {
	index, name, ok := cutNumber(name)
	if !ok {
		return // block.count
	}
	b := s.find(index)
	if b == nil {
		return
	}
	if name == "name" {
		b.named = intern(&b.name, v)
		return
	}
	op, name, _ := strings.Cut(name, ".")
	switch op {
	case "rd":
		b.read.take(name, v)
	case "wr":
		b.write.take(name, v)
	case "fl":
		b.flush.take(name, v)
	case "latency_histogram":
		b.takeHistogram(name, v)
	}
}

// takeHistogram takes latency_histogram.* (libvirt 11.10), which is there for
// disks whose driver element asks for it.
func (b *block) takeHistogram(name string, v *golibvirt.TypedParamValue) {
	op, name, _ := strings.Cut(name, ".")
	switch op {
	case "read":
		b.read.bins.take(name, v)
	case "write":
		b.write.bins.take(name, v)
	case "flush":
		b.flush.bins.take(name, v)
	}
}

// find returns the block of that number, or nil beyond the bound.
func (s *blocks) find(index uint64) *block {
	if index >= maxDevices {
		return nil
	}
	for uint64(len(s.all)) <= index {
		s.all = append(s.all, block{})
	}
	return &s.all[index]
}

// fill appends the disks that have figures. Where a name comes more than once
// (a disk and what it is backed by), the first is the disk.
func (s *blocks) fill(to []model.DeviceIO) []model.DeviceIO {
	for i := range s.all {
		b := &s.all[i]
		if !b.named || indexDevice(to, b.name) >= 0 {
			continue
		}
		io := model.DeviceIO{
			Device: b.name, Layer: model.LayerGuest,
			Read: b.read.operations(), Write: b.write.operations(), Flush: b.flush.operations(),
		}
		if none := (model.Operations{}); io.Read != none || io.Write != none || io.Flush != none {
			to = append(to, io)
		}
	}
	return to
}

// indexDevice returns where in a guest's I/O that virtual disk is, or -1.
func indexDevice(all []model.DeviceIO, name string) int {
	for i := range all {
		if all[i].Device == name && all[i].Layer == model.LayerGuest {
			return i
		}
	}
	return -1
}
