package model

// Node is the machine that the exporter runs on.
type Node struct {
	Role       Role
	Hypervisor string // kvm, xen, vmware, …; empty on bare metal
	Product    string // the cloud or the machine's product name
	VMKey      string // empty where there is none or it may not be read

	CPUUsage Opt // seconds, all CPUs, steal excluded
	CPUSteal Opt // seconds that the hypervisor below took
	CPUs     Opt // online CPUs

	Pressure Pressure
	Memory   Opt // bytes

	// What the virtual machines that are not shut off or crashed were given, for
	// overcommit. Absent unless every one's is known.
	VCPUsAllocated  Opt
	MemoryAllocated Opt // bytes
	OOMKills        Opt

	// Disks are the machine's whole disks. They are not exposed but tell whose I/O
	// was in whose way.
	Disks []NodeDisk
}

// NodeDisk is a whole disk of this machine and what everybody did to it, from
// /proc/diskstats.
type NodeDisk struct {
	Device      string // as DeviceIO names it
	Read, Write Operations
	Busy        Opt // seconds in which a request was under way
}

// Role says what a machine is.
type Role string

// The roles.
const (
	RoleHost      Role = "host"
	RoleVM        Role = "vm"
	RoleContainer Role = "container"
)
