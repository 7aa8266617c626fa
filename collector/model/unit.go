package model

// Unit is a cgroup of the host that is no guest's: a service, a slice, or the
// cgroup of the machine's root. It is not exposed but tells who was in whose way.
type Unit struct {
	Path string // from the hierarchy's root, "/" for the root itself
	Name string // as culprit: the unit, or the slice into which it folds; empty for one that only holds others

	// With everything below it, guests included.
	Usage  Opt // CPU seconds
	Memory Opt // bytes
	IO     []DeviceIO

	Weight      Opt // of the CPU, 100 by default
	MemoryLimit Opt // bytes, its own; absent when unlimited
	LimitCores  Opt // its own CPU quota; absent when unlimited

	CPUs CPUSet // that it may use
}
