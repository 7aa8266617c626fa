package cgroup

import (
	"os"
	"path/filepath"
	"slices"

	"github.com/virt-exporter/virt_exporter/collector/kernel"
	"github.com/virt-exporter/virt_exporter/collector/model"
)

// ioState is what must be remembered of a guest's use of one device.
type ioState struct {
	seen                                uint64 // the last reading that listed it
	dev                                 kernel.Device
	readBytes, writeBytes, discardBytes counter
	readOps, writeOps, discardOps       counter
	readLimit, writeLimit               model.IOLimit
}

// device is a block device of the host.
type device struct {
	name   string   // vda, or major:minor where it has none
	slaves []string // the devices that it lies on
}

// readIO reads what g did to the host's block devices.
func (s *Source) readIO(g *guest, dst []model.DeviceIO) []model.DeviceIO {
	if s.layout.io.v2 {
		dst = s.readIOStat(g, dst[:0])
	} else {
		dst = s.readBlkio(g, dst[:0])
	}
	return s.bottomOnly(dst)
}

// readIOStat reads io.stat. The kernel starts a device anew when its last user
// let go of it, so the numbers pass through counters.
func (s *Source) readIOStat(g *guest, dst []model.DeviceIO) []model.DeviceIO {
	b := s.read(g, fileIOStat)
	if b == nil {
		return dst
	}
	var err error
	if s.iostat, err = kernel.ParseIOStat(b, s.iostat[:0]); !s.parsed(g, fileIOStat, err) {
		return dst
	}
	for _, st := range s.iostat {
		d := g.device(st.Device)
		d.seen = s.gen
		d.readBytes.update(st.ReadBytes, false)
		d.writeBytes.update(st.WriteBytes, false)
		d.discardBytes.update(st.DiscardBytes, false)
		d.readOps.update(st.ReadOps, false)
		d.writeOps.update(st.WriteOps, false)
		d.discardOps.update(st.DiscardOps, false)
	}
	return s.appendIO(g, dst)
}

// readBlkio reads the counters of v1's throttling layer, which every request
// passes, throttled or not. They are summed over the sub-cgroups that exist:
// what a removed one had is lost to the kernel, so that they hold state here.
func (s *Source) readBlkio(g *guest, dst []model.DeviceIO) []model.DeviceIO {
	b := s.read(g, fileIOBytesV1)
	if b == nil {
		return dst
	}
	var err error
	if s.blkio, err = kernel.ParseBlkioV1(b, s.blkio[:0]); !s.parsed(g, fileIOBytesV1, err) {
		return dst
	}
	for _, st := range s.blkio {
		d := g.device(st.Device)
		d.seen = s.gen
		d.readBytes.update(st.Read, g.atStart)
		d.writeBytes.update(st.Write, g.atStart)
		d.discardBytes.update(st.Discard, g.atStart)
	}
	if b = s.read(g, fileIOOpsV1); b == nil {
		return s.appendIO(g, dst)
	}
	if s.blkio, err = kernel.ParseBlkioV1(b, s.blkio[:0]); !s.parsed(g, fileIOOpsV1, err) {
		return s.appendIO(g, dst)
	}
	for _, st := range s.blkio {
		d := g.device(st.Device)
		d.readOps.update(st.Read, g.atStart)
		d.writeOps.update(st.Write, g.atStart)
		d.discardOps.update(st.Discard, g.atStart)
	}
	return s.appendIO(g, dst)
}

// device returns the state of one device, which may be new.
func (g *guest) device(dev kernel.Device) *ioState {
	for i := range g.io {
		if g.io[i].dev == dev {
			return &g.io[i]
		}
	}
	g.io = append(g.io, ioState{dev: dev})
	return &g.io[len(g.io)-1]
}

func (s *Source) appendIO(g *guest, dst []model.DeviceIO) []model.DeviceIO {
	for i := range g.io {
		d := &g.io[i]
		name := s.device(d.dev).name
		if (d.seen != s.gen && !d.limited()) || listed(dst, name) {
			continue // it is gone, and another may have its name
		}
		dst = append(dst, model.DeviceIO{
			Device:     name,
			Layer:      model.LayerHost,
			Read:       operations(&d.readOps, &d.readBytes),
			Write:      operations(&d.writeOps, &d.writeBytes),
			Discard:    discards(d),
			ReadLimit:  d.readLimit,
			WriteLimit: d.writeLimit,
		})
	}
	return dst
}

func operations(ops, bytes *counter) model.Operations {
	var o model.Operations
	if ops.known {
		o.Requests = model.Some(float64(ops.value))
	}
	if bytes.known {
		o.Bytes = model.Some(float64(bytes.value))
	}
	return o
}

// discards are given from the first one on: most devices never see any.
func discards(d *ioState) model.Operations {
	if d.discardOps.value == 0 && d.discardBytes.value == 0 {
		return model.Operations{}
	}
	return operations(&d.discardOps, &d.discardBytes)
}

// ioDelay returns how long the guest's tasks were blocked on block I/O. Those
// that were started before the accounting was switched on have none.
func (s *Source) ioDelay(g *guest) model.Opt {
	if !s.delayacct || g.cpu.readAt == 0 {
		return model.Opt{}
	}
	return model.Some(float64(g.cpu.delay) * tick.Seconds())
}

// bottomOnly leaves out a device that lies on others (device-mapper, md) where
// those are listed too: the kernel counts a request at each of them.
func (s *Source) bottomOnly(list []model.DeviceIO) []model.DeviceIO {
	kept := list[:0]
	for _, d := range list {
		if !s.liesOn(d.Device, list) {
			kept = append(kept, d)
		}
	}
	return kept
}

func (s *Source) liesOn(name string, list []model.DeviceIO) bool {
	for _, slave := range s.stacked[name] {
		if listed(list, slave) {
			return true
		}
	}
	return false
}

func listed(list []model.DeviceIO, name string) bool {
	return slices.ContainsFunc(list, func(d model.DeviceIO) bool { return d.Device == name })
}

// limited reports whether the guest has a cap on the device.
func (d *ioState) limited() bool {
	return d.readLimit != (model.IOLimit{}) || d.writeLimit != (model.IOLimit{})
}

// device returns what /sys says of a block device. It is asked now and then.
func (s *Source) device(dev kernel.Device) device {
	if d, ok := s.devices[dev]; ok {
		return d
	}
	d := device{name: dev.String()}
	link := filepath.Join(s.opts.SysFS, "dev/block", d.name)
	if target, err := os.Readlink(link); err == nil {
		d.name = filepath.Base(target)
	}
	entries, _ := os.ReadDir(filepath.Join(link, "slaves"))
	for _, e := range entries {
		d.slaves = append(d.slaves, wholeDisk(filepath.Join(link, "slaves", e.Name())))
	}
	s.devices[dev] = d
	if len(d.slaves) > 0 {
		s.stacked[d.name] = d.slaves
	}
	return d
}

// wholeDisk returns the name of the disk that a device is, or is a partition of: the
// kernel counts what partitions are used for at their disk.
func wholeDisk(link string) string {
	target, err := filepath.EvalSymlinks(link)
	if err != nil {
		return filepath.Base(link)
	}
	if _, err := os.Stat(filepath.Join(target, "partition")); err == nil {
		target = filepath.Dir(target)
	}
	return filepath.Base(target)
}
