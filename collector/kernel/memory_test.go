package kernel

import (
	"strings"
	"testing"
)

func parseMemoryStat(b []byte) (s MemoryStat, err error) { err = ParseMemoryStat(b, &s); return s, err }
func parseMemoryStatV1(b []byte) (s MemoryStat, err error) {
	err = ParseMemoryStatV1(b, &s)
	return s, err
}

func parseMemoryEvents(b []byte) (e MemoryEvents, err error) {
	err = ParseMemoryEvents(b, &e)
	return e, err
}

func TestParseMemoryStat(t *testing.T) {
	whole := string(fixture(t, "memory.stat.v2"))
	run(t, []parseCase[MemoryStat]{
		{"whole file", whole, MemoryStat{
			Anon: 2752086016, InactiveFile: 6930235392, MajorFaults: 4127, RefaultsAnon: 12, RefaultsFile: 28799,
			HasRefaultsAnon: true, HasRefaultsFile: true,
		}, nil},
		{
			"before 5.9 refaults are of files", "anon 1\ninactive_file 2\npgmajfault 3\nworkingset_refault 4\n",
			MemoryStat{Anon: 1, InactiveFile: 2, MajorFaults: 3, RefaultsFile: 4, HasRefaultsFile: true},
			nil,
		},
		{"no refaults", "anon 1\ninactive_file 2\npgmajfault 3\n", MemoryStat{Anon: 1, InactiveFile: 2, MajorFaults: 3}, nil},
		{
			"keys that begin alike", "anon_thp x\nanon 1\ninactive_filex y\ninactive_file 2\npgmajfaults x\npgmajfault 3\nworkingset_refault_x 1\nw\n\n",
			MemoryStat{Anon: 1, InactiveFile: 2, MajorFaults: 3},
			nil,
		},
		{"empty", "", MemoryStat{}, ErrEmpty},
		{"cut off within a number", whole[:strings.Index(whole, "pgmajfault")+12], MemoryStat{}, ErrTruncated},
		{"cut off between lines", whole[:strings.Index(whole, "pgmajfault")], MemoryStat{}, ErrTruncated},
		{"no anon", "inactive_file 2\npgmajfault 3\n", MemoryStat{}, ErrTruncated},
		{"malformed", "anon 0x10\n", MemoryStat{}, ErrMalformed},
		{"no value", "inactive_file\n", MemoryStat{}, ErrMalformed},
		{"malformed refaults", "workingset_refault_file -1\n", MemoryStat{}, ErrMalformed},
	}, parseMemoryStat)
}

func TestParseMemoryStatV1(t *testing.T) {
	whole := string(fixture(t, "memory.stat.v1"))
	run(t, []parseCase[MemoryStat]{
		{"whole file", whole, MemoryStat{
			Anon: 13348864, InactiveFile: 4321280, MajorFaults: 3378, RefaultsFile: 337576,
			HasSwap: true, HasRefaultsAnon: true, HasRefaultsFile: true,
		}, nil},
		{"no swap accounting", "total_rss 1\ntotal_inactive_file 2\ntotal_pgmajfault 3\n", MemoryStat{Anon: 1, InactiveFile: 2, MajorFaults: 3}, nil},
		{"its own without those below", "rss 1\ninactive_file 2\npgmajfault 3\n", MemoryStat{}, ErrTruncated},
		{
			"keys that begin alike", "total_\ntotal_rss_huge x\ntotal_swapcached x\ntotal_rss 1\ntotal_inactive_file 2\ntotal_swap 4\ntotal_pgmajfault 3\n",
			MemoryStat{Anon: 1, InactiveFile: 2, MajorFaults: 3, Swap: 4, HasSwap: true},
			nil,
		},
		{"empty", "", MemoryStat{}, ErrEmpty},
		{"cut off between lines", whole[:strings.Index(whole, "total_pgmajfault")], MemoryStat{}, ErrTruncated},
		{"malformed", "total_rss x\n", MemoryStat{}, ErrMalformed},
	}, parseMemoryStatV1)
}

func TestParseMemoryEvents(t *testing.T) {
	whole := fixture(t, "memory.events")
	run(t, []parseCase[MemoryEvents]{
		{"whole file", string(whole), MemoryEvents{High: 568}, nil},
		{"all keys and unknown ones", "low 1\nhigh 2\nmax 3\noom 4\noom_kill 5\noom_group_kill x\nsock_throttled y\n", MemoryEvents{1, 2, 3, 4, 5}, nil},
		{"empty", "", MemoryEvents{}, ErrEmpty},
		{"cut off within a number", "low 1\nhigh 2\nmax 3\noom 4\noom_kill 5", MemoryEvents{}, ErrTruncated},
		{"cut off between lines", "low 1\nhigh 2\n", MemoryEvents{}, ErrTruncated},
		{"one line five times is not five", "low 1\nlow 1\nlow 1\nlow 1\nlow 1\n", MemoryEvents{}, ErrTruncated},
		{"malformed", "low\n", MemoryEvents{}, ErrMalformed},
	}, parseMemoryEvents)
}

func TestParseOOMControl(t *testing.T) {
	type result struct {
		Kills uint64
		OK    bool
	}
	run(t, []parseCase[result]{
		{"whole file", string(fixture(t, "memory.oom_control")), result{1, true}, nil},
		{"before 4.13", "oom_kill_disable 0\nunder_oom 0\n", result{}, nil},
		{"empty", "", result{}, ErrEmpty},
		{"cut off", "oom_kill_disable 0\nunder_oom 0\noom_kill 1", result{}, ErrTruncated},
		{"malformed", "oom_kill x\n", result{}, ErrMalformed},
	}, func(b []byte) (r result, err error) {
		r.Kills, r.OK, err = ParseOOMControl(b)
		return r, err
	})
}

func BenchmarkParseMemoryStat(b *testing.B) {
	in := fixture(b, "memory.stat.v2")
	var s MemoryStat
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		if err := ParseMemoryStat(in, &s); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseMemoryStatV1(b *testing.B) {
	in := fixture(b, "memory.stat.v1")
	var s MemoryStat
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		if err := ParseMemoryStatV1(in, &s); err != nil {
			b.Fatal(err)
		}
	}
}
