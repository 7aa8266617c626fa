package kernel

import "github.com/virt-exporter/virt_exporter/collector/model"

const (
	fileCPUList = "cpu list"
	maxCPU      = 1 << 16 // far above what any kernel can be built for
)

// ParseCPUSet parses a list of CPUs such as "0-3,7" (cpuset.cpus.effective,
// cpuset.effective_cpus, /sys/devices/system/cpu/online) and adds them to dst.
// An empty list adds none. Lists of NUMA nodes have the same form.
func ParseCPUSet(b []byte, dst model.CPUSet) (model.CPUSet, error) {
	if len(b) == 0 {
		return dst, nil
	}
	line, _, ok := cutLine(b)
	if !ok {
		return dst, truncated(fileCPUList)
	}
	for len(line) > 0 {
		part, rest, more := cutByte(line, ',')
		line = rest
		if more && len(rest) == 0 {
			return dst, malformed(fileCPUList, "range")
		}
		from, to, isRange := cutByte(part, '-')
		first, ok := parseUint(from)
		last := first
		if ok && isRange {
			last, ok = parseUint(to)
		}
		if !ok || last < first || last >= maxCPU {
			return dst, malformed(fileCPUList, "range")
		}
		dst = dst.Add(int(first), int(last))
	}
	return dst, nil
}
