package kernel

const fileDiskstats = "diskstats"

// SectorSize is the unit in which the kernel counts what a disk read and wrote,
// whatever the disk's own sectors are.
const SectorSize = 512

// Diskstat is a line of /proc/diskstats: a disk or a partition and all that was
// done to it. A request counts when it has completed. The times are in
// milliseconds and go round at 2^32.
type Diskstat struct {
	Device
	Name []byte // as in /dev: with a slash where /sys has an exclamation mark

	Reads, ReadSectors, ReadMsec    uint64
	Writes, WriteSectors, WriteMsec uint64
	BusyMsec                        uint64 // during which a request was under way
}

// ParseDiskstats parses /proc/diskstats and appends to dst. The names are parts
// of b. A machine without a disk has an empty file, which is no error.
func ParseDiskstats(b []byte, dst []Diskstat) ([]Diskstat, error) {
	for len(b) > 0 {
		line, rest, ok := cutLine(b)
		if !ok {
			return dst, truncated(fileDiskstats)
		}
		b = rest
		d, ok := parseDiskstat(line)
		if !ok {
			return dst, malformed(fileDiskstats, "device")
		}
		dst = append(dst, d)
	}
	return dst, nil
}

// parseDiskstat reads one line. Later kernels have added discards and flushes
// to its end.
func parseDiskstat(line []byte) (d Diskstat, ok bool) {
	const columns = 11
	var minor []byte
	major, rest := cutField(line)
	minor, rest = cutField(rest)
	if d.Device, ok = deviceOf(major, minor); !ok {
		return d, false
	}
	if d.Name, rest = cutField(rest); len(d.Name) == 0 {
		return d, false
	}
	var ignored uint64
	for _, to := range [columns]*uint64{
		&d.Reads, &ignored, &d.ReadSectors, &d.ReadMsec,
		&d.Writes, &ignored, &d.WriteSectors, &d.WriteMsec,
		&ignored, &d.BusyMsec, &ignored,
	} {
		var field []byte
		field, rest = cutField(rest)
		if *to, ok = parseUint(field); !ok {
			return d, false
		}
	}
	return d, true
}
