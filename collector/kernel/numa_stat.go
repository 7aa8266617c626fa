package kernel

import (
	"bytes"
	"math"
	"math/bits"
)

const fileNUMAStat = "memory.numa_stat"

// NodeBytes is how much of a cgroup's memory lies on one NUMA node.
type NodeBytes struct {
	Node  int32
	Bytes uint64
}

// ParseNUMAStat parses memory.numa_stat of cgroup v2 (since Linux 5.10) and
// appends one element for each node: anonymous memory and file pages, shared
// memory among them; the kernel's own and hugetlb pages are left out.
func ParseNUMAStat(b []byte, dst []NodeBytes) ([]NodeBytes, error) {
	if len(b) == 0 {
		return dst, empty(fileNUMAStat)
	}
	old := len(dst)
	var anon, file bool
	for len(b) > 0 && (!anon || !file) {
		line, rest, ok := cutLine(b)
		if !ok {
			return dst[:old], truncated(fileNUMAStat)
		}
		b = rest
		key, nodes, _ := cutByte(line, ' ')
		switch {
		case string(key) == "anon" && !anon:
			anon = true
		case string(key) == "file" && !file:
			file = true
		default:
			continue
		}
		if dst, ok = addNodes(nodes, 1, dst, old); !ok {
			return dst[:old], malformed(fileNUMAStat, string(key))
		}
	}
	if !anon || !file {
		return dst[:old], missing(fileNUMAStat, "anon or file")
	}
	return dst, nil
}

// ParseNUMAStatV1 parses memory.numa_stat of cgroup v1, which counts pages, and
// appends one element for each node. It takes the line hierarchical_total, which
// includes the cgroups below, or where the kernel has none the line total.
func ParseNUMAStatV1(b []byte, pageSize uint64, dst []NodeBytes) ([]NodeBytes, error) {
	if len(b) == 0 {
		return dst, empty(fileNUMAStat)
	}
	old, found := len(dst), false
	for len(b) > 0 {
		line, rest, ok := cutLine(b)
		if !ok {
			return dst[:old], truncated(fileNUMAStat)
		}
		b = rest
		line, whole := bytes.CutPrefix(line, []byte("hierarchical_"))
		if !bytes.HasPrefix(line, []byte("total=")) || found && !whole {
			continue
		}
		_, nodes, _ := cutByte(line, ' ')
		if dst, ok = addNodes(nodes, pageSize, dst[:old], old); !ok {
			return dst[:old], malformed(fileNUMAStat, "total")
		}
		if found = true; whole {
			return dst, nil
		}
	}
	if !found {
		return dst, missing(fileNUMAStat, "total")
	}
	return dst, nil
}

// addNodes adds fields "N0=123", in units of so many bytes, to the elements of
// dst from old on.
func addNodes(fields []byte, unit uint64, dst []NodeBytes, old int) ([]NodeBytes, bool) {
	for at := old; ; at++ {
		var field []byte
		if field, fields = cutField(fields); len(field) == 0 {
			return dst, true
		}
		name, value, _ := cutByte(field, '=')
		if len(name) == 0 || name[0] != 'N' {
			return dst, false
		}
		node, ok1 := parseUint(name[1:])
		n, ok2 := parseUint(value)
		if !ok1 || !ok2 || node > math.MaxInt32 {
			return dst, false
		}
		over, n := bits.Mul64(n, unit)
		i := at // every line lists the same nodes in the same order
		if i >= len(dst) || dst[i].Node != int32(node) {
			i = nodeIndex(dst, old, int32(node))
		}
		if i == len(dst) {
			dst = append(dst, NodeBytes{Node: int32(node)})
		}
		sum, carry := bits.Add64(dst[i].Bytes, n, 0)
		if over != 0 || carry != 0 {
			return dst, false
		}
		dst[i].Bytes = sum
	}
}

// nodeIndex returns where in dst, from old on, the element of a node is, or the
// length of dst where there is none.
func nodeIndex(dst []NodeBytes, old int, node int32) int {
	for i := old; i < len(dst); i++ {
		if dst[i].Node == node {
			return i
		}
	}
	return len(dst)
}
