package probe

import "time"

// Op is an operation that is timed. All of a tier are done in this order.
type Op string

// The operations. Those of tier 0 change nothing and need no permission but to
// get there.
const (
	Stat   Op = "stat"   // statx of the mount's root, AT_STATX_FORCE_SYNC: the server is asked although attributes are cached
	Lookup Op = "lookup" // of a name that was never used before and does not exist
	StatFS Op = "statfs"

	// Tier 1, of a file that the operator names.
	Read    Op = "read"    // 4 KiB past the page cache (O_DIRECT), at another offset each time
	ReadDir Op = "readdir" // the beginning of the file's directory

	// Tier 2, in a directory that the operator names.
	Create Op = "create" // a new name, O_EXCL
	Write  Op = "write"  // 4 KiB and fdatasync
	Rename Op = "rename"
	Unlink Op = "unlink"
)

// Request asks for one cycle. It is one line of JSON.
type Request struct {
	Target
	References []Reference // none: the mount alone is timed

	Pairs  int           // of each operation against each reference
	Warmup int           // pairs before them that do not count
	Most   time.Duration // for one operation's pairs: they end early when they take longer, but not before there are enough for bounds; 0 is no limit
	Gap    time.Duration // from the end of one operation to the beginning of the next, always the same: it changes latencies more than load does
}

// Target is what to probe. Paths are absolute.
type Target struct {
	// Root is where the path is looked up: /proc/PID/root for another mount
	// namespace, empty for the process's own.
	Root string
	Path string // the mountpoint, or the directory that is shared

	// MountID is the mount's in mountinfo. A directory on another mount is not
	// touched: it would be the disk below a mount that is gone. 0 takes what is
	// there. Device is compared where the kernel does not tell a file's mount
	// (before 5.8).
	MountID uint64
	Device  string // MAJOR:MINOR

	// Follow allows symbolic links on the way, for a path that an administrator
	// wrote and no mount table gave.
	Follow bool

	ReadFile string // for tier 1, a path below Root; empty: no tier 1
	WriteDir string // for tier 2, likewise
}

// Reference is a directory that the mount is compared with.
type Reference struct {
	Label string // local, tmpfs
	Dir   string // in the process's own mount namespace
}

// Answer is one line of JSON: one of the four that follow.
type Answer struct {
	Begin   *Begin   `json:",omitempty"`
	Samples *Samples `json:",omitempty"`
	Skip    *Skip    `json:",omitempty"`
	End     *End     `json:",omitempty"`
}

// Begin says what is about to be done, and says it again every half second while
// it goes on. What has begun and is followed by nothing is stuck there. Op is
// empty for getting to the mount or, with a Reference, to the reference's
// directory.
type Begin struct {
	Op        Op
	Reference string
	Thread    int `json:",omitempty"` // that does all of the cycle: /proc/PID/task/THREAD says where it waits
}

// Samples are latencies in nanoseconds. Mount[i] and Beside[i] are a pair, taken
// one right after the other, each being first half the time. Without a reference
// Beside is empty.
type Samples struct {
	Op        Op
	Reference string
	Mount     []int64
	Beside    []int64 `json:",omitempty"`
	Dropped   int     `json:",omitempty"` // pairs that were left out: interrupted, or with another process on the CPU amid them where that was the exception
}

// Skip says why an operation was left out, with an empty Op all operations
// against Reference or, with an empty Reference too, the whole cycle. Reason is a
// model.Skip's text.
type Skip struct {
	Op        Op
	Reference string
	Reason    string
	Err       string
}

// End ends a cycle.
type End struct {
	CPU int64 // nanoseconds that the process has used since it started
}
