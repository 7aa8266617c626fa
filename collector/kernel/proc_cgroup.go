package kernel

import "bytes"

const fileProcCgroup = "cgroup"

// ProcCgroup is where a process or thread is in the hierarchies of interest:
// paths from the root of each, or from that of the reader's cgroup namespace
// where it has one; what is outside of that begins with "/..". They are parts of
// the bytes that were parsed, and nil where the host has no such hierarchy.
type ProcCgroup struct {
	Unified []byte // cgroup v2
	CPU     []byte // of v1
	Memory  []byte // of v1
}

// ParseProcCgroup parses /proc/PID/cgroup, whose lines are "ID:CONTROLLERS:PATH".
// The file is empty on a host that has mounted no hierarchy. The mark
// " (deleted)" of a cgroup that has been removed is left out.
func ParseProcCgroup(b []byte, out *ProcCgroup) error {
	*out = ProcCgroup{}
	for len(b) > 0 {
		line, rest, ok := cutLine(b)
		if !ok {
			return truncated(fileProcCgroup)
		}
		b = rest
		number, line, ok1 := cutByte(line, ':')
		controllers, path, ok2 := cutByte(line, ':')
		id, ok3 := parseUint(number)
		if !ok1 || !ok2 || !ok3 || len(path) == 0 || path[0] != '/' {
			return malformed(fileProcCgroup, string(number))
		}
		path = bytes.TrimSuffix(path, []byte(" (deleted)"))
		if id == 0 && len(controllers) == 0 {
			out.Unified = path
		}
		for len(controllers) > 0 {
			var name []byte
			name, controllers, _ = cutByte(controllers, ',')
			switch string(name) {
			case "cpu":
				out.CPU = path
			case "memory":
				out.Memory = path
			}
		}
	}
	return nil
}
