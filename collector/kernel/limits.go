package kernel

import "bytes"

const fileLimits = "limits"

// Limits is what is of interest in /proc/PID/limits.
type Limits struct {
	OpenFiles          uint64 // soft limit of file descriptors; 0 where OpenFilesUnlimited
	OpenFilesUnlimited bool
}

// ParseLimits parses /proc/PID/limits. It stops at the line of open files.
func ParseLimits(b []byte, out *Limits) error {
	*out = Limits{}
	if len(b) == 0 {
		return empty(fileLimits)
	}
	const key = "Max open files"
	for len(b) > 0 {
		line, rest, ok := cutLine(b)
		if !ok {
			return truncated(fileLimits)
		}
		b = rest
		value, found := bytes.CutPrefix(line, []byte(key))
		if !found || len(value) > 0 && !isBlank(value[0]) {
			continue
		}
		soft, hard := cutField(value)
		if len(hard) == 0 {
			return malformed(fileLimits, key)
		}
		if string(soft) == "unlimited" {
			out.OpenFilesUnlimited = true
			return nil
		}
		if out.OpenFiles, ok = parseUint(soft); !ok {
			return malformed(fileLimits, key)
		}
		return nil
	}
	return missing(fileLimits, key)
}
