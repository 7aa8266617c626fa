package vmm

import (
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/virt-exporter/virt_exporter/collector/kernel"
	"github.com/virt-exporter/virt_exporter/collector/model"
	"github.com/virt-exporter/virt_exporter/collector/source"
)

// feature is something that a host may or may not let us see of its machines.
type feature int

const (
	featureProcesses feature = iota
	featureThreads
	featureVCPUs
	featureCgroups
	numFeatures
)

func featureText(f feature) (name string, remedies map[model.Reason]string) {
	switch f {
	case featureProcesses:
		return "processes", map[model.Reason]string{
			model.NoPermission:        "mount /proc without hidepid, or run as root",
			model.ForeignPIDNamespace: "run in the host's PID namespace (docker run --pid=host, hostPID: true)",
		}
	case featureThreads:
		return "thread_schedstat", map[model.Reason]string{
			model.NoPermission: "mount /proc without hidepid, or run as root",
			model.NotSupported: "the kernel was built without CONFIG_SCHED_INFO",
		}
	case featureVCPUs:
		return "vcpu_threads", map[model.Reason]string{
			model.NotSupported: "a machine's vCPU threads cannot be told from others: start QEMU with -name NAME,debug-threads=on",
		}
	case featureCgroups:
		return "cgroup_namespace", map[model.Reason]string{
			model.NotMounted: "run in the host's cgroup namespace (docker run --cgroupns=host), or mount the host's /sys/fs/cgroup: else no guest is known to be inside a container",
		}
	}
	return "", nil
}

// features collects what the readings found.
type features struct {
	sawAt  [numFeatures]time.Duration // when it was last seen; 0 for never
	lackAt [numFeatures]time.Duration // when it was last missed
	reason [numFeatures]model.Reason  // why
	out    []model.Feature
}

func (f *features) saw(id feature, now time.Duration) { f.sawAt[id] = max(now, 1) }

func (f *features) lacks(id feature, why model.Reason, now time.Duration) {
	f.reason[id], f.lackAt[id] = why, max(now, 1)
}

// list returns the state of every feature of which something is known. What is
// missed anywhere is missed.
func (f *features) list(now, recheck time.Duration) []model.Feature {
	f.out = f.out[:0]
	recent := func(at time.Duration) bool { return at != 0 && now <= at+2*recheck }
	for id := range numFeatures {
		reason := model.Available
		switch {
		case recent(f.lackAt[id]):
			reason = f.reason[id]
		case !recent(f.sawAt[id]):
			continue
		}
		name, remedies := featureText(id)
		f.out = append(f.out, model.Feature{Name: name, Reason: reason, Remedy: remedies[reason]})
	}
	return f.out
}

// probe finds out what this host does not let us see.
func (s *Source) probe() error {
	b, err := os.ReadFile(filepath.Join(s.opts.ProcFS, "stat"))
	if err != nil {
		return &source.Unavailable{
			Reason: model.NotMounted, Remedy: "mount the host's /proc and name it with --path.procfs", Err: err,
		}
	}
	s.bootTime = kernel.BootTime(b)
	var fs unix.Statfs_t
	s.realProc = unix.Statfs(s.opts.ProcFS, &fs) == nil && fs.Type == unix.PROC_SUPER_MAGIC
	self, err := os.Readlink(filepath.Join(s.opts.ProcFS, "self"))
	s.ownPIDs = s.realProc && err == nil && self == strconv.Itoa(os.Getpid())
	return nil
}

// readHost reads what is the same for all machines.
func (s *Source) readHost() {
	if s.delayAt != 0 && s.now < s.delayAt+s.opts.Recheck {
		return
	}
	s.delayAt = s.now
	b, err := s.files.ReadOnce(s.opts.ProcFS, "/sys/kernel", "task_delayacct")
	s.delayacct = err == nil && len(b) > 0 && b[0] == '1'
	s.lookAround()
}

// lookAround finds out whether the host's processes are seen, and by the kernel's
// own numbers. Process 2 of every host is kthreadd: who sees another, or none, sees
// a part.
func (s *Source) lookAround() {
	b, err := s.files.ReadTaskOnce(s.opts.ProcFS, 2, "comm")
	s.seesAll = err == nil && string(b) == "kthreadd\n"
	s.kernelPIDs = s.numbersAsKernel()
	s.lookOut()
	_, _, err = s.files.Links(s.opts.ProcFS, "/1")
	switch {
	case s.seesAll:
		s.features.saw(featureProcesses, s.now)
	case err == nil:
		s.features.lacks(featureProcesses, model.ForeignPIDNamespace, s.now)
	case kernel.Gone(err) || kernel.Denied(err):
		s.features.lacks(featureProcesses, model.NoPermission, s.now)
	}
}

// lookOut finds out whether cgroups of others can be told from within a cgroup
// namespace. Without one it says nothing. kthreadd is in the root of each hierarchy.
func (s *Source) lookOut() {
	b, err := s.files.ReadTaskOnce(s.opts.ProcFS, 2, "cgroup")
	var c kernel.ProcCgroup
	switch {
	case err != nil || !s.seesAll || kernel.ParseProcCgroup(b, &c) != nil || !c.Outside():
	case s.opts.Within.Knows(c):
		s.features.saw(featureCgroups, s.now)
	default:
		s.features.lacks(featureCgroups, model.NotMounted, s.now)
	}
}
