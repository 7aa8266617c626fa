package kernel

import "strings"

const fileMountInfo = "mountinfo"

// What is taken of mountinfo. The kernel allows 100,000 mounts in a namespace
// (fs.mount-max). A line has up to a page for each path, and more where an
// overlay has many layers.
const (
	maxMounts    = 100_000
	maxMountLine = 64 << 10
)

// Mount is a line of /proc/PID/mountinfo. Paths count from the root of the
// process, and may hold any bytes but NUL.
type Mount struct {
	ID, Parent uint64
	Device     string // MAJOR:MINOR of the superblock, which is the same in all mount namespaces
	Root       string // the directory of the file system that is mounted; ends in "//deleted" when it is gone, and is no path for namespaces
	Mountpoint string
	Options    string // of this mount, as they stand in the file
	FSType     string // with a subtype after a dot: fuse.sshfs
	Source     string // may be empty

	// SuperOptions are the superblock's, as they stand in the file: in the value
	// of one a comma is written \054.
	SuperOptions string
}

// ParseMountInfo parses mountinfo and appends to dst, at most 100,000 mounts. It
// is empty for a process whose root is not mounted any more. Lines that are not
// understood or are longer than 64 KiB are left out: one strange mount must not
// hide all others. The strings share one copy of b, the only thing that is
// allocated but for names with escapes.
func ParseMountInfo(b []byte, dst []Mount) ([]Mount, error) {
	text := string(b)
	for n := 0; len(text) > 0 && n < maxMounts; {
		line, rest, ok := strings.Cut(text, "\n")
		if !ok {
			return dst, truncated(fileMountInfo)
		}
		text = rest
		if m, ok := parseMount(line); ok {
			dst = append(dst, m)
			n++
		}
	}
	return dst, nil
}

// parseMount reads "ID PARENT DEVICE ROOT MOUNTPOINT OPTIONS [FIELD…] - FSTYPE
// SOURCE SUPEROPTIONS". One blank separates: the source may be empty. The last
// field goes to the end of the line, since some file systems (9p) do not escape
// the blanks in their options.
func parseMount(line string) (m Mount, ok bool) {
	if len(line) > maxMountLine {
		return Mount{}, false
	}
	var field [6]string
	for i := range field {
		if field[i], line, ok = strings.Cut(line, " "); !ok {
			return Mount{}, false
		}
	}
	for optional := ""; optional != "-"; { // shared:1, master:2, …
		if optional, line, ok = strings.Cut(line, " "); !ok {
			return Mount{}, false
		}
	}
	fstype, line, ok1 := strings.Cut(line, " ")
	source, super, ok2 := strings.Cut(line, " ")
	id, ok3 := parseUint([]byte(field[0]))
	parent, ok4 := parseUint([]byte(field[1]))
	m = Mount{
		ID: id, Parent: parent, Device: field[2],
		Root: unescapeOctal(field[3]), Mountpoint: unescapeOctal(field[4]), Options: field[5],
		FSType: unescapeOctal(fstype), Source: unescapeOctal(source), SuperOptions: super,
	}
	if !ok1 || !ok2 || !ok3 || !ok4 || !isDevice(m.Device) || m.Root == "" || !strings.HasPrefix(m.Mountpoint, "/") || m.FSType == "" {
		return Mount{}, false
	}
	return m, true
}

// isDevice reports whether s is two numbers with a colon between them.
func isDevice(s string) bool {
	major, minor, ok := strings.Cut(s, ":")
	_, ok1 := parseUint([]byte(major))
	_, ok2 := parseUint([]byte(minor))
	return ok && ok1 && ok2
}

// unescapeOctal undoes the escapes of seq_file: \040 and the like for what would
// end a field. What is no escape stays as it is.
func unescapeOctal(s string) string {
	i := strings.IndexByte(s, '\\')
	if i < 0 {
		return s
	}
	b := append(make([]byte, 0, len(s)), s[:i]...)
	for ; i < len(s); i++ {
		if c, ok := octalByte(s[i:]); ok {
			b = append(b, c)
			i += len(`\040`) - 1
			continue
		}
		b = append(b, s[i])
	}
	return string(b)
}

// octalByte reads the \NNN that s begins with. A NUL is not let through: no name
// has one.
func octalByte(s string) (c byte, ok bool) {
	if len(s) < len(`\040`) || s[0] != '\\' || s[1] > '3' {
		return 0, false
	}
	for _, d := range []byte(s[1:4]) {
		if d < '0' || d > '7' {
			return 0, false
		}
		c = c<<3 | (d - '0')
	}
	return c, c != 0
}
