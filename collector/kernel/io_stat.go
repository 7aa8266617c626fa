package kernel

const fileIOStat = "io.stat"

// IOStat is a device's line in io.stat of cgroup v2: what the cgroup and those
// below it submitted to the device, write-back included. The numbers are those
// of requests as submitted to the block layer; there are no times.
type IOStat struct {
	Device
	ReadBytes, WriteBytes, DiscardBytes, ReadOps, WriteOps, DiscardOps uint64
}

// ParseIOStat parses io.stat and appends to dst. The file of a cgroup that did
// no I/O is empty, which is no error. Kernels print a device without numbers
// when it has none (5.17 and older even without the end of the line, so that
// the next device follows on the same one); such a device is left out.
func ParseIOStat(b []byte, dst []IOStat) ([]IOStat, error) {
	for len(b) > 0 {
		line, rest, ok := cutLine(b)
		if !ok {
			return dst, truncated(fileIOStat)
		}
		b = rest
		if len(line) == 0 {
			continue
		}
		var s IOStat
		if s.Device, line, ok = cutDevice(line); !ok {
			return dst, malformed(fileIOStat, "device")
		}
		known := false
		for len(line) > 0 {
			i := 0
			for i < len(line) && line[i] != '=' && line[i] != ' ' {
				i++
			}
			key := line[:i]
			if i == len(line) || line[i] == ' ' { // no pair
				line = line[min(i+1, len(line)):]
				if d, ok := parseDevice(key); ok {
					s, known = IOStat{Device: d}, false
				}
				continue
			}
			line = line[i+1:]
			n := s.counter(key)
			if n == nil {
				_, line, _ = cutByte(line, ' ')
				continue
			}
			known = true
			if *n, line, ok = cutUint(line); !ok {
				return dst, malformed(fileIOStat, string(key))
			}
		}
		if known {
			dst = append(dst, s)
		}
	}
	return dst, nil
}

// counter returns where the value of key goes, or nil for a key that is not
// of interest.
func (s *IOStat) counter(key []byte) *uint64 {
	switch string(key) {
	case "rbytes":
		return &s.ReadBytes
	case "wbytes":
		return &s.WriteBytes
	case "rios":
		return &s.ReadOps
	case "wios":
		return &s.WriteOps
	case "dbytes":
		return &s.DiscardBytes
	case "dios":
		return &s.DiscardOps
	}
	return nil
}

// cutDevice splits a line after the device that it begins with.
func cutDevice(line []byte) (d Device, rest []byte, ok bool) {
	field, rest := cutField(line)
	d, ok = parseDevice(field)
	return d, rest, ok
}
