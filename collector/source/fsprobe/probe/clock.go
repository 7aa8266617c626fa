package probe

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// clock is CLOCK_MONOTONIC, in nanoseconds since start. Package time reads it
// without a system call.
type clock struct {
	start time.Time
	zero  int64 // what the kernel's clock showed at start
}

func newClock() clock {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) // which every kernel has
	return clock{start: time.Now(), zero: ts.Nano()}
}

func (c *clock) now() int64 { return int64(time.Since(c.start)) }

// sleepUntil returns when now has come to t. Asked for a time, and not for how
// long, the kernel is not late by what was done before.
func (c *clock) sleepUntil(t int64) {
	if c.now() >= t {
		return
	}
	ts := unix.NsecToTimespec(c.zero + t)
	for {
		_, _, errno := unix.RawSyscall6(unix.SYS_CLOCK_NANOSLEEP, unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME,
			uintptr(unsafe.Pointer(&ts)), 0, 0, 0)
		if errno != unix.EINTR {
			return
		}
	}
}
