package kernel

const fileCPUMax = "cpu.max"

// ParseCPUMax parses cpu.max of cgroup v2: the microseconds of CPU time that
// the cgroup may use in each period of so many microseconds.
func ParseCPUMax(b []byte) (quotaUsec, periodUsec uint64, unlimited bool, err error) {
	if len(b) == 0 {
		return 0, 0, false, empty(fileCPUMax)
	}
	line, _, ok := cutLine(b)
	if !ok {
		return 0, 0, false, truncated(fileCPUMax)
	}
	quota, period := cutField(line)
	if unlimited = string(quota) == "max"; !unlimited {
		if quotaUsec, ok = parseUint(quota); !ok {
			return 0, 0, false, malformed(fileCPUMax, "quota")
		}
	}
	// A period of 0 is refused by the kernel, and somebody would divide by it.
	if periodUsec, ok = parseUint(period); !ok || periodUsec == 0 {
		return 0, 0, false, malformed(fileCPUMax, "period")
	}
	return quotaUsec, periodUsec, unlimited, nil
}
