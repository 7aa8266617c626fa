package kernel

const fileBlkio = "blkio.throttle"

// BlkioV1 is what blkio.throttle.io_service_bytes_recursive (bytes) or
// blkio.throttle.io_serviced_recursive (requests) of cgroup v1 says of one
// device. Write-back is not in it: v1 charges it to the root.
type BlkioV1 struct {
	Device
	Read, Write, Discard uint64
}

// ParseBlkioV1 parses one of these files and appends to dst. The lines Sync,
// Async and Total count the same requests again and are left out. The file ends
// with a line Total of all devices, also without any.
func ParseBlkioV1(b []byte, dst []BlkioV1) ([]BlkioV1, error) {
	if len(b) == 0 {
		return dst, empty(fileBlkio)
	}
	first, total := len(dst), false
	for len(b) > 0 {
		line, rest, ok := cutLine(b)
		if !ok {
			return dst, truncated(fileBlkio)
		}
		b = rest
		if len(line) == 0 {
			continue
		}
		field, line := cutField(line)
		if string(field) == "Total" {
			total = true
			continue
		}
		d, ok := parseDevice(field)
		if !ok {
			return dst, malformed(fileBlkio, "device")
		}
		if len(dst) == first || dst[len(dst)-1].Device != d {
			dst = append(dst, BlkioV1{Device: d})
		}
		op, value := cutField(line)
		s := &dst[len(dst)-1]
		switch string(op) {
		case "Read":
			s.Read, ok = parseUint(value)
		case "Write":
			s.Write, ok = parseUint(value)
		case "Discard":
			s.Discard, ok = parseUint(value)
		}
		if !ok {
			return dst, malformed(fileBlkio, string(op))
		}
	}
	if !total {
		return dst, missing(fileBlkio, "Total")
	}
	return dst, nil
}
