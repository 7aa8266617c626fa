package kernel

const fileVMStat = "vmstat"

// ParseVMStatOOMKill parses /proc/vmstat and returns the number of processes
// that the kernel killed for want of memory since boot, in all cgroups. It is
// not ok on kernels before 4.13, which do not say.
func ParseVMStatOOMKill(b []byte) (kills uint64, ok bool, err error) {
	if len(b) == 0 {
		return 0, false, empty(fileVMStat)
	}
	for len(b) > 0 {
		line, rest, whole := cutLine(b)
		if !whole {
			return 0, false, truncated(fileVMStat)
		}
		b = rest
		key, value, _ := cutByte(line, ' ')
		if string(key) != "oom_kill" {
			continue
		}
		if kills, ok = parseUint(value); !ok {
			return 0, false, malformed(fileVMStat, "oom_kill")
		}
		return kills, true, nil
	}
	return 0, false, nil
}
