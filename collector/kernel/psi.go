package kernel

import "bytes"

const filePSI = "pressure"

// PSI is one pressure file: {cpu,memory,io,irq}.pressure of a cgroup or
// /proc/pressure/*. Times are wall-clock microseconds since the cgroup (or the
// machine) came to be. The averages are left out, for they can be had from the
// totals and the kernel updates them every two seconds only.
//
// irq has no "some". The "full" of cpu is 0 by definition at the level of the
// machine, and kernels before 5.13 do not print it at all.
type PSI struct {
	SomeUsec, FullUsec uint64
	HasSome, HasFull   bool
}

// ParsePSI parses a pressure file.
func ParsePSI(b []byte, out *PSI) error {
	*out = PSI{}
	if len(b) == 0 {
		return empty(filePSI)
	}
	for len(b) > 0 {
		line, rest, ok := cutLine(b)
		if !ok {
			return truncated(filePSI)
		}
		b = rest
		if len(line) < len("some ") {
			continue
		}
		switch string(line[:len("some ")]) {
		case "some ":
			out.HasSome = true
			if out.SomeUsec, ok = psiTotal(line); !ok {
				return malformed(filePSI, "some")
			}
		case "full ":
			out.HasFull = true
			if out.FullUsec, ok = psiTotal(line); !ok {
				return malformed(filePSI, "full")
			}
		}
	}
	if !out.HasSome && !out.HasFull {
		return missing(filePSI, "some or full")
	}
	return nil
}

// psiTotal returns the field total of a line, which is the last one so far.
func psiTotal(line []byte) (uint64, bool) {
	const key = " total="
	i := bytes.LastIndexByte(line, ' ')
	if i < 0 || len(line) < i+len(key) || string(line[i:i+len(key)]) != key {
		if i = bytes.Index(line, []byte(key)); i < 0 {
			return 0, false
		}
	}
	value, _, _ := cutByte(line[i+len(key):], ' ')
	return parseUint(value)
}
