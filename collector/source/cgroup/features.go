package cgroup

import (
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// feature is something that a host may or may not let us see of its guests.
type feature int

const (
	featureGuests feature = iota
	featureNames
	featureThreads
	featureCPU
	featureThrottling
	featurePressure
	featureMemory
	featureIO
	featureState
	featureOOMLog
	numFeatures
)

// featureText gives the name and, for a person, the remedy for each reason.
func featureText(f feature) (name string, remedies map[model.Reason]string) {
	const privilege = "run as root, or grant CAP_DAC_READ_SEARCH"
	controller := func(c string) map[model.Reason]string {
		return map[model.Reason]string{
			model.NoController: "enable the " + c + " controller for the guests' cgroups",
			model.NoPermission: privilege,
		}
	}
	switch f {
	case featureGuests:
		return "cgroups", map[model.Reason]string{model.NoPermission: privilege}
	case featureNames:
		return "container_names", map[model.Reason]string{model.NoPermission: privilege + ", to read the engines' files"}
	case featureThreads:
		return "thread_schedstat", map[model.Reason]string{
			model.NoPermission:        "mount /proc without hidepid, or run as root",
			model.NotSupported:        "the kernel was built without CONFIG_SCHED_INFO",
			model.ForeignPIDNamespace: "run in the host's PID namespace (docker run --pid=host, hostPID: true)",
		}
	case featureCPU:
		return "cpu_usage", controller("cpuacct")
	case featureThrottling:
		return "cpu_throttling", controller("cpu")
	case featurePressure:
		return "cgroup_pressure", map[model.Reason]string{
			model.PSIDisabled:  "boot with psi=1",
			model.NotMounted:   "mount cgroup2 beside the v1 controllers, at /sys/fs/cgroup/unified",
			model.NoPermission: privilege,
		}
	case featureMemory:
		return "memory", controller("memory")
	case featureIO:
		return "io", controller("io (blkio)")
	case featureState:
		return "state", controller("freezer")
	case featureOOMLog:
		return "oom_log", map[model.Reason]string{
			model.NoPermission: "grant CAP_SYSLOG and access to /dev/kmsg: OOM kills of guests that are gone at once are missed",
			model.NotSupported: "give access to /dev/kmsg: OOM kills of guests that are gone at once are missed",
		}
	}
	return "", nil
}

// features collects what the readings found.
type features struct {
	sawAt  [numFeatures]time.Duration // when it was last seen; 0 for never
	reason [numFeatures]model.Reason  // found at start: why it cannot be had here
	denied [numFeatures]time.Duration // until when a refusal is held to last
	out    []model.Feature
}

func (f *features) saw(id feature, now time.Duration) { f.sawAt[id] = now }
func (f *features) seen(id feature) bool              { return f.sawAt[id] != 0 }

// lacks says why something is not available, unless it is seen all the same.
func (f *features) lacks(id feature, why model.Reason) { f.reason[id] = why }

// refuse notes that the kernel refused a file. It is asked again now and then:
// a refusal that is not repeated is over.
func (s *Source) refuse(id feature) { s.features.denied[id] = s.now + 2*s.opts.Recheck }

// list returns the state of every feature of which something is known. A
// refusal outweighs what was seen elsewhere: a part of the host is not visible.
// What was not seen for a while, for want of guests or of a controller, is not
// known.
func (f *features) list(now, recheck time.Duration) []model.Feature {
	f.out = f.out[:0]
	for id := range numFeatures {
		reason := f.reason[id]
		switch {
		case now <= f.denied[id]:
			reason = model.NoPermission
		case f.sawAt[id] != 0 && now <= f.sawAt[id]+2*recheck:
			reason = model.Available
		case reason == model.Available:
			continue
		}
		name, remedies := featureText(id)
		f.out = append(f.out, model.Feature{Name: name, Reason: reason, Remedy: remedies[reason]})
	}
	return f.out
}

// noteNames notes whether the engines' files could be read for g.
func (s *Source) noteNames(g *guest) {
	switch {
	case g.who.Denied:
		s.refuse(featureNames)
	case g.who.Found && !g.isVM(): // its path names a virtual machine
		s.features.saw(featureNames, s.now)
	}
}

// foreignThreads reports whether the numbers of threads in cgroup files and in
// /proc are of different namespaces: reading on would be reading of strangers.
func (f *features) foreignThreads() bool {
	return f.reason[featureThreads] == model.ForeignPIDNamespace
}
