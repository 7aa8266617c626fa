package model

// Memory holds a guest's memory in bytes, and counts of what befell it.
type Memory struct {
	Usage       Opt // container: charged, page cache included; VM: resident
	WorkingSet  Opt // usage less inactive file
	Anon        Opt
	Limit       Opt // smallest over its levels; absent when unlimited
	Swap        Opt // swapped out by the host
	MajorFaults Opt // faults that had to read from disk

	RefaultsAnon Opt // pages evicted and needed again
	RefaultsFile Opt

	Events MemoryEvents

	// Seconds in which its tasks reclaimed memory themselves: for its own limit or one
	// above it, and because the machine was short.
	ReclaimOwnLimit, ReclaimHost Opt

	// Of virtual machines only.
	Balloon        Opt // what the guest has now
	BalloonMaximum Opt // what it was configured with
	Available      Opt // what the guest itself reports as usable
	BalloonUpdated Opt // when it last reported, in seconds since the epoch
	GuestSwapIn    Opt // swapping inside the guest
	GuestSwapOut   Opt
	NUMA           []NodeMemory
}

// MemoryEvents counts what the kernel's memory controller did to a guest.
type MemoryEvents struct {
	Low, High, Max, OOM, OOMKill Opt
}

// Pressure is PSI, in seconds: waiting is the kernel's "some", stalled its
// "full". It is of the guest's own cgroup, never of one above it.
type Pressure struct {
	CPUWaiting, MemoryWaiting, IOWaiting             Opt
	CPUStalled, MemoryStalled, IOStalled, IRQStalled Opt
}
