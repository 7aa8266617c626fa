package collector

import "github.com/virt-exporter/virt_exporter/collector/model"

// numOps is how many kinds of operation a device has.
const numOps = 4

// operations returns those of a device.
func operations(d *model.DeviceIO) [numOps]*model.Operations {
	return [...]*model.Operations{&d.Read, &d.Write, &d.Flush, &d.Discard}
}

// deviceLedger is what was exposed of a guest's use of one device of this machine.
type deviceLedger [numOps]struct{ requests, bytes splice }

// putIO gives the guest what was measured of its use of each device: a list of its
// own, in which limits stay as they are.
func (l *ledger) putIO(g *model.Guest, measured []model.DeviceIO) {
	if len(measured) == 0 && len(l.devices) == 0 {
		return
	}
	l.io = append(l.io[:0], g.IO...)
	for i := range measured {
		if m := &measured[i]; m.Layer == model.LayerHost {
			l.device(m.Device).put(l.entry(m.Device), m)
		}
	}
	nothing := new(model.DeviceIO)
	for name, d := range l.devices {
		if hostDevice(measured, name) < 0 {
			if at := hostDevice(l.io, name); at >= 0 {
				d.put(&l.io[at], nothing)
			}
		}
	}
	g.IO = l.io
}

// hostDevice finds a device of this machine.
func hostDevice(list []model.DeviceIO, name string) int {
	for i := range list {
		if list[i].Device == name && list[i].Layer == model.LayerHost {
			return i
		}
	}
	return -1
}

func (l *ledger) device(name string) *deviceLedger {
	d := l.devices[name]
	if d == nil {
		if l.devices == nil {
			l.devices = make(map[string]*deviceLedger)
		}
		d = new(deviceLedger)
		l.devices[name] = d
	}
	return d
}

// entry returns the device in the guest's list, where it is put if it was not there.
func (l *ledger) entry(name string) *model.DeviceIO {
	at := hostDevice(l.io, name)
	if at < 0 {
		at = len(l.io)
		l.io = append(l.io, model.DeviceIO{Device: name, Layer: model.LayerHost})
	}
	return &l.io[at]
}

// put takes over what was measured of one device. What never happened has no series
// but those that others have given it: a histogram is dear.
func (d *deviceLedger) put(to, from *model.DeviceIO) {
	into, ops := operations(to), operations(from)
	for i, o := range ops {
		requests, bytes := o.Requests, o.Bytes
		happened := requests.Or(0) > 0
		if !happened && into[i].Requests == (model.Opt{}) && !d[i].requests.known {
			continue
		}
		into[i].Requests = d[i].requests.next(requests, into[i].Requests)
		into[i].Bytes = d[i].bytes.next(bytes, into[i].Bytes)
		into[i].Seconds, into[i].DeviceSeconds, into[i].Latency = model.Opt{}, model.Opt{}, nil
		if happened {
			into[i].Seconds, into[i].DeviceSeconds, into[i].Latency = o.Seconds, o.DeviceSeconds, o.Latency
		}
	}
}
