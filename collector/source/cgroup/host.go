package cgroup

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// readHost reads what is the same for all guests, now and then.
func (s *Source) readHost() {
	if s.hostAt != 0 && s.now < s.hostAt+s.opts.Recheck {
		return
	}
	s.hostAt = s.now
	clear(s.devices) // numbers of devices are used again
	clear(s.stacked)
	if b, err := s.files.ReadOnce(s.opts.SysFS, "/devices/system/cpu", "online"); err == nil {
		if set, err := s.cpuSet(b); err == nil {
			s.online = set
		}
	}
	s.manyNodes = false
	if b, err := s.files.ReadOnce(s.opts.SysFS, "/devices/system/node", "online"); err == nil {
		nodes, err := s.cpuSet(b) // the same form
		s.manyNodes = err == nil && nodes.Count() > 1
	}
	b, err := s.files.ReadOnce(s.opts.ProcFS, "/sys/kernel", "task_delayacct")
	s.delayacct = err == nil && len(b) > 0 && b[0] == '1'
	if s.hostNet, err = s.files.TaskInode(s.opts.ProcFS, 1, "net/dev"); err != nil {
		s.hostNet = 0
	}
}

// probe finds out what this host does not let us see, before any guest is read.
func (s *Source) probe() {
	l := &s.layout
	for id, h := range map[feature]hierarchy{featureThrottling: l.cpu, featureMemory: l.memory, featureIO: l.io, featureState: l.freezer} {
		if h.root == "" {
			s.features.lacks(id, model.NoController)
		}
	}
	switch pressure := filepath.Join(s.opts.ProcFS, "pressure"); {
	case l.unified.root == "":
		s.features.lacks(featurePressure, model.NotMounted)
	case !exists(pressure):
		s.features.lacks(featurePressure, model.PSIDisabled)
	}
	self, err := os.Readlink(filepath.Join(s.opts.ProcFS, "self"))
	if pid, convErr := strconv.Atoi(self); err == nil && convErr == nil && pid != os.Getpid() {
		// This /proc numbers processes in another namespace than the one in
		// which the cgroup files answer us.
		s.features.lacks(featureThreads, model.ForeignPIDNamespace)
	} else if !exists(filepath.Join(s.opts.ProcFS, "1/stat")) {
		s.features.lacks(featureThreads, model.NoPermission)
	} else if err == nil && !exists(filepath.Join(s.opts.ProcFS, "self/schedstat")) {
		s.features.lacks(featureThreads, model.NotSupported)
	}
}

// forEver is the time of what is seen once and stays.
const forEver = 1 << 62

func (s *Source) openLog() {
	log, err := openKernelLog(s.opts.RootFS)
	switch {
	case err == nil:
		s.log = log
		s.features.saw(featureOOMLog, forEver)
	case errors.Is(err, os.ErrPermission):
		s.features.lacks(featureOOMLog, model.NoPermission)
	default:
		s.features.lacks(featureOOMLog, model.NotSupported)
	}
}
