package cgroup

import (
	"fmt"

	"github.com/virt-exporter/virt_exporter/collector/kernel"
	"github.com/virt-exporter/virt_exporter/collector/model"
)

// readUnits reads the units, before the guests: what a unit's cpu.stat says of
// its quota need not be read again for the guests below.
func (s *Source) readUnits() []model.Unit {
	s.arrangeUnits()
	s.outUnits = append(s.outUnits[:0], model.Unit{Path: "/", Name: rootUnit, CPUs: s.allowed(s.root)})
	for _, u := range s.units {
		s.readUnit(u)
		s.outUnits = append(s.outUnits, u.out)
	}
	return s.outUnits
}

func (s *Source) readUnit(u *unit) {
	m := &u.out
	m.Usage = s.unitUsage(u)
	m.Memory = model.Opt{}
	if b := s.readUnitFile(u, fileMemoryUsage); b != nil {
		v, _, err := kernel.ParseValue(b)
		if s.unitParsed(u, fileMemoryUsage, err) {
			m.Memory = model.Some(float64(v))
		}
	}
	m.IO = s.unitIO(u, m.IO[:0])
	l := s.nodeLimits(u.node)
	m.Weight, m.MemoryLimit, m.LimitCores = l.weight, l.memory, l.cpuCores
	m.CPUs = s.allowed(u.node)
}

// unitUsage returns the CPU time charged to a unit. On hybrid hosts a directory
// may be in one hierarchy and some of its processes in the other alone: the one
// that has more is the one, for the unit's life.
func (s *Source) unitUsage(u *unit) model.Opt {
	switch {
	case s.layout.mode == unifiedMode, u.source == usageV2:
		return s.unitUsageV2(u)
	case u.source == usageV1:
		return s.unitUsageV1(u)
	}
	v1, v2 := s.unitUsageV1(u), s.unitUsageV2(u)
	switch {
	case v2.Or(-1) > v1.Or(-1):
		if v2.Or(0) > 0 {
			u.source = usageV2
		}
		return v2
	case v1.Or(0) > 0:
		u.source = usageV1
	}
	return v1
}

func (s *Source) unitUsageV1(u *unit) model.Opt {
	b := s.readUnitFile(u, fileUsageV1)
	if b == nil {
		return model.Opt{}
	}
	nsec, _, err := kernel.ParseValue(b)
	if !s.unitParsed(u, fileUsageV1, err) {
		return model.Opt{}
	}
	return nanoseconds(nsec)
}

func (s *Source) unitUsageV2(u *unit) model.Opt {
	b := s.readUnitFile(u, fileUsageV2)
	var st kernel.CPUStat
	if b == nil || !s.unitParsed(u, fileUsageV2, kernel.ParseCPUStat(b, &st)) {
		return model.Opt{}
	}
	if s.layout.cpu.v2 { // as nodeThrottled would have it
		u.node.throttledGen, u.node.throttled = s.gen, model.Opt{}
		if st.HasBandwidth {
			u.node.throttled = model.Some(float64(st.ThrottledUsec) / 1e6)
		}
	}
	return model.Some(float64(st.UsageUsec) / 1e6)
}

// unitIO reads what a unit, with all that is in it, did to the host's block
// devices. The numbers begin anew when the last user of a device has let go of
// it, and with v1 they lose what a removed directory had.
func (s *Source) unitIO(u *unit, dst []model.DeviceIO) []model.DeviceIO {
	var err error
	if s.layout.io.v2 {
		b := s.readUnitFile(u, fileIOStat)
		if b == nil {
			return dst
		}
		if s.iostat, err = kernel.ParseIOStat(b, s.iostat[:0]); !s.unitParsed(u, fileIOStat, err) {
			return dst
		}
		for _, st := range s.iostat {
			d := s.unitDevice(&dst, st.Device)
			d.Read = model.Operations{Requests: model.Some(float64(st.ReadOps)), Bytes: model.Some(float64(st.ReadBytes))}
			d.Write = model.Operations{Requests: model.Some(float64(st.WriteOps)), Bytes: model.Some(float64(st.WriteBytes))}
		}
		return s.bottomOnly(dst)
	}
	if b := s.readUnitFile(u, fileIOBytesV1); b != nil {
		if s.blkio, err = kernel.ParseBlkioV1(b, s.blkio[:0]); s.unitParsed(u, fileIOBytesV1, err) {
			for _, st := range s.blkio {
				d := s.unitDevice(&dst, st.Device)
				d.Read.Bytes, d.Write.Bytes = model.Some(float64(st.Read)), model.Some(float64(st.Write))
			}
		}
	}
	if b := s.readUnitFile(u, fileIOOpsV1); b != nil {
		if s.blkio, err = kernel.ParseBlkioV1(b, s.blkio[:0]); s.unitParsed(u, fileIOOpsV1, err) {
			for _, st := range s.blkio {
				d := s.unitDevice(&dst, st.Device)
				d.Read.Requests, d.Write.Requests = model.Some(float64(st.Read)), model.Some(float64(st.Write))
			}
		}
	}
	return s.bottomOnly(dst)
}

// unitDevice returns the entry of a device in dst, which may be new. Discards
// are left out: they hinder nobody.
func (s *Source) unitDevice(dst *[]model.DeviceIO, dev kernel.Device) *model.DeviceIO {
	name := s.device(dev).name
	for i := range *dst {
		if d := &(*dst)[i]; d.Device == name {
			return d
		}
	}
	*dst = append(*dst, model.DeviceIO{Device: name, Layer: model.LayerHost})
	return &(*dst)[len(*dst)-1]
}

// readUnitFile is read for a unit. What is to be seen of units says nothing of
// what is to be seen of guests: it makes no feature.
func (s *Source) readUnitFile(u *unit, id fileID) []byte {
	spec, f := &s.specs[id], &u.files[id]
	if spec.root == "" || s.now < f.absentUntil {
		return nil
	}
	b, err := s.files.Read(&f.File, spec.root, u.node.path, spec.name)
	switch {
	case err == nil:
		return b
	case kernel.Gone(err), kernel.Denied(err), kernel.Unsupported(err):
		f.absentUntil = s.recheckAt(u.node, f.absentUntil == 0)
	default:
		s.problems.Add(fmt.Errorf("reading %s%s/%s: %w", spec.root, u.node.path, spec.name, err))
	}
	return nil
}

func (s *Source) unitParsed(u *unit, id fileID, err error) bool {
	if err != nil {
		spec := &s.specs[id]
		s.problems.Add(fmt.Errorf("parsing %s%s/%s: %w", spec.root, u.node.path, spec.name, err))
	}
	return err == nil
}
