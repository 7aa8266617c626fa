package kernel

import "testing"

func parsePSI(b []byte) (p PSI, err error) { err = ParsePSI(b, &p); return p, err }

func TestParsePSI(t *testing.T) {
	whole := fixture(t, "pressure.cpu")
	const rest = "avg10=0.00 avg60=0.00 avg300=0.00 "
	run(t, []parseCase[PSI]{
		{"cpu", string(whole), PSI{4065497, 4054598, true, true}, nil},
		{"memory", string(fixture(t, "pressure.memory")), PSI{19846800, 19846800, true, true}, nil},
		{"cpu before 5.13 has no full", string(fixture(t, "pressure.cpu-some-only")), PSI{SomeUsec: 4921778, HasSome: true}, nil},
		{"irq has no some", string(fixture(t, "pressure.irq")), PSI{FullUsec: 121734, HasFull: true}, nil},
		{"a field of the future after the total", "some total=7 new=1\n", PSI{SomeUsec: 7, HasSome: true}, nil},
		{"unknown lines", "most total=x\nfull total=1\n\n", PSI{FullUsec: 1, HasFull: true}, nil},
		{"empty", "", PSI{}, ErrEmpty},
		{"cut off within a number", withoutNewline(whole), PSI{}, ErrTruncated},
		{"no known line", "most total=1\n", PSI{}, ErrTruncated},
		{"no total", "some " + rest + "\n", PSI{}, ErrMalformed},
		{"total without a value", "some " + rest + "total=\n", PSI{}, ErrMalformed},
		{"total overflows", "full " + rest + "total=18446744073709551616\n", PSI{}, ErrMalformed},
	}, parsePSI)
}

func BenchmarkParsePSI(b *testing.B) {
	in := fixture(b, "pressure.cpu")
	var p PSI
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		if err := ParsePSI(in, &p); err != nil {
			b.Fatal(err)
		}
	}
}
