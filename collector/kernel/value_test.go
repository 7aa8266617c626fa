package kernel

import (
	"math"
	"testing"
)

type value struct {
	V         uint64
	Unlimited bool
}

func parseValue(b []byte) (v value, err error) { v.V, v.Unlimited, err = ParseValue(b); return v, err }

type cpuMax struct {
	Quota, Period uint64
	Unlimited     bool
}

func parseCPUMax(b []byte) (m cpuMax, err error) {
	m.Quota, m.Period, m.Unlimited, err = ParseCPUMax(b)
	return m, err
}

func TestParseValue(t *testing.T) {
	run(t, []parseCase[value]{
		{"number", "4096\n", value{V: 4096}, nil},
		{"no limit", "max\n", value{Unlimited: true}, nil},
		{"no limit of v1 is a number", "9223372036854771712\n", value{V: math.MaxInt64 &^ 4095}, nil},
		{"empty", "", value{}, ErrEmpty},
		{"cut off", "40", value{}, ErrTruncated},
		{"blank", "\n", value{}, ErrMalformed},
		{"two lines", "1\n2\n", value{}, ErrMalformed},
		{"negative", "-1\n", value{}, ErrMalformed},
		{"overflow", "18446744073709551616\n", value{}, ErrMalformed},
	}, parseValue)
}

func TestParseSigned(t *testing.T) {
	run(t, []parseCase[int64]{
		{"no quota", "-1\n", -1, nil},
		{"quota", "50000\n", 50000, nil},
		{"largest", "9223372036854775807\n", math.MaxInt64, nil},
		{"smallest", "-9223372036854775808\n", math.MinInt64, nil},
		{"too large", "9223372036854775808\n", 0, ErrMalformed},
		{"too small", "-9223372036854775809\n", 0, ErrMalformed},
		{"sign alone", "-\n", 0, ErrMalformed},
		{"two signs", "--1\n", 0, ErrMalformed},
		{"empty", "", 0, ErrEmpty},
		{"cut off", "-1", 0, ErrTruncated},
	}, ParseSigned)
}

func TestParseCPUMax(t *testing.T) {
	run(t, []parseCase[cpuMax]{
		{"quota", "50000 100000\n", cpuMax{Quota: 50000, Period: 100000}, nil},
		{"no quota", "max 100000\n", cpuMax{Period: 100000, Unlimited: true}, nil},
		{"empty", "", cpuMax{}, ErrEmpty},
		{"cut off", "max 1000", cpuMax{}, ErrTruncated},
		{"no period", "max\n", cpuMax{}, ErrMalformed},
		{"period that would be divided by", "1 0\n", cpuMax{}, ErrMalformed},
		{"malformed quota", "-1 100000\n", cpuMax{}, ErrMalformed},
	}, parseCPUMax)
}

func TestParseCPUList(t *testing.T) {
	run(t, []parseCase[int]{
		{"real", string(fixture(t, "cpuset.effective_cpus")), 2, nil},
		{"ranges and single ones", "0-3,7,9-10\n", 7, nil},
		{"none", "\n", 0, nil},
		{"empty", "", 0, nil},
		{"cut off", "0-3,1", 0, ErrTruncated},
		{"backwards", "3-0\n", 0, ErrMalformed},
		{"comma at the end", "0,\n", 0, ErrMalformed},
		{"open range", "0-\n", 0, ErrMalformed},
		{"absurd", "0-18446744073709551615\n", 0, ErrMalformed},
	}, ParseCPUList)
}
