package kernel

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/virt-exporter/virt_exporter/collector/model"
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

func parseCPUSet(b []byte) (model.CPUSet, error) { return ParseCPUSet(b, nil) }

func TestParseCPUSet(t *testing.T) {
	run(t, []parseCase[model.CPUSet]{
		{"real", string(fixture(t, "cpuset.effective_cpus")), model.CPUSet{0b11}, nil},
		{"ranges and single ones", "0-3,7,9-10\n", model.CPUSet{0b110_1000_1111}, nil},
		{"beyond a word", "63-64,191\n", model.CPUSet{1 << 63, 1, 1 << 63}, nil},
		{"none", "\n", nil, nil},
		{"empty", "", nil, nil},
		{"cut off", "0-3,1", nil, ErrTruncated},
		{"backwards", "3-0\n", nil, ErrMalformed},
		{"comma at the end", "0,\n", nil, ErrMalformed},
		{"open range", "0-\n", nil, ErrMalformed},
		{"absurd", "0-18446744073709551615\n", nil, ErrMalformed},
		{"more than any kernel has", "65536\n", nil, ErrMalformed},
	}, parseCPUSet)
}

func TestParseCPUSetAdds(t *testing.T) {
	got, err := ParseCPUSet([]byte("2,64\n"), model.CPUSet{0b1})
	if diff := cmp.Diff(model.CPUSet{0b101, 1}, got); diff != "" || err != nil {
		t.Errorf("set differs (-want +got):\n%s%v", diff, err)
	}
}

func TestParseDiskstats(t *testing.T) {
	parse := func(b []byte) ([]Diskstat, error) { return ParseDiskstats(b, nil) }
	run(t, []parseCase[[]Diskstat]{
		{"real", string(fixture(t, "diskstats")), []Diskstat{
			{Device: Device{7, 0}, Name: []byte("loop0"), Reads: 36121, ReadSectors: 344994, ReadMsec: 3297, Writes: 110917, WriteSectors: 1121742, WriteMsec: 9026, BusyMsec: 12108},
			{Device: Device{7, 1}, Name: []byte("loop1")},
			{Device: Device{254, 0}, Name: []byte("vda"), Reads: 5480575, ReadSectors: 328263010, ReadMsec: 3658589, Writes: 1812946, WriteSectors: 204446208, WriteMsec: 1264720, BusyMsec: 658888},
			{Device: Device{253, 0}, Name: []byte("zram0")},
		}, nil},
		{
			"before discards, and a slash in the name", " 104       0 cciss/c0d0 1 2 3 4 5 6 7 8 9 10 11\n",
			[]Diskstat{{Device: Device{104, 0}, Name: []byte("cciss/c0d0"), Reads: 1, ReadSectors: 3, ReadMsec: 4, Writes: 5, WriteSectors: 7, WriteMsec: 8, BusyMsec: 10}},
			nil,
		},
		{"no disks", "", nil, nil},
		{"cut off", "8 0 sda 1 2 3 4 5 6 7 8 9 10 11", nil, ErrTruncated},
		{"no numbers", "8 0 sda\n", nil, ErrMalformed},
		{"too few", "8 1 sda1 1 2 3 4\n", nil, ErrMalformed},
		{"no name", "8 0\n", nil, ErrMalformed},
		{"no device", "x y sda 1 2 3 4 5 6 7 8 9 10 11\n", nil, ErrMalformed},
		{"negative", "8 0 sda 1 2 3 4 5 6 7 8 -1 10 11\n", nil, ErrMalformed},
		{"blank line", "\n", nil, ErrMalformed},
	}, parse)
}
