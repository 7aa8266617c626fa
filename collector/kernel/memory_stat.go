package kernel

const fileMemoryStat = "memory.stat"

// MemoryStat is what is of interest in memory.stat: bytes, and since the
// cgroup's creation the page faults that had to read from disk and the pages
// that were evicted and needed again.
type MemoryStat struct {
	Anon, InactiveFile, Swap, MajorFaults, RefaultsAnon, RefaultsFile uint64

	// False where the kernel has no such line. Swap is only in v1's file: v2
	// has memory.swap.current.
	HasSwap, HasRefaultsAnon, HasRefaultsFile bool
}

// Lines of memory.stat, as bits of a set.
const (
	statAnon uint8 = 1 << iota
	statInactiveFile
	statSwap
	statMajorFaults
	statRefaultsAnon
	statRefaultsFile

	statRequired = statAnon | statInactiveFile | statMajorFaults
	statAllV2    = statRequired | statRefaultsAnon | statRefaultsFile
	statAllV1    = statAllV2 | statSwap
)

// ParseMemoryStat parses memory.stat of cgroup v2. It stops when it has all:
// the file is the longest by far of those that are read.
func ParseMemoryStat(b []byte, out *MemoryStat) error {
	*out = MemoryStat{}
	if len(b) == 0 {
		return empty(fileMemoryStat)
	}
	var seen uint8
	for len(b) > 0 && seen != statAllV2 {
		line, rest, ok := cutLine(b)
		if !ok {
			return truncated(fileMemoryStat)
		}
		b = rest
		if len(line) == 0 {
			continue
		}
		bit := uint8(0)
		switch line[0] { // few lines share their first letter with a key of interest
		case 'a':
			bit, ok = take(line, "anon", &out.Anon, statAnon)
		case 'i':
			bit, ok = take(line, "inactive_file", &out.InactiveFile, statInactiveFile)
		case 'p':
			bit, ok = take(line, "pgmajfault", &out.MajorFaults, statMajorFaults)
		case 'w':
			bit, ok = out.takeRefaults(line)
		}
		if !ok {
			return malformed(fileMemoryStat, name(line))
		}
		seen |= bit
	}
	return out.finish(seen)
}

// ParseMemoryStatV1 parses memory.stat of cgroup v1. It takes the lines total_…
// alone, which include the cgroups below; the others leave them out.
func ParseMemoryStatV1(b []byte, out *MemoryStat) error {
	*out = MemoryStat{}
	if len(b) == 0 {
		return empty(fileMemoryStat)
	}
	const prefix = "total_"
	var seen uint8
	for len(b) > 0 && seen != statAllV1 {
		line, rest, ok := cutLine(b)
		if !ok {
			return truncated(fileMemoryStat)
		}
		b = rest
		if len(line) <= len(prefix) || string(line[:len(prefix)]) != prefix {
			continue
		}
		bit := uint8(0)
		switch line = line[len(prefix):]; line[0] {
		case 'r':
			bit, ok = take(line, "rss", &out.Anon, statAnon)
		case 'i':
			bit, ok = take(line, "inactive_file", &out.InactiveFile, statInactiveFile)
		case 's':
			bit, ok = take(line, "swap", &out.Swap, statSwap)
		case 'p':
			bit, ok = take(line, "pgmajfault", &out.MajorFaults, statMajorFaults)
		case 'w':
			bit, ok = out.takeRefaults(line)
		}
		if !ok {
			return malformed(fileMemoryStat, name(line))
		}
		seen |= bit
	}
	return out.finish(seen)
}

// takeRefaults reads a line of refaults. Before 5.9 there was one for both
// kinds, and only files had refaults then.
func (m *MemoryStat) takeRefaults(line []byte) (bit uint8, ok bool) {
	const prefix = "workingset_refault"
	if len(line) <= len(prefix) || string(line[:len(prefix)]) != prefix {
		return 0, true
	}
	switch line[len(prefix)] {
	case ' ':
		return take(line, prefix, &m.RefaultsFile, statRefaultsFile)
	case '_':
		if bit, ok = take(line, prefix+"_anon", &m.RefaultsAnon, statRefaultsAnon); bit != 0 || !ok {
			return bit, ok
		}
		return take(line, prefix+"_file", &m.RefaultsFile, statRefaultsFile)
	}
	return 0, true
}

func (m *MemoryStat) finish(seen uint8) error {
	m.HasSwap = seen&statSwap != 0
	m.HasRefaultsAnon = seen&statRefaultsAnon != 0
	m.HasRefaultsFile = seen&statRefaultsFile != 0
	switch {
	case seen&statAnon == 0:
		return missing(fileMemoryStat, "anon or total_rss")
	case seen&statInactiveFile == 0:
		return missing(fileMemoryStat, "inactive_file")
	case seen&statMajorFaults == 0:
		return missing(fileMemoryStat, "pgmajfault")
	}
	return nil
}

// take reads the value of line into v if the line is that of key, and returns
// its bit. A line of another key is ok and has no bit.
func take(line []byte, key string, v *uint64, which uint8) (bit uint8, ok bool) {
	if len(line) <= len(key) || line[len(key)] != ' ' || string(line[:len(key)]) != key {
		return 0, string(line) != key // a key without a value is malformed
	}
	*v, ok = parseUint(line[len(key)+1:])
	return which, ok
}

// name returns the key of a line, for an error.
func name(line []byte) string {
	key, _, _ := cutByte(line, ' ')
	return string(key)
}
