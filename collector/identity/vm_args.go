package identity

import (
	"iter"
	"math/bits"
	"strconv"
	"strings"
)

const (
	maxShares = 64      // directories, of one virtual machine
	maxPath   = 3 << 10 // bytes of a path that becomes a label's value
)

// keep returns s as a label's value that does not hold all the arguments in
// memory.
func keep(s string) string { return strings.Clone(text(s)) }

// keepPath does so for a path. One that is too long is dropped: what is left of
// it would be another directory.
func keepPath(s string) string {
	if s = valid(s); len(s) > maxPath {
		return ""
	}
	return strings.Clone(s)
}

func baseName(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// dirName returns the name of the directory that holds path.
func dirName(path string) string {
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return ""
	}
	return baseName(path[:i])
}

// cutDashes returns an option without the one or two dashes before it.
func cutDashes(arg string) (string, bool) {
	arg, ok := strings.CutPrefix(arg, "-")
	if !ok {
		return "", false
	}
	return strings.TrimPrefix(arg, "-"), true
}

// option is one option of a command line as getopt, clap and argh read it:
// --key value, --key=value, -k value. The value may belong to the next option.
type option struct{ key, value string }

// options yields the options of args[1:]. Of an option that stands alone the
// value is whatever comes next, and that is an option too where it begins with
// a dash; hence a value that begins with a dash is one of both.
func options(args []string) iter.Seq[option] {
	return func(yield func(option) bool) {
		for i := 1; i < len(args); i++ {
			if args[i] == "--" {
				return
			}
			key, ok := cutDashes(args[i])
			if !ok {
				continue
			}
			key, value, joined := strings.Cut(key, "=")
			if !joined && i+1 < len(args) {
				value = args[i+1]
			}
			if !yield(option{key, value}) {
				return
			}
		}
	}
}

// optionValue returns the value of the last option called one of keys.
func optionValue(args []string, keys ...string) string {
	value := ""
	for o := range options(args) {
		for _, key := range keys {
			if o.key == key {
				value = o.value
			}
		}
	}
	return value
}

// suboptions yields key and value of QEMU's "a=1,b=2". Of a first part that has
// no "=" the key is empty. Two commas stand for one in a value.
func suboptions(s string) iter.Seq2[string, string] { return split(s, cutComma) }

// nested is suboptions as cloud-hypervisor has it: what is in brackets or quotes
// belongs to one value.
func nested(s string) iter.Seq2[string, string] { return split(s, cutNested) }

func split(s string, cutPart func(string) (part, rest string)) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for first := true; s != ""; first = false {
			var part string
			part, s = cutPart(s)
			key, value, ok := strings.Cut(part, "=")
			if !ok && first {
				key, value = "", part
			}
			if !yield(key, value) {
				return
			}
		}
	}
}

// cutComma splits s at the first comma that is not doubled.
func cutComma(s string) (part, rest string) {
	doubled := false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] != ',':
		case i+1 < len(s) && s[i+1] == ',':
			doubled = true
			i++
		default:
			return undouble(s[:i], doubled), s[i+1:]
		}
	}
	return undouble(s, doubled), ""
}

func cutNested(s string) (part, rest string) {
	quoted, depth := false, 0
	for i := range len(s) {
		switch s[i] {
		case '"':
			quoted = !quoted
		case '[':
			depth++
		case ']':
			depth--
		case ',':
			if !quoted && depth <= 0 {
				return s[:i], s[i+1:]
			}
		}
	}
	return s, ""
}

func undouble(s string, doubled bool) string {
	if !doubled {
		return s
	}
	return strings.ReplaceAll(s, ",,", ",")
}

// suboption returns the last value of key in s; the empty key is the first
// part's without one.
func suboption(s, key string) string {
	found := ""
	for k, v := range suboptions(s) {
		if k == key {
			found = v
		}
	}
	return found
}

// parseSize reads a number of bytes with a suffix k, M, G, … for powers of 1024,
// and of unit where it has none. It is 0 for anything else.
func parseSize(s string, unit uint64) uint64 {
	if s == "" {
		return 0
	}
	shift := strings.IndexByte("bkmgtpe", s[len(s)-1]|0x20)
	if shift >= 0 {
		s = s[:len(s)-1]
		unit = 1 << (10 * shift)
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return fraction(s, unit)
	}
	hi, lo := bits.Mul64(n, unit)
	if hi != 0 {
		return 0
	}
	return lo
}

// fraction reads "1.5" units.
func fraction(s string, unit uint64) uint64 {
	if strings.Trim(s, "0123456789.") != "" {
		return 0
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f*float64(unit) >= 1<<63 {
		return 0
	}
	return uint64(f * float64(unit))
}

// maxVCPUs bounds what is believed: QEMU itself stops at 4096.
const maxVCPUs = 1 << 16

// parseVCPUs reads a number of vCPUs, 0 for what is none.
func parseVCPUs(s string) int {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil || n > maxVCPUs {
		return 0
	}
	return int(n)
}

// socketName makes a name of the path of a machine's control socket: that of
// the socket, or of its directory where every machine's socket is called alike.
func socketName(path string) string {
	name := strings.TrimSuffix(strings.TrimSuffix(baseName(path), ".sock"), ".socket")
	switch name {
	case "api", "api-socket", "clh-api", "clh", "ch", "ch-api", "cloud-hypervisor", "firecracker", "fc", "crosvm", "control", "socket", "vmm":
	default:
		return name
	}
	for dir := path[:len(path)-len(baseName(path))]; ; {
		dir = strings.TrimRight(dir, "/")
		switch above := baseName(dir); above {
		case "root", "run", "sock", "sockets": // a jail's root, and directories within a machine's
			dir = dir[:len(dir)-len(above)]
		case "", "tmp", "var":
			return name
		default:
			return above
		}
	}
}
