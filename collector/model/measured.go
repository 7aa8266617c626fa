package model

// MeasuredGuest is what programs of ours in the kernel saw of one guest, and of those
// inside it. What a program does not see, or that is not loaded, is absent. All
// counters are of the time since the guest was first measured; one that was there
// before the exporter begins at 0, one that came later has what it did from its
// birth on.
type MeasuredGuest struct {
	Name Name

	// Run and Steal are of all its threads, those included that lived for a moment
	// only, in seconds. Absent of virtual machines, of which other threads than all
	// count.
	Run, Steal Opt

	// Waits says who ran while its threads waited for a CPU: those of which CPU.Steal
	// is taken. The least of many are added up as others'; a part that is not listed
	// any more begins at 0 when it returns. Nil where nobody measures them.
	Waits []Stolen

	// Latency holds the single waits; nil where nobody measures them.
	Latency *Histogram

	IO []DeviceIO // of LayerHost

	// Time in which its tasks reclaimed memory themselves, in seconds: for its own
	// limit or one above it, and for this machine.
	ReclaimOwnLimit, ReclaimHost Opt

	// VMMExits are the exits of its vCPUs that its hypervisor process had to handle.
	VMMExits []Exits

	// KVMExits are all exits of its vCPUs, by the processor's own reason. The least of
	// many reasons are one, other.
	KVMExits []Exits
}

// Requests is what a program of ours in the kernel saw of the requests that one
// FUSE or virtiofs mount sent.
type Requests struct {
	Device  uint64 // of the mount's superblock, as in mountinfo: major<<20 | minor
	Opcode  string // getattr, lookup, read, …
	Latency *Histogram
}

// Threads are the processes and threads that run a virtual machine.
type Threads struct {
	Processes []int32 // process IDs: the machine's own and those of its helpers
	VCPUs     []int32 // thread IDs
}

// Program is a program of ours in the kernel.
type Program struct {
	Name   string
	Loaded bool

	// Coverage is the part, from 0 to 1, of what it should have seen that it saw.
	Coverage Opt

	// Lost counts what it could not keep, by reason.
	Lost []Lost
}

// Lost is a number of events that a program of ours could not keep.
type Lost struct {
	Reason string
	Count  Opt
}
