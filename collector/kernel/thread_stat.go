package kernel

import (
	"bytes"
	"math"
)

const fileThreadStat = "stat"

// ThreadStat is what is of interest in /proc/TID/stat. Ticks are hundredths of
// a second on every Linux that there is. StartTicks counts from boot and,
// together with the number, tells a thread from a later one of that number.
// BlkioDelayTicks is 0 unless delay accounting is on (kernel.task_delayacct).
type ThreadStat struct {
	StartTicks, BlkioDelayTicks, UserTicks, SystemTicks uint64
	PPID                                                int32
	State                                               byte // R, S, D, Z, …
}

// Fields of /proc/TID/stat, numbered as proc_pid_stat(5) does.
const (
	fieldState      = 3
	fieldPPID       = 4
	fieldUser       = 14
	fieldSystem     = 15
	fieldStart      = 22
	fieldBlkioDelay = 42
)

// ParseThreadStat parses /proc/TID/stat.
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
	for _, n := range [...]int{fieldState, fieldPPID, fieldUser, fieldSystem, fieldStart, fieldBlkioDelay} {
		for ; at < n; at++ {
			if rest = fromBlank(rest); len(rest) < len(" x") {
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
		case fieldUser:
			out.UserTicks, _, ok = cutUint(rest)
		case fieldSystem:
			out.SystemTicks, _, ok = cutUint(rest)
		case fieldStart:
			out.StartTicks, _, ok = cutUint(rest)
		case fieldBlkioDelay:
			out.BlkioDelayTicks, _, ok = cutUint(rest)
		}
		if !ok {
			return malformed(fileThreadStat, fieldName(n))
		}
	}
	return nil
}

func fieldName(n int) string {
	switch n {
	case fieldState:
		return "state"
	case fieldPPID:
		return "ppid"
	case fieldUser:
		return "utime"
	case fieldSystem:
		return "stime"
	case fieldStart:
		return "starttime"
	}
	return "delayacct_blkio_ticks"
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
