package kernel

import (
	"bytes"
	"errors"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fixture returns a file of a real kernel; see README.md beside them.
func fixture(tb testing.TB, name string) []byte {
	tb.Helper()
	b, err := os.ReadFile("../../fixtures/kernel/" + name)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// parseCase is a row of the tables in this package.
type parseCase[T any] struct {
	name string
	in   string
	want T
	err  error // nil, or what the error wraps
}

// run parses every row, and every row that is right again with each byte cut
// off its end: none may panic.
func run[T any](t *testing.T, cases []parseCase[T], parse func([]byte) (T, error)) {
	t.Helper()
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			got, err := parse([]byte(tc.in))
			if !errors.Is(err, tc.err) {
				t.Fatalf("error is %v, want %v", err, tc.err)
			}
			if tc.err != nil {
				return
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("result differs (-want +got):\n%s", diff)
			}
			for n := range len(tc.in) {
				_, _ = parse([]byte(tc.in[:n]))
			}
		})
	}
}

// noAllocs fails when f allocates.
func noAllocs(t *testing.T, name string, f func()) {
	t.Helper()
	if n := testing.AllocsPerRun(100, f); n != 0 {
		t.Errorf("%s: %v allocations a call, want none", name, n)
	}
}

// withoutNewline returns a file as a reading that was cut off leaves it.
func withoutNewline(b []byte) string { return string(bytes.TrimSuffix(b, []byte("\n"))) }
