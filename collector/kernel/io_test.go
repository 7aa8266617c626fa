package kernel

import (
	"math"
	"testing"
)

func parseIOStat(b []byte) ([]IOStat, error)            { return ParseIOStat(b, nil) }
func parseBlkioV1(b []byte) ([]BlkioV1, error)          { return ParseBlkioV1(b, nil) }
func parseIOMax(b []byte) ([]IOMax, error)              { return ParseIOMax(b, nil) }
func parseDeviceLimits(b []byte) ([]DeviceLimit, error) { return ParseDeviceLimits(b, nil) }

func TestDeviceString(t *testing.T) {
	if got := (Device{Major: 254, Minor: math.MaxUint32}).String(); got != "254:4294967295" {
		t.Errorf("got %s", got)
	}
}

func TestParseIOStat(t *testing.T) {
	vda, sda := Device{254, 0}, Device{8, 0}
	run(t, []parseCase[[]IOStat]{
		{"one device", string(fixture(t, "io.stat")), []IOStat{{Device: vda, WriteBytes: 245760, WriteOps: 60}}, nil},
		{
			"two devices and the keys of iocost", "254:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6 cost.usage=9 cost.wait=x\n8:0 rbytes=7\n",
			[]IOStat{{vda, 1, 2, 5, 3, 4, 6}, {Device: sda, ReadBytes: 7}},
			nil,
		},
		{"no I/O yet", "", nil, nil},
		{"bare device", "8:0 \n254:0 rbytes=1\n", []IOStat{{Device: vda, ReadBytes: 1}}, nil},
		{"bare devices without an end of line", "7:1 7:0 8:0 rbytes=1 wbytes=2\n", []IOStat{{Device: sda, ReadBytes: 1, WriteBytes: 2}}, nil},
		{"unknown keys only", "8:0 depth=max\n", nil, nil},
		{"cut off", "8:0 rbytes=1", nil, ErrTruncated},
		{"no device", "rbytes=1\n", nil, ErrMalformed},
		{"device too large", "4294967296:0 rbytes=1\n", nil, ErrMalformed},
		{"no value", "8:0 rbytes=\n", nil, ErrMalformed},
		{"negative", "8:0 wios=-1\n", nil, ErrMalformed},
	}, parseIOStat)
}

func TestParseIOStatAppends(t *testing.T) {
	dst := []IOStat{{Device: Device{1, 1}}}
	dst, err := ParseIOStat([]byte("8:0 rios=1\n"), dst)
	if err != nil || len(dst) != 2 || dst[0].Device != (Device{1, 1}) {
		t.Errorf("got %v, %v", dst, err)
	}
}

func TestParseBlkioV1(t *testing.T) {
	whole := fixture(t, "blkio.throttle.io_service_bytes_recursive")
	run(t, []parseCase[[]BlkioV1]{
		{"one device", string(whole), []BlkioV1{{Device: Device{254, 0}, Write: 614400, Discard: 6148096}}, nil},
		{
			"two devices", "8:0 Read 1\n8:0 Write 2\n8:0 Total 3\n8:16 Read 4\n8:16 Total 4\nTotal 7\n",
			[]BlkioV1{{Device: Device{8, 0}, Read: 1, Write: 2}, {Device: Device{8, 16}, Read: 4}},
			nil,
		},
		{"no I/O yet", "Total 0\n", nil, nil},
		{"empty", "", nil, ErrEmpty},
		{"cut off within a number", withoutNewline(whole), nil, ErrTruncated},
		{"cut off between lines", "8:0 Read 1\n", nil, ErrTruncated},
		{"no device", "x Read 1\nTotal 1\n", nil, ErrMalformed},
		{"no value", "8:0 Read\nTotal 1\n", nil, ErrMalformed},
	}, parseBlkioV1)
}

func TestParseBlkioV1KeepsWhatWasThere(t *testing.T) {
	// A device that the caller's slice ends with must not be written to.
	dst, err := ParseBlkioV1([]byte("8:0 Read 1\nTotal 1\n"), []BlkioV1{{Device: Device{8, 0}, Read: 9}})
	if err != nil || len(dst) != 2 || dst[0].Read != 9 || dst[1].Read != 1 {
		t.Errorf("got %v, %v", dst, err)
	}
}

func TestParseIOMax(t *testing.T) {
	const none = math.MaxUint64
	run(t, []parseCase[[]IOMax]{
		{"some limits", "8:0 rbps=max wbps=1048576 riops=max wiops=120\n", []IOMax{{Device{8, 0}, none, 1048576, none, 120}}, nil},
		{"keys left out have no limit", "8:0 wiops=1 new=x\n", []IOMax{{Device{8, 0}, none, none, none, 1}}, nil},
		{"no limits", "", nil, nil},
		{"cut off", "8:0 rbps=1", nil, ErrTruncated},
		{"malformed", "8:0 rbps=1M\n", nil, ErrMalformed},
		{"no device", "rbps=1\n", nil, ErrMalformed},
	}, parseIOMax)
}

func TestParseDeviceLimits(t *testing.T) {
	run(t, []parseCase[[]DeviceLimit]{
		{"one device", string(fixture(t, "blkio.throttle.write_iops_device")), []DeviceLimit{{Device{254, 0}, 50}}, nil},
		{"no limits", "", nil, nil},
		{"cut off", "254:0 50", nil, ErrTruncated},
		{"no value", "254:0\n", nil, ErrMalformed},
		{"no device", "default 1\n", nil, ErrMalformed},
	}, parseDeviceLimits)
}

func BenchmarkParseIOStat(b *testing.B) {
	in := fixture(b, "io.stat")
	var dst []IOStat
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if dst, err = ParseIOStat(in, dst[:0]); err != nil {
			b.Fatal(err)
		}
	}
}
