package model

// VMM is the CPU that a host spends to run a virtual machine, by Component.
type VMM [NumComponents]ComponentCPU

// ComponentCPU is what the threads of one component did, in seconds.
type ComponentCPU struct {
	CPU   Opt
	Steal Opt // waits of helper threads; absent for vCPUs, whose waits are CPU.Steal
}

// Component is a part of what runs a virtual machine.
type Component int

// The components. Of VCPUHost and VCPU a guest has one.
const (
	VCPUHost  Component = iota // vCPU threads outside guest mode, halt polling included
	VCPU                       // whole vCPU threads, where guest time is not accounted
	Emulator                   // the main thread: device models, the monitor, timers
	IOThread                   // threads of their own for disks and network queues
	Vhost                      // the kernel's vhost workers
	Virtiofsd                  // daemons and threads of file system passthrough
	Worker                     // pool threads, and what short-lived threads ran
	Other                      // everything else that the machine's processes run
	NumComponents
)

// String returns the value of the label component.
func (c Component) String() string {
	switch c {
	case VCPUHost:
		return "vcpu_host"
	case VCPU:
		return "vcpu"
	case Emulator:
		return "emulator"
	case IOThread:
		return "iothread"
	case Vhost:
		return "vhost"
	case Virtiofsd:
		return "virtiofsd"
	case Worker:
		return "worker"
	default:
		return "other"
	}
}

// HaltPoll is the time that KVM spun, in seconds, in the hope that an idle vCPU
// would soon be woken.
type HaltPoll struct {
	Success Opt // it was woken while KVM spun
	Fail    Opt // CPU time for nothing
}

// Exits counts how often vCPUs left guest mode, for one reason. The reasons of
// a guest are disjoint.
type Exits struct {
	Reason string
	Count  Opt
}

// KVMEvent counts something else that KVM notes of a machine's vCPUs.
type KVMEvent struct {
	Event string
	Count Opt
}

// Disk says what a virtual disk lies on. What is unknown is empty.
type Disk struct {
	Device     string // as the guest's I/O names it: vda
	HostDevice string // the block device of the host below it, by path or network source
	Bus        string // virtio, scsi, sata, …
	Cache      string // none, writeback, writethrough, directsync, unsafe
	Driver     string // the hypervisor's driver: qemu, tap, phy, …
	Format     string // raw, qcow2, …
}

// Share is a directory of the host that a guest is given.
type Share struct {
	Tag    string // by which the guest mounts it
	Source string // the directory
	FSType string // virtiofs, 9p, …
	Cache  string

	// Of the daemon that serves it, where it has one of its own: virtiofsd and
	// its sandboxed child. Counters begin with the exporter or with the daemon.
	CPU, Steal Opt // seconds
	OpenFDs    Opt // of the process that has the most
	MaxFDs     Opt // that process's soft limit

	// Probe is what the host's own probe of Source has shown, nil without one. It
	// is filled in where readings are merged.
	Probe *ShareProbe
}

// Same reports whether the two are one: the same directory under the same tag.
func (s *Share) Same(other Share) bool {
	return s.Tag == other.Tag && s.Source == other.Source && s.FSType == other.FSType && s.Cache == other.Cache
}

// NodeMemory is the guest's memory on one NUMA node of the host.
type NodeMemory struct {
	Node  string // its number
	Bytes Opt
}

// OpenStack is what Nova wrote into a domain's metadata.
type OpenStack struct {
	Name, Flavor       string
	Project, ProjectID string
	User, UserID       string
	RootType, RootID   string // what the root disk was made of: image, volume
}
