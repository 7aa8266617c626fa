package kernel

import (
	"testing"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// What is read at every scrape allocates nothing once its slices have grown.
func TestParsersDoNotAllocate(t *testing.T) {
	var (
		cpu    CPUStat
		cpuV1  CPUStatV1
		psi    PSI
		mem    MemoryStat
		events MemoryEvents
		thread ThreadStat
		ios    = make([]IOStat, 0, 8)
		blkio  = make([]BlkioV1, 0, 8)
		limits = make([]DeviceLimit, 0, 8)
		maxima = make([]IOMax, 0, 8)
		pids   = make([]int32, 0, 64)
		netdev = make([]NetDev, 0, 8)
		nodes  = make([]NodeBytes, 0, 8)
		cpus   = make(model.CPUSet, 0, 4)
		disks  = make([]Diskstat, 0, 8)
		status Status
		where  ProcCgroup
	)
	for _, tc := range []struct {
		name, file string
		parse      func([]byte) error
	}{
		{"ParseCPUStat", "cpu.stat.v2-bandwidth", func(b []byte) error { return ParseCPUStat(b, &cpu) }},
		{"ParseCPUStatV1", "cpu.stat.v1", func(b []byte) error { return ParseCPUStatV1(b, &cpuV1) }},
		{"ParsePSI", "pressure.cpu", func(b []byte) error { return ParsePSI(b, &psi) }},
		{"ParseMemoryStat", "memory.stat.v2", func(b []byte) error { return ParseMemoryStat(b, &mem) }},
		{"ParseMemoryStatV1", "memory.stat.v1", func(b []byte) error { return ParseMemoryStatV1(b, &mem) }},
		{"ParseMemoryEvents", "memory.events", func(b []byte) error { return ParseMemoryEvents(b, &events) }},
		{"ParseOOMControl", "memory.oom_control", func(b []byte) error { _, _, err := ParseOOMControl(b); return err }},
		{"ParseThreadStat", "stat", func(b []byte) error { return ParseThreadStat(b, &thread) }},
		{"ThreadComm", "stat", func(b []byte) error { ThreadComm(b); return nil }},
		{"ParseStatus", "status", func(b []byte) error { return ParseStatus(b, &status) }},
		{"ParseProcCgroup", "proc.cgroup", func(b []byte) error { return ParseProcCgroup(b, &where) }},
		{"ParseNUMAStatV1", "memory.numa_stat.v1", func(b []byte) error { _, err := ParseNUMAStatV1(b, 4096, nodes[:0]); return err }},
		{"ParseSchedstat", "schedstat", func(b []byte) error { _, err := ParseSchedstat(b); return err }},
		{"ParsePIDs", "cgroup.threads", func(b []byte) error { _, err := ParsePIDs(b, pids[:0]); return err }},
		{"ParseIOStat", "io.stat", func(b []byte) error { _, err := ParseIOStat(b, ios[:0]); return err }},
		{"ParseBlkioV1", "blkio.throttle.io_service_bytes_recursive", func(b []byte) error { _, err := ParseBlkioV1(b, blkio[:0]); return err }},
		{"ParseDeviceLimits", "blkio.throttle.write_iops_device", func(b []byte) error { _, err := ParseDeviceLimits(b, limits[:0]); return err }},
		{"ParseNetDev", "net.dev", func(b []byte) error { _, err := ParseNetDev(b, netdev[:0]); return err }},
		{"ParseCPUSet", "cpuset.effective_cpus", func(b []byte) error { _, err := ParseCPUSet(b, cpus[:0]); return err }},
		{"ParseDiskstats", "diskstats", func(b []byte) error { _, err := ParseDiskstats(b, disks[:0]); return err }},
		{"ParseVMStatOOMKill", "vmstat", func(b []byte) error { _, _, err := ParseVMStatOOMKill(b); return err }},
	} {
		in := fixture(t, tc.file)
		if err := tc.parse(in); err != nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		noAllocs(t, tc.name, func() { _ = tc.parse(in) })
	}
	for _, tc := range []struct {
		name, in string
		parse    func([]byte) error
	}{
		{"ParseValue", "4096\n", func(b []byte) error { _, _, err := ParseValue(b); return err }},
		{"ParseSigned", "-1\n", func(b []byte) error { _, err := ParseSigned(b); return err }},
		{"ParseCPUMax", "50000 100000\n", func(b []byte) error { _, _, _, err := ParseCPUMax(b); return err }},
		{"ParseCPUStatLocal", "throttled_usec 12\n", func(b []byte) error { _, _, err := ParseCPUStatLocal(b); return err }},
		{"ParseNUMAStat", "anon N0=1 N1=2\nfile N0=3 N1=4\n", func(b []byte) error { _, err := ParseNUMAStat(b, nodes[:0]); return err }},
		{"ParseIOMax", "8:0 rbps=max wbps=1 riops=max wiops=max\n", func(b []byte) error { _, err := ParseIOMax(b, maxima[:0]); return err }},
		{"ParseKmsgOOM of other records", "6,1,2,-;usb 1-1: new device\n", func(b []byte) error { ParseKmsgOOM(b); return nil }},
	} {
		in := []byte(tc.in)
		if err := tc.parse(in); err != nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		noAllocs(t, tc.name, func() { _ = tc.parse(in) })
	}
}
