package kernel

const fileSchedstat = "schedstat"

// Schedstat is /proc/TID/schedstat: how long a thread was on a CPU and how long
// it was runnable and waited for one, since it was created. That of a process
// is its first thread's alone.
//
// Waiting counts from becoming runnable to running, quotas included, and a
// thread that waits right now shows none of it until it runs. A kernel built
// without CONFIG_SCHED_INFO has no such file; one where it is switched off
// shows zeros.
type Schedstat struct{ RunNsec, WaitNsec uint64 }

// ParseSchedstat parses /proc/TID/schedstat.
func ParseSchedstat(b []byte) (Schedstat, error) {
	if len(b) == 0 {
		return Schedstat{}, empty(fileSchedstat)
	}
	if b[len(b)-1] != '\n' {
		return Schedstat{}, truncated(fileSchedstat)
	}
	run, rest, ok := cutByte(b[:len(b)-1], ' ')
	wait, slices, ok2 := cutByte(rest, ' ')
	if !ok || !ok2 || len(slices) == 0 {
		return Schedstat{}, truncated(fileSchedstat)
	}
	var s Schedstat
	if s.RunNsec, ok = parseUint(run); !ok {
		return Schedstat{}, malformed(fileSchedstat, "run time")
	}
	if s.WaitNsec, ok = parseUint(wait); !ok {
		return Schedstat{}, malformed(fileSchedstat, "wait time")
	}
	return s, nil
}
