package kernel

import "math"

const filePIDs = "list of pids"

// ParsePIDs parses a list of processes or threads (cgroup.procs,
// cgroup.threads, tasks) and appends to dst. A cgroup without any has an empty
// file. The kernel prints 0 for what has no number in the reader's pid
// namespace; these are left out, see HasForeignPIDs. It may name one twice.
func ParsePIDs(b []byte, dst []int32) ([]int32, error) {
	if len(b) == 0 {
		return dst, nil
	}
	if b[len(b)-1] != '\n' {
		return dst, truncated(filePIDs)
	}
	var pid uint64
	digits := 0
	for _, c := range b {
		if d := c - '0'; d <= 9 {
			if pid = pid*10 + uint64(d); pid > math.MaxInt32 {
				return dst, malformed(filePIDs, "pid")
			}
			digits++
			continue
		}
		if c != '\n' || digits == 0 {
			return dst, malformed(filePIDs, "pid")
		}
		if pid != 0 {
			dst = append(dst, int32(pid))
		}
		pid, digits = 0, 0
	}
	return dst, nil
}

// HasForeignPIDs reports whether a list that ParsePIDs parses names processes
// or threads that have no number in the reader's pid namespace: the kernel
// prints 0 for each of them. A list without any number may still be that of a
// cgroup in use.
func HasForeignPIDs(b []byte) bool {
	lineStart := true
	for i, c := range b {
		if c == '0' && lineStart && (i+1 == len(b) || b[i+1] == '\n') {
			return true
		}
		lineStart = c == '\n'
	}
	return false
}
