package model

// Kind tells virtual machines and containers apart. They share one schema, so
// that one rule and one panel serve both.
type Kind string

// The two kinds of guest.
const (
	VM        Kind = "vm"
	Container Kind = "container"
)

// Name is what every series of a guest carries: who it is, in the words that a
// person uses. It is unique within one exposition.
type Name struct {
	Kind    Kind
	Runtime string // the program or engine: qemu, docker, lxc, …
	Guest   string // the domain, the container, namespace/pod/container, …
	VMHost  string // the host, for guests of a remote hypervisor only
}

// String returns kind/runtime/guest, the form in which other guests are named
// in the labels culprit and parent.
func (n Name) String() string {
	return string(n.Kind) + "/" + n.Runtime + "/" + n.Guest
}

// Guest is one virtual machine or container and all that was read of it. Its
// figures include the guests inside it.
type Guest struct {
	Name

	// Ended marks a guest that is gone and is kept only for its OOM events, so
	// that somebody can still be paged for them.
	Ended bool

	Info      Info
	State     State
	StartTime Opt // seconds since the epoch
	CPU       CPU
	Pressure  Pressure
	Memory    Memory
	IO        []DeviceIO
	IODelay   Opt // seconds that its tasks were blocked on block I/O
	Network   []Interface

	// Of virtual machines only.
	VMM       VMM
	HaltPoll  HaltPoll
	Exits     []Exits
	VMMExits  []Exits // of Exits those that the hypervisor's process had to handle, counted in another way
	KVMExits  []Exits // all of them by the processor's own reason, counted one by one
	KVMEvents []KVMEvent
	Disks     []Disk
	Shares    []Share
	OpenStack *OpenStack // nil where Nova does not run it

	// Migrating and MonitorAnswers are 0 or 1. MonitorAnswers says whether the
	// hypervisor's monitor could be asked in the last reading.
	Migrating, MonitorAnswers Opt

	// Blame is filled in where readings are merged.
	Blame Blame

	// Threads run it; of virtual machines only, and not exposed.
	Threads Threads

	// Within is the path of the cgroup in which its processes run, for finding
	// the guest around it. It is not exposed.
	Within string
}

// Info describes a guest. What is unknown is empty.
type Info struct {
	ID            string // the engine's full id
	UUID          string
	VMKey         string // order-proof machine key, see identity.VMKey
	Parent        string // Name.String of the guest around it
	Cgroup        string // path of its own cgroup, from the hierarchy's root
	Image         string
	Accelerator   string
	KubeNamespace string
	KubePod       string
	KubeContainer string
	Project       string // Incus and LXD project, OpenStack tenant, Nomad job, …

	// Labels are the values of the keys that the operator allow-listed, in the
	// order of that list.
	Labels []string
}

// Interface is a guest's network interface. Directions are the guest's own.
type Interface struct {
	Name              string
	Receive, Transmit Traffic
}

// Traffic is what went one way through an interface.
type Traffic struct {
	Bytes, Packets, Drops Opt
}

// State is what a guest is doing. Empty is unknown.
type State string

// The states.
const (
	Running      State = "running"
	Paused       State = "paused" // by a person, by a migration or because the storage failed
	Blocked      State = "blocked"
	ShuttingDown State = "shutting_down"
	ShutOff      State = "shut_off"
	Crashed      State = "crashed"
	Suspended    State = "suspended" // by the guest's own power management
)
