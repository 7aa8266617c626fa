package kernel

import (
	"bytes"
	"math"
)

const fileThreadStat = "stat"

// ThreadStat is what is of interest in /proc/PID/stat, which sums up the times
// and the faults of a whole process even where PID is the number of one of its
// threads, and in /proc/PID/task/TID/stat, which has those of the thread. The
// rest is the thread's in both. Ticks are hundredths of a second on every Linux
// that there is. StartTicks counts from boot and, together with the number,
// tells a thread from a later one of that number.
type ThreadStat struct {
	StartTicks  uint64
	UserTicks   uint64 // GuestTicks included
	SystemTicks uint64

	// GuestTicks is the time in which a virtual CPU ran its guest's code: 0 of
	// all but KVM's vCPU threads. HasGuest is false where the file ends before.
	GuestTicks uint64
	HasGuest   bool

	// BlkioDelayTicks is 0 unless delay accounting is on (kernel.task_delayacct).
	BlkioDelayTicks uint64

	MajorFaults uint64 // that had to read from disk
	Flags       uint32 // PF_… of the kernel's sched.h
	PPID        int32
	State       byte // R, S, D, Z, …
}

// Kernel reports whether the thread is one of the kernel's own.
func (s *ThreadStat) Kernel() bool {
	const pfKthread = 0x00200000
	return s.Flags&pfKthread != 0
}

// Fields of /proc/PID/stat, numbered as proc_pid_stat(5) does.
const (
	fieldState       = 3
	fieldPPID        = 4
	fieldFlags       = 9
	fieldMajorFaults = 12
	fieldUser        = 14
	fieldSystem      = 15
	fieldStart       = 22
	fieldBlkioDelay  = 42
	fieldGuest       = 43
)

// ParseThreadStat parses /proc/PID/stat and /proc/PID/task/TID/stat.
func ParseThreadStat(b []byte, out *ThreadStat) error {
	*out = ThreadStat{}
	if len(b) == 0 {
		return empty(fileThreadStat)
	}
	if b[len(b)-1] != '\n' {
		return truncated(fileThreadStat)
	}
	// The second field is the name in parentheses, which may itself hold
	// blanks, parentheses and newlines. No field after it holds any.
	i := bytes.LastIndexByte(b, ')')
	if i < 0 {
		return malformed(fileThreadStat, "comm")
	}
	rest := b[i+1 : len(b)-1]
	at := fieldState - 1
	for _, n := range [...]int{fieldState, fieldPPID, fieldFlags, fieldMajorFaults, fieldUser, fieldSystem, fieldStart, fieldBlkioDelay, fieldGuest} {
		for ; at < n; at++ {
			if rest = fromBlank(rest); len(rest) < len(" x") {
				if n == fieldGuest && len(rest) == 0 {
					return nil // before Linux 2.6.24
				}
				return truncated(fileThreadStat)
			}
			rest = rest[1:]
		}
		ok := true
		switch n {
		case fieldState:
			out.State, ok = rest[0], len(rest) > 1 && rest[1] == ' '
		case fieldPPID:
			var v uint64
			v, _, ok = cutUint(rest)
			ok = ok && v <= math.MaxInt32
			out.PPID = int32(v)
		case fieldFlags:
			var v uint64
			v, _, ok = cutUint(rest)
			ok = ok && v <= math.MaxUint32
			out.Flags = uint32(v)
		case fieldMajorFaults:
			out.MajorFaults, _, ok = cutUint(rest)
		case fieldUser:
			out.UserTicks, _, ok = cutUint(rest)
		case fieldSystem:
			out.SystemTicks, _, ok = cutUint(rest)
		case fieldStart:
			out.StartTicks, _, ok = cutUint(rest)
		case fieldBlkioDelay:
			out.BlkioDelayTicks, _, ok = cutUint(rest)
		case fieldGuest:
			out.GuestTicks, _, ok = cutUint(rest)
			out.HasGuest = true
		}
		if !ok {
			return malformed(fileThreadStat, fieldName(n))
		}
	}
	return nil
}

// ThreadComm returns the name of a thread from its stat file: what stands between
// the first parenthesis and the last. It may hold any byte and is valid as long
// as b is. It is not ok where there are no parentheses.
func ThreadComm(b []byte) (comm []byte, ok bool) {
	i, j := bytes.IndexByte(b, '('), bytes.LastIndexByte(b, ')')
	if i < 0 || j < i {
		return nil, false
	}
	return b[i+1 : j], true
}

func fieldName(n int) string {
	switch n {
	case fieldState:
		return "state"
	case fieldPPID:
		return "ppid"
	case fieldFlags:
		return "flags"
	case fieldMajorFaults:
		return "majflt"
	case fieldUser:
		return "utime"
	case fieldSystem:
		return "stime"
	case fieldStart:
		return "starttime"
	case fieldBlkioDelay:
		return "delayacct_blkio_ticks"
	}
	return "guest_time"
}

// fromBlank returns b from its first blank on.
func fromBlank(b []byte) []byte {
	for i, c := range b {
		if c == ' ' {
			return b[i:]
		}
	}
	return nil
}
