package kernel

import (
	"bytes"
	"slices"
	"testing"
)

func FuzzHasForeignPIDs(f *testing.F) {
	for _, s := range []string{"", "0\n", "1\n0\n", "10\n01\n", "0", "\n0\n", "12\n0\r\n"} {
		f.Add([]byte(s))
	}
	f.Add(fixture(f, "cgroup.threads"))
	f.Fuzz(func(t *testing.T, b []byte) {
		got := HasForeignPIDs(b)
		want := slices.ContainsFunc(bytes.Split(b, []byte("\n")), func(line []byte) bool { return string(line) == "0" })
		if got != want {
			t.Errorf("HasForeignPIDs(%q) = %t, want %t", b, got, want)
		}
		// What ParsePIDs leaves out of a list is what is foreign.
		if pids, err := ParsePIDs(b, nil); err == nil && !got && len(pids) != bytes.Count(b, []byte("\n")) &&
			!bytes.Contains(b, []byte("00")) {
			t.Errorf("%q holds but %d pids, none foreign", b, len(pids))
		}
	})
}
