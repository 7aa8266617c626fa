package kernel

import "bytes"

const fileNetDev = "net/dev"

// NetDev is a line of /proc/PID/net/dev, from the point of view of that network
// namespace.
type NetDev struct {
	Name                                                     []byte
	RxBytes, RxPackets, RxDrops, TxBytes, TxPackets, TxDrops uint64
}

// ParseNetDev parses net/dev and appends to dst. The names are parts of b.
func ParseNetDev(b []byte, dst []NetDev) ([]NetDev, error) {
	if len(b) == 0 {
		return dst, empty(fileNetDev)
	}
	for n := 0; len(b) > 0; n++ {
		line, rest, ok := cutLine(b)
		if !ok {
			return dst, truncated(fileNetDev)
		}
		b = rest
		if n < 2 { // two lines of headings
			if bytes.IndexByte(line, '|') < 0 {
				return dst, malformed(fileNetDev, "heading")
			}
			continue
		}
		d, ok := parseNetDevLine(line)
		if !ok {
			return dst, malformed(fileNetDev, "interface")
		}
		dst = append(dst, d)
	}
	return dst, nil
}

// parseNetDevLine reads one interface. A name holds neither blanks nor a colon.
func parseNetDevLine(line []byte) (d NetDev, ok bool) {
	const columns = 16
	name, rest, ok := cutByte(line, ':')
	d.Name, _ = cutField(name)
	if !ok || len(d.Name) == 0 {
		return d, false
	}
	for i := range columns {
		var field []byte
		field, rest = cutField(rest)
		v, ok := parseUint(field)
		if !ok {
			return d, false
		}
		switch i {
		case 0:
			d.RxBytes = v
		case 1:
			d.RxPackets = v
		case 3:
			d.RxDrops = v
		case 8:
			d.TxBytes = v
		case 9:
			d.TxPackets = v
		case 11:
			d.TxDrops = v
		}
	}
	return d, true
}
