package kernel

import "testing"

func parseNUMAStat(b []byte) ([]NodeBytes, error) { return ParseNUMAStat(b, nil) }
func parseNUMAStatV1(b []byte, dst []NodeBytes) ([]NodeBytes, error) {
	return ParseNUMAStatV1(b, 4096, dst)
}

func TestParseNUMAStat(t *testing.T) {
	const whole = "anon N0=100 N1=200\nfile N0=7 N1=0\nkernel_stack N0=1 N1=1\nshmem N0=5 N1=0\n"
	run(t, []parseCase[[]NodeBytes]{
		{"anonymous and file pages", whole, []NodeBytes{{0, 107}, {1, 200}}, nil},
		{"one node", "anon N0=1\nfile N0=2\n", []NodeBytes{{0, 3}}, nil},
		{"nodes with gaps", "anon N0=1 N8=2\nfile N0=3 N8=4\n", []NodeBytes{{0, 4}, {8, 6}}, nil},
		{"lines that do not list the same", "anon N1=1\nfile N0=2 N1=4\n", []NodeBytes{{1, 5}, {0, 2}}, nil},
		{"keys that begin alike", "anon_thp x\nfile_mapped x\nfile N0=1\nanon N0=1\n", []NodeBytes{{0, 2}}, nil},
		{"empty", "", nil, ErrEmpty},
		{"cut off", "anon N0=1\nfile N0=2", nil, ErrTruncated},
		{"cut off between lines", "anon N0=1\n", nil, ErrTruncated},
		{"no number", "anon N0=x\n", nil, ErrMalformed},
		{"no value", "anon N0\n", nil, ErrMalformed},
		{"no node", "anon N=1\n", nil, ErrMalformed},
		{"node too large", "anon N2147483648=1\n", nil, ErrMalformed},
		{"not a node", "anon M0=1\n", nil, ErrMalformed},
		{"more than fits", "anon N0=18446744073709551615\nfile N0=1\n", nil, ErrMalformed},
	}, parseNUMAStat)
}

func TestParseNUMAStatV1(t *testing.T) {
	run(t, []parseCase[[]NodeBytes]{
		{"with the cgroups below", string(fixture(t, "memory.numa_stat.v1")), []NodeBytes{{0, 225741 * 4096}}, nil},
		{"before there was a sum", "total=3 N0=1 N1=2\nfile=1 N0=1 N1=0\n", []NodeBytes{{0, 4096}, {1, 8192}}, nil},
		{"the sum first", "hierarchical_total=1 N0=1\ntotal=3 N0=3\n", []NodeBytes{{0, 4096}}, nil},
		{"keys that begin alike", "totals=1 N0=9\ntotal=1 N0=1\n", []NodeBytes{{0, 4096}}, nil},
		{"empty", "", nil, ErrEmpty},
		{"cut off", "total=3 N0=1 N1=2", nil, ErrTruncated},
		{"no total", "file=1 N0=1\n", nil, ErrTruncated},
		{"no number", "total=3 N0=\n", nil, ErrMalformed},
		{"more than fits", "total=3 N0=4503599627370496\n", nil, ErrMalformed},
	}, func(b []byte) ([]NodeBytes, error) { return parseNUMAStatV1(b, nil) })
}

func TestParseNUMAStatAppends(t *testing.T) {
	dst, err := ParseNUMAStat([]byte("anon N0=1\nfile N0=2\n"), []NodeBytes{{0, 7}})
	if err != nil || len(dst) != 2 || dst[0] != (NodeBytes{0, 7}) || dst[1] != (NodeBytes{0, 3}) {
		t.Errorf("got %v, %v", dst, err)
	}
}

func BenchmarkParseNUMAStatV1(b *testing.B) {
	in := fixture(b, "memory.numa_stat.v1")
	var nodes []NodeBytes
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if nodes, err = ParseNUMAStatV1(in, 4096, nodes[:0]); err != nil {
			b.Fatal(err)
		}
	}
}
