package model

// Mount is a file system that is passed through to where it is mounted: from a
// host to its guest, from an engine to its container. One stands for all mounts
// of its superblock.
type Mount struct {
	Name       // whose mount namespace it is in; zero for the exporter's own, which is this machine's
	Mountpoint string

	FSType      string // virtiofs, 9p, overlay, fuse.sshfs, …
	Passthrough string // what passes it through, see identity.Passthrough
	Source      string
	Tag         string // by which the host gives it; empty where there is none
	Options     string // of cache, msize, trans, dax, version and access those that are set
	VMKey       string // of the machine, filled in where readings are merged
	Device      uint64 // of the superblock: major<<20 | minor; 0 where that is not known

	// Requests are those of real work, by opcode. They are filled in where readings
	// are merged.
	Requests []MountRequests

	Probes []Probe // by operation and reference

	// StuckSeconds is the age of an operation that is not answered, 0 while all
	// are. Stuck says where it waits and is nil while all are answered. Both are
	// absent where nothing is probed.
	StuckSeconds Opt
	Stuck        *Stuck

	Skipped     [NumSkips]Opt // cycles and operations left out, by Skip
	LeftOut     []LeftOut     // of them, those of the last cycle
	LastSuccess Opt           // end of the last cycle with a pair, seconds since the epoch
	Interval    Opt           // from one cycle that measures to the next, in seconds, as costs allow; absent where it lets nobody in
	ProbeCPU    Opt           // seconds that the helper process used
}

// MountRequests are the requests of one kind that a mount sent to who serves it.
type MountRequests struct {
	Opcode  string // getattr, lookup, read, …
	Latency *Histogram
}

// Probe is what probing a mount with one operation, against one reference, has
// shown. The figures of the last cycle are absent when it is too long ago.
type Probe struct {
	Op        string // stat, lookup, statfs, read, readdir, create, write, rename, unlink
	Reference string // local, tmpfs

	Mount, Beside *Histogram // latencies of the mount and of the reference, all cycles together

	// Of the last cycle. Pairs are of one operation on the mount and one on the
	// reference; bounds are absent where there are too few for 95 %.
	Pairs                         Opt
	MountMedian, BesideMedian     Opt // seconds
	Ratio, RatioLower, RatioUpper Opt // median of mount ÷ reference
	Added, AddedLower, AddedUpper Opt // median of mount - reference, seconds
}

// Stuck says where an operation that is not answered waits.
type Stuck struct {
	Op        string
	Reference string // beside which it is done: that may be what hangs; empty for the mount alone
	State     string // of the helper process: D, S, R, …
	Channel   string // the kernel function that it sleeps in; empty where it may not be read
}

// LeftOut is an operation that could not be done. An empty Op is all of them, and
// with a Reference all of those against it.
type LeftOut struct {
	Op, Reference string
	Reason        Skip
}

// Skip is a reason for which a cycle or an operation was left out. What was left
// out is no latency.
type Skip int

// The reasons.
const (
	SkipReadOnly     Skip = iota // the file system is mounted read-only
	SkipNoSpace                  // it is full, or nearly
	SkipQuota                    // a quota is used up
	SkipPermission               // the exporter may not
	SkipPressure                 // this machine, or the CPU for probes, was too busy
	SkipVanished                 // it is not mounted any more
	SkipReplaced                 // another file system is mounted there now
	SkipNotSupported             // it does not know the operation
	SkipError                    // it answered with an error
	NumSkips
)

// String returns the value of the label reason.
func (s Skip) String() string {
	return [...]string{
		"read_only", "no_space", "quota", "permission", "pressure", "vanished", "replaced", "not_supported", "error",
	}[s]
}

// ShareProbe is what probing a directory that this host gives to guests has
// shown, without a reference.
type ShareProbe struct {
	Source string // the directory
	Ops    []ShareOp

	StuckSeconds Opt // age of an operation that is not answered, 0 while all are
	LastSuccess  Opt // end of the last cycle with a sample, seconds since the epoch
	LeftOut      []LeftOut
}

// ShareOp is one operation on such a directory.
type ShareOp struct {
	Op      string
	Latency *Histogram // all cycles together
	Median  Opt        // of the last cycle, seconds
}
