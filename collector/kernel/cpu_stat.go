package kernel

import "math"

const (
	fileCPUStat      = "cpu.stat"
	fileCPUStatLocal = "cpu.stat.local"
)

// CPUStat is cpu.stat of a cgroup v2. The usage is there without any
// controller; the rest needs the cpu controller in the parent.
type CPUStat struct {
	UsageUsec uint64

	// What the cgroup's own cpu.max did. ThrottledUsec is counted for each CPU
	// queue: it can run faster than the clock, and it is not thread time.
	HasBandwidth                          bool
	NrPeriods, NrThrottled, ThrottledUsec uint64

	HasBurst            bool // since Linux 5.15
	NrBursts, BurstUsec uint64
}

// ParseCPUStat parses cpu.stat of cgroup v2.
func ParseCPUStat(b []byte, out *CPUStat) error {
	*out = CPUStat{}
	if len(b) == 0 {
		return empty(fileCPUStat)
	}
	var usage bool
	var bandwidth, burst int // lines seen
	for len(b) > 0 {
		line, rest, ok := cutLine(b)
		if !ok {
			return truncated(fileCPUStat)
		}
		b = rest
		key, value, _ := cutByte(line, ' ')
		switch string(key) {
		case "usage_usec":
			usage = true
			out.UsageUsec, ok = parseUint(value)
		case "nr_periods":
			bandwidth++
			out.NrPeriods, ok = parseUint(value)
		case "nr_throttled":
			bandwidth++
			out.NrThrottled, ok = parseUint(value)
		case "throttled_usec":
			bandwidth++
			out.ThrottledUsec, ok = parseUint(value)
		case "nr_bursts":
			burst++
			out.NrBursts, ok = parseUint(value)
		case "burst_usec":
			burst++
			out.BurstUsec, ok = parseUint(value)
		}
		if !ok {
			return malformed(fileCPUStat, string(key))
		}
	}
	out.HasBandwidth, out.HasBurst = bandwidth > 0, burst > 0
	switch {
	case !usage:
		return missing(fileCPUStat, "usage_usec")
	case bandwidth%3 != 0:
		return missing(fileCPUStat, "throttled_usec")
	case burst%2 != 0:
		return missing(fileCPUStat, "burst_usec")
	}
	return nil
}

// CPUStatV1 is cpu.stat of the cpu controller of cgroup v1, where times are in
// nanoseconds. As in v2, ThrottledNsec is counted for each CPU queue.
type CPUStatV1 struct {
	NrPeriods, NrThrottled, ThrottledNsec uint64

	HasBurst            bool // since Linux 5.15
	NrBursts, BurstNsec uint64
}

// ParseCPUStatV1 parses cpu.stat of cgroup v1.
func ParseCPUStatV1(b []byte, out *CPUStatV1) error {
	*out = CPUStatV1{}
	if len(b) == 0 {
		return empty(fileCPUStat)
	}
	var bandwidth, burst int // lines seen
	for len(b) > 0 {
		line, rest, ok := cutLine(b)
		if !ok {
			return truncated(fileCPUStat)
		}
		b = rest
		key, value, _ := cutByte(line, ' ')
		switch string(key) {
		case "nr_periods":
			bandwidth++
			out.NrPeriods, ok = parseUint(value)
		case "nr_throttled":
			bandwidth++
			out.NrThrottled, ok = parseUint(value)
		case "throttled_time":
			bandwidth++
			out.ThrottledNsec, ok = parseUint(value)
		case "nr_bursts":
			burst++
			out.NrBursts, ok = parseUint(value)
		case "burst_time":
			burst++
			out.BurstNsec, ok = parseUint(value)
		}
		if !ok {
			return malformed(fileCPUStat, string(key))
		}
	}
	out.HasBurst = burst > 0
	switch {
	case bandwidth != 3:
		return missing(fileCPUStat, "throttled_time")
	case burst%2 != 0:
		return missing(fileCPUStat, "burst_time")
	}
	return nil
}

// ParseCPUStatLocal parses cpu.stat.local (since Linux 6.6): the time, in
// nanoseconds, that the cgroup was held by any quota, its own or one above it.
// It is not ok where the file says nothing: without the cpu controller the
// kernel leaves the file empty.
func ParseCPUStatLocal(b []byte) (nsec uint64, ok bool, err error) {
	for len(b) > 0 {
		line, rest, whole := cutLine(b)
		if !whole {
			return 0, false, truncated(fileCPUStatLocal)
		}
		b = rest
		key, value, _ := cutByte(line, ' ')
		switch string(key) {
		case "throttled_usec": // v2
			nsec, ok = parseUint(value)
			if !ok || nsec > math.MaxUint64/1000 {
				return 0, false, malformed(fileCPUStatLocal, "throttled_usec")
			}
			return nsec * 1000, true, nil
		case "throttled_time": // v1
			if nsec, ok = parseUint(value); !ok {
				return 0, false, malformed(fileCPUStatLocal, "throttled_time")
			}
			return nsec, true, nil
		}
	}
	return 0, false, nil
}
