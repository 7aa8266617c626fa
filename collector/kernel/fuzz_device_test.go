package kernel

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"
)

func FuzzParseIOStat(f *testing.F) {
	seed(f, []string{"io.stat"}, "7:1 7:0 8:0 rbytes=1 wbytes=2\n", "254:0 rbytes=1 cost.usage=9 cost.wait=x\n8:0 dios=7\n", "8:0 \n")
	f.Fuzz(func(t *testing.T, b []byte) {
		old := []IOStat{{Device{8, 0}, 1, 2, 3, 4, 5, 6}, {Device{254, 16}, 7, 8, 9, 10, 11, 12}}
		got, ok := checkSlice(t, b, old, ParseIOStat, func(stats []IOStat) string {
			var w strings.Builder
			for _, s := range stats {
				fmt.Fprintf(&w, "%s rbytes=%d wbytes=%d rios=%d wios=%d dbytes=%d dios=%d cost.wait=x\n",
					s.Device, s.ReadBytes, s.WriteBytes, s.ReadOps, s.WriteOps, s.DiscardBytes, s.DiscardOps)
			}
			return w.String()
		})
		if !ok {
			return
		}
		checkTwice(t, b, got, ParseIOStat)
		checkCutOff(t, b, func(b []byte) error { _, err := parseIOStat(b); return err })
		// Devices without numbers, and without an end of the line, change nothing.
		if len(b) == 0 || bytes.Contains(b, []byte("\t")) {
			return // a tab ends a field at the beginning of a line only
		}
		if again, err := parseIOStat(append([]byte("7:1 7:0 "), b...)); err != nil || !same(again, got) {
			t.Errorf("%q gives %+v; with bare devices %+v, %v", b, got, again, err)
		}
	})
}

func FuzzParseBlkioV1(f *testing.F) {
	seed(f, []string{"blkio.throttle.io_service_bytes_recursive"}, "8:0 Read 1\n8:0 Total 1\n8:16 Read 4\n8:16 Total 4\nTotal 5\n", "Total 0\n")
	f.Fuzz(func(t *testing.T, b []byte) {
		old := []BlkioV1{{Device{254, 16}, 1, 2, 3}, {Device{8, 0}, 4, 5, 6}}
		got, ok := checkSlice(t, b, old, ParseBlkioV1, func(stats []BlkioV1) string {
			var w strings.Builder
			for _, s := range stats {
				fmt.Fprintf(&w, "%s Write %d\n%s Sync 9\n%s Discard %d\n%s Read %d\n%s Total 9\n",
					s.Device, s.Write, s.Device, s.Device, s.Discard, s.Device, s.Read, s.Device)
			}
			return w.String() + "Total 9\n"
		})
		if !ok {
			return
		}
		for i := range got[:max(len(got)-1, 0)] {
			if got[i].Device == got[i+1].Device {
				t.Errorf("%q gives the same device twice in a row: %+v", b, got)
			}
		}
		if !bytes.Contains(b, []byte("Total")) {
			t.Errorf("%q has no total, but parses", b)
		}
		checkCutOff(t, b, func(b []byte) error { _, err := parseBlkioV1(b); return err })
	})
}

func FuzzParseIOMax(f *testing.F) {
	seed(f, nil, "8:0 rbps=max wbps=1048576 riops=max wiops=120\n", "8:0 wiops=1 new=x\n254:0 rbps=5\n")
	f.Fuzz(func(t *testing.T, b []byte) {
		limit := func(v uint64) string {
			if v == math.MaxUint64 {
				return "max"
			}
			return fmt.Sprint(v)
		}
		old := []IOMax{{Device{8, 0}, 1, 2, 3, 4}, {Device{254, 16}, 5, 6, 7, 8}}
		got, ok := checkSlice(t, b, old, ParseIOMax, func(maxima []IOMax) string {
			var w strings.Builder
			for _, m := range maxima {
				fmt.Fprintf(&w, "%s wiops=%s new=x rbps=%s riops=%s wbps=%s\n",
					m.Device, limit(m.WriteIOPS), limit(m.ReadBPS), limit(m.ReadIOPS), limit(m.WriteBPS))
			}
			return w.String()
		})
		if ok {
			checkTwice(t, b, got, ParseIOMax)
			checkCutOff(t, b, func(b []byte) error { _, err := parseIOMax(b); return err })
		}
	})
}

func FuzzParseDeviceLimits(f *testing.F) {
	seed(f, []string{"blkio.throttle.write_iops_device"}, "8:0 1\n8:16 18446744073709551615\n")
	f.Fuzz(func(t *testing.T, b []byte) {
		old := []DeviceLimit{{Device{8, 0}, 1}, {Device{254, 16}, 2}}
		got, ok := checkSlice(t, b, old, ParseDeviceLimits, func(limits []DeviceLimit) string {
			var w strings.Builder
			for _, l := range limits {
				fmt.Fprintf(&w, "%s %d\n", l.Device, l.Value)
			}
			return w.String()
		})
		if ok {
			checkTwice(t, b, got, ParseDeviceLimits)
			checkCutOff(t, b, func(b []byte) error { _, err := parseDeviceLimits(b); return err })
		}
	})
}

func FuzzParseDiskstats(f *testing.F) {
	seed(f, []string{"diskstats"}, "104 0 cciss/c0d0 1 2 3 4 5 6 7 8 9 10 11\n")
	f.Fuzz(func(t *testing.T, b []byte) {
		old := []Diskstat{
			{Device{8, 0}, []byte("sda"), 1, 2, 3, 4, 5, 6, 7},
			{Device{254, 16}, []byte("vdb"), 8, 9, 10, 11, 12, 13, 14},
		}
		got, ok := checkSlice(t, b, old, ParseDiskstats, func(disks []Diskstat) string {
			var w strings.Builder
			for _, d := range disks {
				fmt.Fprintf(&w, "%4d %7d %s %d 0 %d %d %d 0 %d %d 0 %d 0 9 9\n", d.Major, d.Minor, d.Name,
					d.Reads, d.ReadSectors, d.ReadMsec, d.Writes, d.WriteSectors, d.WriteMsec, d.BusyMsec)
			}
			return w.String()
		})
		for _, d := range got {
			if len(d.Name) == 0 || bytes.ContainsAny(d.Name, " \t\n") || !bytes.Contains(b, d.Name) {
				t.Errorf("%q has a disk %q", b, d.Name)
			}
		}
		if ok {
			checkTwice(t, b, got, ParseDiskstats)
			checkCutOff(t, b, func(b []byte) error { _, err := ParseDiskstats(b, nil); return err })
		}
	})
}

func FuzzParseNetDev(f *testing.F) {
	seed(f, []string{"net.dev"}, netDevHead+"a|b:1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n", netDevHead)
	f.Fuzz(func(t *testing.T, b []byte) {
		old := []NetDev{{[]byte("lo"), 1, 2, 3, 4, 5, 6}, {[]byte("eth0"), 7, 8, 9, 10, 11, 12}}
		got, ok := checkSlice(t, b, old, ParseNetDev, func(devs []NetDev) string {
			var w strings.Builder
			w.WriteString(netDevHead)
			for _, d := range devs {
				fmt.Fprintf(&w, "%6s: %d %d 0 %d 0 0 0 0 %d %d 0 %d 0 0 0 0\n",
					d.Name, d.RxBytes, d.RxPackets, d.RxDrops, d.TxBytes, d.TxPackets, d.TxDrops)
			}
			return w.String()
		})
		for _, d := range got {
			if len(d.Name) == 0 || bytes.ContainsAny(d.Name, " \t\n:") || !bytes.Contains(b, d.Name) {
				t.Errorf("%q has an interface %q", b, d.Name)
			}
		}
		if ok {
			checkCutOff(t, b, func(b []byte) error { _, err := parseNetDev(b); return err })
		}
	})
}

func FuzzParseKmsgOOM(f *testing.F) {
	seed(f, []string{"kmsg.oom-ambiguous"},
		"6,1,2,-;oom-kill:cpuset=/,mems_allowed=0,oom_memcg=/a,task_memcg=/a/b,task=x,pid=1,uid=0\n",
		"6,1,2,-,caller=T1;oom-kill:cpuset=/,mems_allowed=0,global_oom,task_memcg=/a\\x0a,task=x,pid=1,uid=0\n")
	f.Fuzz(func(t *testing.T, b []byte) {
		k, ok := ParseKmsgOOM(b)
		if !ok {
			if k != (OOMKill{}) {
				t.Errorf("%q is no kill, but gives %+v", b, k)
			}
			return
		}
		if !strings.HasPrefix(k.TaskMemcg, "/") || k.PID < 0 || len(k.Task) > 15 {
			t.Errorf("%q gives %+v", b, k)
		}
		if k.OOMMemcg != "" && !within([]byte(k.TaskMemcg), []byte(k.OOMMemcg)) {
			t.Errorf("%q gives a process outside of the limit: %+v", b, k)
		}
		text := formatKmsgOOM(k)
		if again, ok := ParseKmsgOOM([]byte(text)); !ok || again != k {
			t.Errorf("%+v, as %q, comes back as %+v, %t", k, text, again, ok)
		}
		// Fields of a device, and a cut before the end, as /dev/kmsg has them.
		if again, ok := ParseKmsgOOM([]byte(text + " SUBSYSTEM=x\n")); !ok || again != k {
			t.Errorf("with fields of a device %q gives %+v, %t", text, again, ok)
		}
		cut := text[:strings.LastIndex(text, "uid=")]
		if got, ok := ParseKmsgOOM([]byte(cut)); ok {
			t.Errorf("%q is cut off, but gives %+v", cut, got)
		}
	})
}

// formatKmsgOOM writes a record that cannot be read in two ways: all that is
// not a letter, a digit or a slash is escaped, commas too.
func formatKmsgOOM(k OOMKill) string {
	escape := func(s string) string {
		var w strings.Builder
		for _, c := range []byte(s) {
			switch {
			case c == '/', c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
				w.WriteByte(c)
			default:
				fmt.Fprintf(&w, `\x%02x`, c)
			}
		}
		return w.String()
	}
	scope := "global_oom"
	if k.OOMMemcg != "" {
		scope = "oom_memcg=" + escape(k.OOMMemcg)
	}
	return fmt.Sprintf("6,1,%d,-;oom-kill:constraint=x,cpuset=/,mems_allowed=0,%s,task_memcg=%s,task=%s,pid=%d,uid=%d\n",
		k.BootUsec, scope, escape(k.TaskMemcg), escape(k.Task), k.PID, k.UID)
}
