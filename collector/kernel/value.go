package kernel

import "math"

const fileValue = "single value"

// ParseValue parses a file that holds one number, or "max" where there is no
// limit: memory.max, pids.current, cpu.weight, memory.usage_in_bytes, …
//
// cgroup v1 has no "max": where there is no limit memory.limit_in_bytes is the
// largest int64 rounded down to a page, and comes back as that number.
func ParseValue(b []byte) (v uint64, unlimited bool, err error) {
	line, err := onlyLine(b)
	if err != nil {
		return 0, false, err
	}
	if string(line) == "max" {
		return 0, true, nil
	}
	v, ok := parseUint(line)
	if !ok {
		return 0, false, malformed(fileValue, "number")
	}
	return v, false, nil
}

// ParseSigned parses a file that holds one number with a sign: cpu.cfs_quota_us,
// which is -1 where there is no quota.
func ParseSigned(b []byte) (int64, error) {
	line, err := onlyLine(b)
	if err != nil {
		return 0, err
	}
	negative := len(line) > 0 && line[0] == '-'
	if negative {
		line = line[1:]
	}
	v, ok := parseUint(line)
	switch {
	case !ok || v > math.MaxInt64 && !negative || v > -math.MinInt64:
		return 0, malformed(fileValue, "number")
	case negative:
		return -int64(v), nil // right for the smallest number too: it is its own negative
	}
	return int64(v), nil
}

// onlyLine returns the first line of a file that has no other.
func onlyLine(b []byte) ([]byte, error) {
	if len(b) == 0 {
		return nil, empty(fileValue)
	}
	line, rest, ok := cutLine(b)
	switch {
	case !ok:
		return nil, truncated(fileValue)
	case len(rest) > 0:
		return nil, malformed(fileValue, "number")
	}
	return line, nil
}
