package kernel

import "math"

const (
	fileCPUStat      = "cpu.stat"
	fileCPUStatLocal = "cpu.stat.local"
)

// Lines of cpu.stat that are there together or not at all, as bits of a set.
const (
	cpuPeriods uint8 = 1 << iota
	cpuThrottled
	cpuThrottledTime
	cpuBursts
	cpuBurstTime

	cpuBandwidth = cpuPeriods | cpuThrottled | cpuThrottledTime
	cpuBurst     = cpuBursts | cpuBurstTime
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
	var seen uint8
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
			seen |= cpuPeriods
			out.NrPeriods, ok = parseUint(value)
		case "nr_throttled":
			seen |= cpuThrottled
			out.NrThrottled, ok = parseUint(value)
		case "throttled_usec":
			seen |= cpuThrottledTime
			out.ThrottledUsec, ok = parseUint(value)
		case "nr_bursts":
			seen |= cpuBursts
			out.NrBursts, ok = parseUint(value)
		case "burst_usec":
			seen |= cpuBurstTime
			out.BurstUsec, ok = parseUint(value)
		}
		if !ok {
			return malformed(fileCPUStat, string(key))
		}
	}
	out.HasBandwidth, out.HasBurst = seen&cpuBandwidth != 0, seen&cpuBurst != 0
	switch {
	case !usage:
		return missing(fileCPUStat, "usage_usec")
	case out.HasBandwidth && seen&cpuBandwidth != cpuBandwidth:
		return missing(fileCPUStat, "one of nr_periods, nr_throttled and throttled_usec")
	case out.HasBurst && seen&cpuBurst != cpuBurst:
		return missing(fileCPUStat, "one of nr_bursts and burst_usec")
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
	var seen uint8
	for len(b) > 0 {
		line, rest, ok := cutLine(b)
		if !ok {
			return truncated(fileCPUStat)
		}
		b = rest
		key, value, _ := cutByte(line, ' ')
		switch string(key) {
		case "nr_periods":
			seen |= cpuPeriods
			out.NrPeriods, ok = parseUint(value)
		case "nr_throttled":
			seen |= cpuThrottled
			out.NrThrottled, ok = parseUint(value)
		case "throttled_time":
			seen |= cpuThrottledTime
			out.ThrottledNsec, ok = parseUint(value)
		case "nr_bursts":
			seen |= cpuBursts
			out.NrBursts, ok = parseUint(value)
		case "burst_time":
			seen |= cpuBurstTime
			out.BurstNsec, ok = parseUint(value)
		}
		if !ok {
			return malformed(fileCPUStat, string(key))
		}
	}
	out.HasBurst = seen&cpuBurst != 0
	switch {
	case seen&cpuBandwidth != cpuBandwidth:
		return missing(fileCPUStat, "one of nr_periods, nr_throttled and throttled_time")
	case out.HasBurst && seen&cpuBurst != cpuBurst:
		return missing(fileCPUStat, "one of nr_bursts and burst_time")
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
