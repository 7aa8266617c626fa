package model

// CPU holds a guest's CPU time. Everything is in seconds unless said.
type CPU struct {
	Usage Opt // charged to the guest, helpers included
	Run   Opt // time on a CPU of exactly the threads that Steal is taken of
	Steal Opt // thread-seconds in which work was runnable and did not run
	Guest Opt // in guest mode; absent where the hypervisor does not account it

	// StealBy splits Steal: its increases sum to the increase of Steal.
	StealBy []Stolen

	// StealCoverage is the part of Usage, from 0 to 1, whose waits were seen.
	StealCoverage Opt

	StealLatency *Histogram // single waits; nil where nobody measures them

	// Waits says who ran while it waited, as MeasuredGuest.Waits does: nil where nobody
	// measures that. It is not exposed: Blame.Steal is made of it.
	Waits []Stolen

	// Throttled is the time that quotas held the guest, its own and those of
	// the cgroups above it, as the kernel counts it per CPU queue: it is not
	// in thread-seconds and must not be subtracted from Steal.
	Throttled        Opt
	ThrottledVCPUs   Opt // the part of it that held vCPUs, where that is known; not exposed
	Periods          Opt // enforcement periods of the guest's own quota
	ThrottledPeriods Opt
	Burst            Opt

	LimitCores Opt // smallest quota over its levels; absent when unlimited
	Weight     Opt // 100 is the default, also where the kernel counts shares
	CPUs       Opt // vCPUs; for a container the CPUs of its effective cpuset

	// Allowed are the CPUs of this machine that its threads may run on. It is not
	// exposed but tells who may have been in whose way.
	Allowed CPUSet
}

// Blame is what kept a guest waiting, by cause. It is filled in where readings
// are merged; a part that is nil was not estimated.
type Blame struct {
	Steal       []Stolen // its increases sum to the increase of CPU.Steal
	IOStall     []Stolen // … of Pressure.IOWaiting
	MemoryStall []Stolen // … of Pressure.MemoryWaiting

	// EntitledCPUs is what the guest may claim of this machine's CPUs, by the weights
	// of those who want them now. Absent where that is not known.
	EntitledCPUs Opt
}

// Stolen is a part of a guest's steal, or of another stall.
type Stolen struct {
	Cause   Cause
	Culprit string // Name.String of a neighbour, the unit of a system cause
	Method  Method
	Seconds float64
}

// Cause says why a runnable thread did not run.
type Cause string

// Causes of steal, io stall and memory stall.
const (
	CauseNeighbour   Cause = "neighbour"   // another guest, which the culprit names
	CauseSelf        Cause = "self"        // its own other threads, its helpers, the guests inside or around it
	CauseSystem      Cause = "system"      // a service or slice of the host, which the culprit names
	CauseKernel      Cause = "kernel"      // the kernel's own threads
	CauseHypervisor  Cause = "hypervisor"  // this machine's own CPU was taken away
	CauseThrottle    Cause = "throttle"    // a quota on it or above it
	CauseWakeup      Cause = "wakeup"      // no CPU was busy with others: one had to be woken or found
	CauseLimit       Cause = "limit"       // a cap on its I/O
	CauseDevice      Cause = "device"      // the disk was slow though nobody else used it
	CauseOwnLimit    Cause = "own_limit"   // its own memory limit, or one above it
	CauseUnexplained Cause = "unexplained" // an honest rest
)

// OtherCulprits is the culprit that stands for those beyond the number that a guest names.
const OtherCulprits = "other"

// Method says how a cause was found.
type Method string

// A guest's causes are found by one method at a time.
const (
	Measured  Method = "measured"
	Estimated Method = "estimated"
)
