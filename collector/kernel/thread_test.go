package kernel

import (
	"strings"
	"testing"
)

func parsePIDs(b []byte) ([]int32, error)                { return ParsePIDs(b, nil) }
func parseThreadStat(b []byte) (s ThreadStat, err error) { err = ParseThreadStat(b, &s); return s, err }

func TestParseSchedstat(t *testing.T) {
	run(t, []parseCase[Schedstat]{
		{"real", string(fixture(t, "schedstat")), Schedstat{RunNsec: 5807890292, WaitNsec: 23279059314}, nil},
		{"never ran", "0 0 0\n", Schedstat{}, nil},
		{"empty", "", Schedstat{}, ErrEmpty},
		{"cut off", "58078 2327", Schedstat{}, ErrTruncated},
		{"two numbers", "58078 2327\n", Schedstat{}, ErrTruncated},
		{"no third number", "58078 2327 \n", Schedstat{}, ErrTruncated},
		{"malformed", "58078 x 1\n", Schedstat{}, ErrMalformed},
		{"overflow", "18446744073709551616 0 1\n", Schedstat{}, ErrMalformed},
	}, ParseSchedstat)
}

func TestParsePIDs(t *testing.T) {
	run(t, []parseCase[[]int32]{
		{"real", string(fixture(t, "cgroup.threads")), []int32{1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13}, nil},
		{"nobody", "", nil, nil},
		{"of another pid namespace", "0\n12\n0\n", []int32{12}, nil},
		{"largest", "2147483647\n", []int32{1<<31 - 1}, nil},
		{"cut off", "12\n3", nil, ErrTruncated},
		{"too large", "2147483648\n", nil, ErrMalformed},
		{"blank line", "1\n\n2\n", nil, ErrMalformed},
		{"negative", "-1\n", nil, ErrMalformed},
		{"garbage", "1 2\n", nil, ErrMalformed},
	}, parsePIDs)
}

func TestParsePIDsAppends(t *testing.T) {
	dst, err := ParsePIDs([]byte("2\n"), []int32{1})
	if err != nil || len(dst) != 2 || dst[0] != 1 || dst[1] != 2 {
		t.Errorf("got %v, %v", dst, err)
	}
}

// threadStat is a line of /proc/TID/stat for a thread of that name.
func threadStat(comm string) string {
	return "12 (" + comm + ") S 7 8 9 0 -1 4194560 1 2 3 4 50 60 1 2 20 0 1 0 4242 5 6 7" +
		" 1 1 1 1 1 0 0 0 0 0 0 0 17 1 0 0 99 40 0 1 1 1 1 1 1 1 0\n"
}

func TestParseThreadStat(t *testing.T) {
	want := ThreadStat{
		StartTicks: 4242, BlkioDelayTicks: 99, UserTicks: 50, SystemTicks: 60, GuestTicks: 40, HasGuest: true,
		MajorFaults: 3, Flags: 4194560, PPID: 7, State: 'S',
	}
	old := want
	old.GuestTicks, old.HasGuest = 0, false
	whole := threadStat("cat")
	run(t, []parseCase[ThreadStat]{
		{"real", string(fixture(t, "stat")), ThreadStat{StartTicks: 185794, HasGuest: true, Flags: 4194304, PPID: 14121, State: 'R'}, nil},
		{"kernel thread", string(fixture(t, "stat.kthread")), ThreadStat{StartTicks: 22, HasGuest: true, Flags: 2129984, State: 'S'}, nil},
		{"plain name", whole, want, nil},
		{"name with blanks and parentheses", threadStat(") R 1 (x) "), want, nil},
		{"name with a newline", threadStat("a\nb"), want, nil},
		{"no name", threadStat(""), want, nil},
		{"before Linux 2.6.24 without guest time", before(whole, " 40 0 1 1") + "\n", old, nil},
		{"empty", "", ThreadStat{}, ErrEmpty},
		{"nothing after the last blank", before(whole, "40 0 1 1") + "\n", ThreadStat{}, ErrTruncated},
		{"guest time that is no number", before(whole, "40 0 1 1") + "x\n", ThreadStat{}, ErrMalformed},
		{"flags too large", "12 (cat) S 7 8 9 0 -1 4294967296 1\n", ThreadStat{}, ErrMalformed},
		{"cut off", withoutNewline([]byte(whole)), ThreadStat{}, ErrTruncated},
		{"too few fields", "12 (cat) S 7 8 9\n", ThreadStat{}, ErrTruncated},
		{"nothing after a blank", "12 (cat) \n", ThreadStat{}, ErrTruncated},
		{"no parenthesis", "12 cat S 7 8 9\n", ThreadStat{}, ErrMalformed},
		{"parent too large", "12 (cat) S 2147483648 1\n", ThreadStat{}, ErrMalformed},
		{"state of two letters", "12 (cat) SS 1\n", ThreadStat{}, ErrMalformed},
	}, parseThreadStat)
}

func TestKernelThreadIsToldByItsFlags(t *testing.T) {
	for name, want := range map[string]bool{"stat": false, "stat.kthread": true} {
		var s ThreadStat
		if err := ParseThreadStat(fixture(t, name), &s); err != nil || s.Kernel() != want {
			t.Errorf("%s: %t, %v, want %t", name, s.Kernel(), err, want)
		}
	}
}

func TestThreadComm(t *testing.T) {
	for in, want := range map[string]string{
		threadStat("CPU 0/KVM"):    "CPU 0/KVM",
		threadStat(") R 1 (x) "):   ") R 1 (x) ",
		threadStat("a\nb"):         "a\nb",
		threadStat(""):             "",
		threadStat("\xff\x00(sd-"): "\xff\x00(sd-",
		"":                         "none",
		"12 cat S":                 "none",
		"12 )cat( S":               "none",
		"12 (cat":                  "none",
	} {
		comm, ok := ThreadComm([]byte(in))
		if got := string(comm); ok && got != want || ok != (want != "none") {
			t.Errorf("%q: got %q, %t, want %q", in, got, ok, want)
		}
	}
}

// before returns what stands before the first sep.
func before(s, sep string) string {
	head, _, _ := strings.Cut(s, sep)
	return head
}

func BenchmarkParseSchedstat(b *testing.B) {
	in := fixture(b, "schedstat")
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseSchedstat(in); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParsePIDs(b *testing.B) {
	in := []byte("1201344\n1201379\n1201380\n1201381\n1201382\n")
	var dst []int32
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if dst, err = ParsePIDs(in, dst[:0]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseThreadStat(b *testing.B) {
	in := fixture(b, "stat")
	var s ThreadStat
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		if err := ParseThreadStat(in, &s); err != nil {
			b.Fatal(err)
		}
	}
}
