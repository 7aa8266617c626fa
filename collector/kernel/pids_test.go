package kernel

import "testing"

func TestHasForeignPIDs(t *testing.T) {
	for _, tc := range []struct {
		name, in string
		want     bool
	}{
		{"nobody", "", false},
		{"own ones alone", "1\n12\n", false},
		{"zeros inside of numbers", "10\n100\n201\n", false},
		{"foreign ones alone", "0\n0\n", true},
		{"a foreign one first", "0\n12\n", true},
		{"a foreign one amid others", "12\n0\n13\n", true},
		{"a foreign one last", "12\n0\n", true},
		{"a foreign one that is cut off", "12\n0", true},
		{"a blank line", "1\n\n2\n", false},
		{"two zeros", "00\n", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := HasForeignPIDs([]byte(tc.in)); got != tc.want {
				t.Errorf("HasForeignPIDs(%q) = %t", tc.in, got)
			}
		})
	}
}

func TestHasForeignPIDsDoesNotAllocate(t *testing.T) {
	in := fixture(t, "cgroup.threads")
	noAllocs(t, "HasForeignPIDs", func() { HasForeignPIDs(in) })
}
