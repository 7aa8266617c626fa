package bpf

import (
	"cmp"
	"slices"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// ioKey is whose request it was, to which device and to do what: struct key of
// c/block.bpf.c.
type ioKey struct {
	Device   uint32 // of the whole disk: major<<20 | minor
	Slot, Op uint16
}

// ioDone sums requests: struct done of c/block.bpf.c.
type ioDone struct {
	Requests, Bytes uint64
	NS, DeviceNS    uint64 // since it was made, and since the device got it
	Buckets         [model.Slots]uint64
}

// Operations as the kernel's part counts them.
const (
	ioRead = iota
	ioWrite
	ioFlush
	ioDiscard
	ioDrain // of all flushes that wait for it: nobody's
	ioOps
)

// ioDevice is what somebody did to one device.
type ioDevice [ioOps]ioDone

// ioFigures are what was done, by guest and device, since the guest was first
// measured.
type ioFigures struct {
	disks   disks
	seen    map[ioKey]*ioSeen
	guests  map[*guest]map[uint32]*ioDevice
	totals  map[uint32]*ioDevice // of everybody
	sweptAt time.Duration
	idle    []ioKey
}

// ioSeen is what the kernel's map had of a key.
type ioSeen struct {
	ioDone
	at time.Duration // it last grew
}

func newIOFigures(sysfs string) *ioFigures {
	return &ioFigures{
		disks: newDisks(sysfs), seen: make(map[ioKey]*ioSeen),
		guests: make(map[*guest]map[uint32]*ioDevice), totals: make(map[uint32]*ioDevice),
	}
}

// add takes what the kernel's map has of a key, whose slot is o's.
func (f *ioFigures) add(now time.Duration, o *owner, key ioKey, done *ioDone) {
	if key.Op >= ioOps {
		return
	}
	was := f.seen[key]
	if was == nil {
		was = &ioSeen{}
		f.seen[key] = was
	}
	if was.ioDone == *done {
		return
	}
	was.at = now
	of(f.totals, key.Device)[key.Op].grow(done, &was.ioDone)
	if g := o.guest; g != nil {
		g.partOf(key.Slot).eachGuest(true, func(g *guest) {
			if f.guests[g] == nil {
				f.guests[g] = make(map[uint32]*ioDevice)
			}
			of(f.guests[g], key.Device)[key.Op].grow(done, &was.ioDone)
		})
	}
	was.ioDone = *done
}

func of(devices map[uint32]*ioDevice, number uint32) *ioDevice {
	d := devices[number]
	if d == nil {
		d = &ioDevice{}
		devices[number] = d
	}
	return d
}

// grow adds what is more than it was.
func (d *ioDone) grow(is, was *ioDone) {
	d.Requests += is.Requests - was.Requests
	d.Bytes += is.Bytes - was.Bytes
	d.NS += is.NS - was.NS
	d.DeviceNS += is.DeviceNS - was.DeviceNS
	for i := range d.Buckets {
		d.Buckets[i] += is.Buckets[i] - was.Buckets[i]
	}
}

// sweep forgets guests and devices that are gone. It returns the keys that are to be
// removed from the kernel's map, as nothing was counted for them for long; the list is
// good until the next call.
func (f *ioFigures) sweep(now time.Duration) (idle []ioKey) {
	if now-f.sweptAt < sweepEvery {
		return nil
	}
	f.sweptAt = now
	for g := range f.guests {
		if g.gone && now-g.goneAt > kept {
			delete(f.guests, g)
		}
	}
	for number := range f.totals {
		f.disks.get(number)
	}
	for _, number := range f.disks.refresh() {
		f.forgetDevice(number)
	}
	f.idle = f.idle[:0]
	for key, was := range f.seen {
		if now-was.at > forgotten {
			f.idle = append(f.idle, key)
		}
	}
	return f.idle
}

// removed notes that a key is not in the kernel's map any more.
func (f *ioFigures) removed(key ioKey) { delete(f.seen, key) }

// forgetKeys is for a kernel's map that begins anew.
func (f *ioFigures) forgetKeys() { clear(f.seen) }

func (f *ioFigures) forgetDevice(number uint32) {
	delete(f.totals, number)
	for _, devices := range f.guests {
		delete(devices, number)
	}
}

// report appends what a guest did, and those inside it, to each device. All threads of
// a virtual machine count.
func (f *ioFigures) report(g *guest, to []model.DeviceIO) []model.DeviceIO {
	for number, d := range f.guests[g] {
		disk := f.disks.get(number)
		if disk.stacked {
			continue // those below have the same requests
		}
		at := slices.IndexFunc(to, func(io model.DeviceIO) bool { return io.Device == disk.name })
		if at < 0 {
			at = len(to)
			to = append(to, model.DeviceIO{Device: disk.name, Layer: model.LayerHost})
		}
		io := &to[at]
		d[ioRead].addTo(&io.Read)
		d[ioWrite].addTo(&io.Write)
		d[ioFlush].addTo(&io.Flush)
		d[ioDiscard].addTo(&io.Discard)
	}
	slices.SortFunc(to, func(a, b model.DeviceIO) int { return cmp.Compare(a.Device, b.Device) })
	return to
}

// addTo adds what was done to what is exposed of it. What never happened is absent,
// and so is what is not known of it.
func (d *ioDone) addTo(o *model.Operations) {
	add := func(to *model.Opt, n uint64, unit float64) {
		if n > 0 {
			*to = model.Some(to.Or(0) + float64(n)/unit)
		}
	}
	add(&o.Requests, d.Requests, 1)
	add(&o.Bytes, d.Bytes, 1)
	add(&o.Seconds, d.NS, 1e9)
	add(&o.DeviceSeconds, d.DeviceNS, 1e9)
	if d.NS == 0 {
		return
	}
	if o.Latency == nil {
		o.Latency = &model.Histogram{}
	}
	for i, n := range d.Buckets {
		o.Latency.Counts[i] += n
	}
	o.Latency.Sum += float64(d.NS) / 1e9
}
