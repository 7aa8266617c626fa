package kernel

const (
	fileMemoryEvents = "memory.events"
	fileOOMControl   = "memory.oom_control"
)

// MemoryEvents is memory.events of cgroup v2: how often what befell the cgroup
// or one below it. OOMKill counts processes; OOM counts how often the limit was
// hit with nothing left to reclaim, with or without a kill.
type MemoryEvents struct{ Low, High, Max, OOM, OOMKill uint64 }

// ParseMemoryEvents parses memory.events.
func ParseMemoryEvents(b []byte, out *MemoryEvents) error {
	*out = MemoryEvents{}
	if len(b) == 0 {
		return empty(fileMemoryEvents)
	}
	const all = 1<<5 - 1
	var seen uint8 // lines, as bits
	for len(b) > 0 {
		line, rest, ok := cutLine(b)
		if !ok {
			return truncated(fileMemoryEvents)
		}
		b = rest
		key, value, _ := cutByte(line, ' ')
		var v *uint64
		var bit uint8
		switch string(key) {
		case "low":
			v, bit = &out.Low, 1<<0
		case "high":
			v, bit = &out.High, 1<<1
		case "max":
			v, bit = &out.Max, 1<<2
		case "oom":
			v, bit = &out.OOM, 1<<3
		case "oom_kill": // since Linux 4.13
			v, bit = &out.OOMKill, 1<<4
		default:
			continue
		}
		if *v, ok = parseUint(value); !ok {
			return malformed(fileMemoryEvents, string(key))
		}
		seen |= bit
	}
	if seen != all {
		return missing(fileMemoryEvents, "one of low, high, max, oom and oom_kill")
	}
	return nil
}

// ParseOOMControl parses memory.oom_control of cgroup v1 and returns the number
// of processes killed in this very cgroup: v1 does not add those of the cgroups
// below. It is not ok on kernels before 4.13, which do not say.
func ParseOOMControl(b []byte) (kills uint64, ok bool, err error) {
	if len(b) == 0 {
		return 0, false, empty(fileOOMControl)
	}
	for len(b) > 0 {
		line, rest, whole := cutLine(b)
		if !whole {
			return 0, false, truncated(fileOOMControl)
		}
		b = rest
		key, value, _ := cutByte(line, ' ')
		if string(key) != "oom_kill" {
			continue
		}
		if kills, ok = parseUint(value); !ok {
			return 0, false, malformed(fileOOMControl, "oom_kill")
		}
		return kills, true, nil
	}
	return 0, false, nil
}
