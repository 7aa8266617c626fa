package kernel

import "math"

const fileStatus = "status"

// Status is what is of interest in /proc/PID/status: the memory of a whole
// process, in bytes. A kernel thread and a zombie have none.
//
// RSSBytes leaves out hugetlb pages: those are in HugetlbBytes alone. SwapBytes
// leaves out shared memory that was swapped out, and with it the memory of a
// virtual machine that lies in a memfd.
type Status struct {
	RSSBytes   uint64
	AnonBytes  uint64 // part of RSSBytes
	ShmemBytes uint64 // part of RSSBytes: tmpfs, memfd, shared anonymous memory

	SwapBytes, HugetlbBytes uint64

	HasRSS     bool
	HasKinds   bool // AnonBytes and ShmemBytes: since Linux 4.5
	HasSwap    bool
	HasHugetlb bool // since Linux 4.4

	UID     uint32 // effective
	Threads int
}

// Lines of status, as bits of a set.
const (
	statusUID uint8 = 1 << iota
	statusThreads
	statusRSS
	statusAnon
	statusShmem
	statusSwap
	statusHugetlb

	statusKinds = statusAnon | statusShmem
)

// ParseStatus parses /proc/PID/status. It stops at the line Threads, which
// comes after all the others that it reads.
func ParseStatus(b []byte, out *Status) error {
	*out = Status{}
	if len(b) == 0 {
		return empty(fileStatus)
	}
	var seen uint8
	for len(b) > 0 && seen&statusThreads == 0 {
		line, rest, ok := cutLine(b)
		if !ok {
			return truncated(fileStatus)
		}
		b = rest
		if len(line) == 0 {
			continue
		}
		bit := uint8(0)
		switch line[0] { // most lines are of no interest
		case 'U', 'T':
			bit, ok = out.takeNumber(line)
		case 'V', 'R', 'H':
			bit, ok = out.takeMemory(line)
		}
		if !ok {
			key, _, _ := cutByte(line, ':')
			return malformed(fileStatus, string(key))
		}
		seen |= bit
	}
	out.HasRSS, out.HasKinds = seen&statusRSS != 0, seen&statusKinds == statusKinds
	out.HasSwap, out.HasHugetlb = seen&statusSwap != 0, seen&statusHugetlb != 0
	switch {
	case seen&statusUID == 0:
		return missing(fileStatus, "Uid")
	case seen&statusThreads == 0:
		return missing(fileStatus, "Threads")
	case seen&statusKinds != 0 && !out.HasKinds:
		return missing(fileStatus, "one of RssAnon and RssShmem")
	}
	return nil
}

// takeNumber reads a line of plain numbers, if it is one of interest.
func (s *Status) takeNumber(line []byte) (bit uint8, ok bool) {
	key, value, _ := cutByte(line, ':')
	switch string(key) {
	case "Uid": // real, effective, saved, of the file system
		_, value = cutField(value)
		field, _ := cutField(value)
		v, ok := parseUint(field)
		s.UID = uint32(v)
		return statusUID, ok && v <= math.MaxUint32
	case "Threads":
		field, rest := cutField(value)
		v, ok := parseUint(field)
		s.Threads = int(v)
		return statusThreads, ok && len(rest) == 0 && v <= math.MaxInt32
	}
	return 0, true
}

// takeMemory reads a line of an amount of memory, if it is one of interest.
func (s *Status) takeMemory(line []byte) (bit uint8, ok bool) {
	key, value, _ := cutByte(line, ':')
	var v *uint64
	switch string(key) {
	case "VmRSS":
		v, bit = &s.RSSBytes, statusRSS
	case "RssAnon":
		v, bit = &s.AnonBytes, statusAnon
	case "RssShmem":
		v, bit = &s.ShmemBytes, statusShmem
	case "VmSwap":
		v, bit = &s.SwapBytes, statusSwap
	case "HugetlbPages":
		v, bit = &s.HugetlbBytes, statusHugetlb
	default:
		return 0, true
	}
	field, unit := cutField(value)
	kilobytes, ok := parseUint(field)
	if !ok || string(unit) != "kB" || kilobytes > math.MaxUint64>>10 {
		return 0, false
	}
	*v = kilobytes << 10
	return bit, true
}
