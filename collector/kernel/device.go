package kernel

import (
	"math"
	"strconv"
)

// Device is the number of a block device.
type Device struct{ Major, Minor uint32 }

// String returns the number as the kernel writes it, 8:0.
func (d Device) String() string {
	return strconv.FormatUint(uint64(d.Major), 10) + ":" + strconv.FormatUint(uint64(d.Minor), 10)
}

func parseDevice(b []byte) (Device, bool) {
	major, minor, ok := cutByte(b, ':')
	if !ok {
		return Device{}, false
	}
	return deviceOf(major, minor)
}

func deviceOf(major, minor []byte) (Device, bool) {
	x, ok := parseUint(major)
	y, ok2 := parseUint(minor)
	if !ok || !ok2 || x > math.MaxUint32 || y > math.MaxUint32 {
		return Device{}, false
	}
	return Device{Major: uint32(x), Minor: uint32(y)}, true
}
