package kernel

import (
	"bytes"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// SinceBoot returns the time since boot, suspend included, on which the start
// times in /proc/PID/stat are based.
func SinceBoot() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return time.Duration(time.Now().UnixNano())
	}
	return time.Duration(ts.Nano())
}

// BootTime returns when the machine was booted, in seconds since the epoch, as
// /proc/stat says, or 0 if it does not.
func BootTime(stat []byte) float64 {
	for line := range bytes.Lines(stat) {
		if rest, ok := bytes.CutPrefix(line, []byte("btime ")); ok {
			t, _ := strconv.ParseFloat(string(bytes.TrimSpace(rest)), 64)
			return t
		}
	}
	return 0
}
