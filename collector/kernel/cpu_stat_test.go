package kernel

import "testing"

func parseCPUStat(b []byte) (s CPUStat, err error)     { err = ParseCPUStat(b, &s); return s, err }
func parseCPUStatV1(b []byte) (s CPUStatV1, err error) { err = ParseCPUStatV1(b, &s); return s, err }

func TestParseCPUStat(t *testing.T) {
	whole := fixture(t, "cpu.stat.v2-bandwidth")
	run(t, []parseCase[CPUStat]{
		{"with a quota", string(whole), CPUStat{
			UsageUsec: 1024333, HasBandwidth: true, NrPeriods: 51, NrThrottled: 51, ThrottledUsec: 3234652, HasBurst: true,
		}, nil},
		{"docker container", string(fixture(t, "cpu.stat.v2-docker")), CPUStat{
			UsageUsec: 2947224, HasBandwidth: true, NrPeriods: 137, NrThrottled: 126, ThrottledUsec: 5351491, HasBurst: true,
		}, nil},
		{"without the controller", string(fixture(t, "cpu.stat.v2-root")), CPUStat{UsageUsec: 170316445}, nil},
		{
			"kernel without bursts", "usage_usec 5\nnr_periods 1\nnr_throttled 2\nthrottled_usec 3\n",
			CPUStat{UsageUsec: 5, HasBandwidth: true, NrPeriods: 1, NrThrottled: 2, ThrottledUsec: 3},
			nil,
		},
		{"unknown keys, and none", "usage_usec 5\ncore_sched.force_idle_usec x\nnew\n\n", CPUStat{UsageUsec: 5}, nil},
		{"largest number", "usage_usec 18446744073709551615\n", CPUStat{UsageUsec: 1<<64 - 1}, nil},
		{"empty", "", CPUStat{}, ErrEmpty},
		{"cut off within a number", withoutNewline(whole), CPUStat{}, ErrTruncated},
		{"cut off between lines", "usage_usec 5\nnr_periods 1\n", CPUStat{}, ErrTruncated},
		{"cut off between bursts", "usage_usec 5\nnr_bursts 1\n", CPUStat{}, ErrTruncated},
		{"one line three times is not three", "usage_usec 5\nnr_periods 1\nnr_periods 1\nnr_periods 1\n", CPUStat{}, ErrTruncated},
		{"one line twice is not two", "usage_usec 5\nnr_bursts 1\nnr_bursts 1\n", CPUStat{}, ErrTruncated},
		{"no usage", "user_usec 5\n", CPUStat{}, ErrTruncated},
		{"overflow", "usage_usec 18446744073709551616\n", CPUStat{}, ErrMalformed},
		{"negative", "usage_usec -1\n", CPUStat{}, ErrMalformed},
		{"no value", "usage_usec\n", CPUStat{}, ErrMalformed},
		{"blank at the end", "usage_usec 1 \n", CPUStat{}, ErrMalformed},
	}, parseCPUStat)
}

func TestParseCPUStatResetsWhatWasThere(t *testing.T) {
	s := CPUStat{HasBandwidth: true, HasBurst: true, NrPeriods: 7}
	if err := ParseCPUStat([]byte("usage_usec 1\n"), &s); err != nil {
		t.Fatal(err)
	}
	if want := (CPUStat{UsageUsec: 1}); s != want {
		t.Errorf("got %+v, want %+v", s, want)
	}
}

func TestParseCPUStatV1(t *testing.T) {
	whole := fixture(t, "cpu.stat.v1")
	run(t, []parseCase[CPUStatV1]{
		{"with a quota", string(whole), CPUStatV1{NrPeriods: 58, NrThrottled: 34, ThrottledNsec: 1593973676, HasBurst: true}, nil},
		{"kernel without bursts", "nr_periods 0\nnr_throttled 0\nthrottled_time 0\n", CPUStatV1{}, nil},
		{"empty", "", CPUStatV1{}, ErrEmpty},
		{"cut off within a number", withoutNewline(whole), CPUStatV1{}, ErrTruncated},
		{"cut off between lines", "nr_periods 0\nnr_throttled 0\n", CPUStatV1{}, ErrTruncated},
		{"one line three times is not three", "nr_periods 1\nnr_periods 1\nnr_periods 1\n", CPUStatV1{}, ErrTruncated},
		{
			"one line twice is not two", "nr_periods 0\nnr_throttled 0\nthrottled_time 0\nnr_bursts 1\nnr_bursts 1\n",
			CPUStatV1{},
			ErrTruncated,
		},
		{"malformed", "nr_periods 0\nnr_throttled 0\nthrottled_time 1e9\n", CPUStatV1{}, ErrMalformed},
	}, parseCPUStatV1)
}

func TestParseCPUStatLocal(t *testing.T) {
	type result struct {
		Nsec uint64
		OK   bool
	}
	run(t, []parseCase[result]{
		{"v2 is in microseconds", "throttled_usec 12\n", result{12000, true}, nil},
		{"v1 is in nanoseconds", "throttled_time 12\n", result{12, true}, nil},
		{"zero is there", "throttled_usec 0\n", result{0, true}, nil},
		{"empty without the controller", "", result{}, nil},
		{"other keys", "x 1\n", result{}, nil},
		{"cut off", "throttled_usec 12", result{}, ErrTruncated},
		{"malformed", "throttled_usec x\n", result{}, ErrMalformed},
		{"too large for nanoseconds", "throttled_usec 18446744073709552\n", result{}, ErrMalformed},
	}, func(b []byte) (r result, err error) {
		r.Nsec, r.OK, err = ParseCPUStatLocal(b)
		return r, err
	})
}

func BenchmarkParseCPUStat(b *testing.B) {
	in := fixture(b, "cpu.stat.v2-bandwidth")
	var s CPUStat
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		if err := ParseCPUStat(in, &s); err != nil {
			b.Fatal(err)
		}
	}
}
