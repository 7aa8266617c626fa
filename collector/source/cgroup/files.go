package cgroup

import (
	"fmt"

	"github.com/virt-exporter/virt_exporter/collector/kernel"
)

// fileID names one of the files that are read of every guest.
type fileID int

const (
	fileUsageV2 fileID = iota
	fileUsageV1
	fileBandwidthV1
	fileThrottledLocal
	fileCPUPressure
	fileMemoryPressure
	fileIOPressure
	fileIRQPressure
	fileMemoryUsage
	fileMemoryStat
	fileMemorySwap
	fileMemoryEvents
	fileMemoryFailcnt
	fileIOStat
	fileIOBytesV1
	fileIOOpsV1
	fileState
	numFiles
)

// fileSpec says where a file of a guest lies, and which feature it makes.
type fileSpec struct {
	root, name string // an empty root: not on this host
	feature    feature
}

// specs says which of the guest's files exist with this layout. A controller
// is in one hierarchy at a time, so that each number has one source.
func (l *layout) specs() [numFiles]fileSpec {
	var t [numFiles]fileSpec
	u := l.unified.root
	t[fileUsageV2] = fileSpec{u, "cpu.stat", featureCPU}
	t[fileUsageV1] = fileSpec{l.cpuacct.root, "cpuacct.usage", featureCPU}
	t[fileThrottledLocal] = fileSpec{l.cpu.root, "cpu.stat.local", featureThrottling}
	t[fileCPUPressure] = fileSpec{u, "cpu.pressure", featurePressure}
	t[fileMemoryPressure] = fileSpec{u, "memory.pressure", featurePressure}
	t[fileIOPressure] = fileSpec{u, "io.pressure", featurePressure}
	t[fileIRQPressure] = fileSpec{u, "irq.pressure", featurePressure}
	if !l.cpu.v2 {
		t[fileBandwidthV1] = fileSpec{l.cpu.root, "cpu.stat", featureThrottling}
	}
	if m := l.memory; m.v2 {
		t[fileMemoryUsage] = fileSpec{m.root, "memory.current", featureMemory}
		t[fileMemorySwap] = fileSpec{m.root, "memory.swap.current", featureMemory}
		t[fileMemoryEvents] = fileSpec{m.root, "memory.events", featureMemory}
	} else {
		t[fileMemoryUsage] = fileSpec{m.root, "memory.usage_in_bytes", featureMemory}
		t[fileMemoryFailcnt] = fileSpec{m.root, "memory.failcnt", featureMemory}
	}
	t[fileMemoryStat] = fileSpec{l.memory.root, "memory.stat", featureMemory}
	if l.io.v2 {
		t[fileIOStat] = fileSpec{l.io.root, "io.stat", featureIO}
	} else {
		t[fileIOBytesV1] = fileSpec{l.io.root, "blkio.throttle.io_service_bytes_recursive", featureIO}
		t[fileIOOpsV1] = fileSpec{l.io.root, "blkio.throttle.io_serviced_recursive", featureIO}
	}
	if l.freezer.v2 {
		t[fileState] = fileSpec{l.freezer.root, "cgroup.events", featureState}
	} else {
		t[fileState] = fileSpec{l.freezer.root, "freezer.state", featureState}
	}
	return t
}

// read returns a guest's file, or nil where it is not there. The bytes are
// valid until the next file is read.
func (s *Source) read(g *guest, id fileID) []byte {
	spec, f := &s.specs[id], &g.files[id]
	if spec.root == "" || s.now < f.absentUntil || g.gone {
		return nil
	}
	b, err := s.files.Read(&f.File, spec.root, g.node.path, spec.name)
	switch {
	case err == nil:
		f.read, g.anyRead = true, true
		s.features.saw(spec.feature, s.now)
		return b
	case kernel.Gone(err):
		// Of a file that was there before, either the whole cgroup has gone or
		// somebody has switched the controller off.
		g.gone = f.read && s.gone(g.node)
		f.read = false
		f.absentUntil = s.recheckAt(g.node, f.absentUntil == 0)
		return nil
	case kernel.Denied(err):
		s.refuse(spec.feature)
		f.absentUntil = s.recheckAt(g.node, f.absentUntil == 0)
	case kernel.Unsupported(err):
		g.anyRead = true
		f.absentUntil = s.recheckAt(g.node, f.absentUntil == 0)
	default: // of the moment: too many open files, an I/O error
		s.problems.Add(fmt.Errorf("reading %s%s/%s: %w", spec.root, g.node.path, spec.name, err))
	}
	return nil
}

// parsed reports whether a guest's file could be parsed, and keeps the error.
func (s *Source) parsed(g *guest, id fileID, err error) bool {
	if err != nil {
		spec := &s.specs[id]
		s.problems.Add(fmt.Errorf("parsing %s%s/%s: %w", spec.root, g.node.path, spec.name, err))
	}
	return err == nil
}
