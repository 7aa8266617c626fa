package kernel

import "math"

const (
	fileIOMax       = "io.max"
	fileDeviceLimit = "blkio.throttle.*_device"
)

// IOMax is a device's line in io.max of cgroup v2, in bytes and requests a
// second. What has no limit is math.MaxUint64.
type IOMax struct {
	Device
	ReadBPS, WriteBPS, ReadIOPS, WriteIOPS uint64
}

// ParseIOMax parses io.max and appends to dst. The file names only devices
// that have a limit, and is empty without any.
func ParseIOMax(b []byte, dst []IOMax) ([]IOMax, error) {
	for len(b) > 0 {
		line, rest, ok := cutLine(b)
		if !ok {
			return dst, truncated(fileIOMax)
		}
		b = rest
		if len(line) == 0 {
			continue
		}
		m := IOMax{ReadBPS: math.MaxUint64, WriteBPS: math.MaxUint64, ReadIOPS: math.MaxUint64, WriteIOPS: math.MaxUint64}
		if m.Device, line, ok = cutDevice(line); !ok {
			return dst, malformed(fileIOMax, "device")
		}
		for len(line) > 0 {
			var field []byte
			field, line = cutField(line)
			key, value, _ := cutByte(field, '=')
			var limit *uint64
			switch string(key) {
			case "rbps":
				limit = &m.ReadBPS
			case "wbps":
				limit = &m.WriteBPS
			case "riops":
				limit = &m.ReadIOPS
			case "wiops":
				limit = &m.WriteIOPS
			default:
				continue
			}
			if string(value) == "max" {
				continue
			}
			if *limit, ok = parseUint(value); !ok {
				return dst, malformed(fileIOMax, string(key))
			}
		}
		dst = append(dst, m)
	}
	return dst, nil
}

// DeviceLimit is a line of blkio.throttle.{read,write}_{bps,iops}_device of
// cgroup v1: bytes or requests a second.
type DeviceLimit struct {
	Device
	Value uint64
}

// ParseDeviceLimits parses one of these files and appends to dst. The file
// names only devices that have a limit, and is empty without any.
func ParseDeviceLimits(b []byte, dst []DeviceLimit) ([]DeviceLimit, error) {
	for len(b) > 0 {
		line, rest, ok := cutLine(b)
		if !ok {
			return dst, truncated(fileDeviceLimit)
		}
		b = rest
		if len(line) == 0 {
			continue
		}
		var l DeviceLimit
		if l.Device, line, ok = cutDevice(line); !ok {
			return dst, malformed(fileDeviceLimit, "device")
		}
		if l.Value, ok = parseUint(line); !ok {
			return dst, malformed(fileDeviceLimit, "limit")
		}
		dst = append(dst, l)
	}
	return dst, nil
}
