package kernel

const (
	fileCPUList = "cpu list"
	maxCPU      = 1 << 20 // far above what any kernel can be built for
)

// ParseCPUList parses a list of CPUs such as "0-3,7" (cpuset.cpus.effective,
// cpuset.effective_cpus, /sys/devices/system/cpu/online) and returns how many
// they are. An empty list is 0.
func ParseCPUList(b []byte) (n int, err error) {
	if len(b) == 0 {
		return 0, nil
	}
	line, _, ok := cutLine(b)
	if !ok {
		return 0, truncated(fileCPUList)
	}
	for len(line) > 0 {
		part, rest, more := cutByte(line, ',')
		line = rest
		if more && len(rest) == 0 {
			return 0, malformed(fileCPUList, "range")
		}
		from, to, isRange := cutByte(part, '-')
		first, ok := parseUint(from)
		last := first
		if ok && isRange {
			last, ok = parseUint(to)
		}
		if !ok || last < first || last > maxCPU {
			return 0, malformed(fileCPUList, "range")
		}
		n += int(last-first) + 1
		if n > maxCPU {
			return 0, malformed(fileCPUList, "range")
		}
	}
	return n, nil
}
