package kernel

import (
	"strings"
	"testing"
)

func parseStatus(b []byte) (s Status, err error) { err = ParseStatus(b, &s); return s, err }

func TestParseStatus(t *testing.T) {
	file := string(fixture(t, "status"))
	const guest = "Name:\tCPU 0/KVM\nUid:\t1\t64055\t3\t4\nVmRSS:\t    1024 kB\nRssAnon:\t     1 kB\nRssFile:\t       3 kB\n" +
		"RssShmem:\t    2 kB\nVmSwap:\t       5 kB\nHugetlbPages:\t  2097152 kB\nThreads:\t9\n"
	whole := Status{
		RSSBytes: 1 << 20, AnonBytes: 1 << 10, ShmemBytes: 2 << 10, SwapBytes: 5 << 10, HugetlbBytes: 2 << 30,
		HasRSS: true, HasKinds: true, HasSwap: true, HasHugetlb: true, UID: 64055, Threads: 9,
	}
	old := whole
	old.AnonBytes, old.ShmemBytes, old.HugetlbBytes, old.HasKinds, old.HasHugetlb = 0, 0, 0, false, false
	run(t, []parseCase[Status]{
		{"real", file, Status{
			RSSBytes: 1736 << 10, AnonBytes: 112 << 10, HasRSS: true, HasKinds: true, HasSwap: true, HasHugetlb: true, Threads: 1,
		}, nil},
		{"kernel thread", string(fixture(t, "status.kthread")), Status{Threads: 1}, nil},
		{"with hugepages and swap", guest, whole, nil},
		{
			"before Linux 4.4", "Uid:\t1\t64055\t3\t4\nVmRSS:\t1024 kB\nVmSwap:\t5 kB\nThreads:\t9\n", old, nil,
		},
		{"nothing after the threads matters", guest + "VmRSS:\tx\ncut o", whole, nil},
		{"keys that begin alike", "VmRSSx:\tx\nUids:\tx\nTid:\tx\nRssFile:\tx\n\n" + guest, whole, nil},
		{"overflowuid", "Uid:\t0\t4294967295\t0\t0\nThreads:\t1\n", Status{UID: 1<<32 - 1, Threads: 1}, nil},
		{"empty", "", Status{}, ErrEmpty},
		{"cut off", "Uid:\t0\t0\t0\t0\nThreads:\t1", Status{}, ErrTruncated},
		{"cut off between lines", before(guest, "VmSwap"), Status{}, ErrTruncated},
		{"no uid", "Threads:\t1\n", Status{}, ErrTruncated},
		{"half of the kinds", strings.Replace(guest, "RssShmem", "Rss", 1), Status{}, ErrTruncated},
		{"no effective uid", "Uid:\t0\n", Status{}, ErrMalformed},
		{"uid too large", "Uid:\t0\t4294967296\t0\t0\n", Status{}, ErrMalformed},
		{"other unit", "VmRSS:\t1 MB\n", Status{}, ErrMalformed},
		{"no unit", "VmRSS:\t1\n", Status{}, ErrMalformed},
		{"more than fits", "VmSwap:\t18014398509481984 kB\n", Status{}, ErrMalformed},
		{"threads negative", "Threads:\t-1\n", Status{}, ErrMalformed},
	}, parseStatus)
}

func BenchmarkParseStatus(b *testing.B) {
	in := fixture(b, "status")
	var s Status
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		if err := ParseStatus(in, &s); err != nil {
			b.Fatal(err)
		}
	}
}
