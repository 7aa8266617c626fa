package kernel

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
)

// maybe is the result of a parser of one number that some kernels do not have.
type maybe struct {
	V  uint64
	OK bool
}

func parseLocal(b []byte) (m maybe, err error) { m.V, m.OK, err = ParseCPUStatLocal(b); return m, err }
func parseOOMControl(b []byte) (m maybe, err error) {
	m.V, m.OK, err = ParseOOMControl(b)
	return m, err
}

func parseVMStat(b []byte) (m maybe, err error) {
	m.V, m.OK, err = ParseVMStatOOMKill(b)
	return m, err
}

func FuzzParseCPUStat(f *testing.F) {
	seed(f, []string{"cpu.stat.v2-bandwidth", "cpu.stat.v2-docker", "cpu.stat.v2-root"})
	format := func(s CPUStat) []string {
		lines := []string{fmt.Sprintf("usage_usec %d", s.UsageUsec)}
		if s.HasBandwidth {
			lines = append(lines, fmt.Sprintf("nr_periods %d", s.NrPeriods),
				fmt.Sprintf("nr_throttled %d", s.NrThrottled), fmt.Sprintf("throttled_usec %d", s.ThrottledUsec))
		}
		if s.HasBurst {
			lines = append(lines, fmt.Sprintf("nr_bursts %d", s.NrBursts), fmt.Sprintf("burst_usec %d", s.BurstUsec))
		}
		return lines
	}
	dirty := CPUStat{
		UsageUsec: 1, HasBandwidth: true, NrPeriods: 2, NrThrottled: 3, ThrottledUsec: 4,
		HasBurst: true, NrBursts: 5, BurstUsec: 6,
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		checkKeyed(t, b, parseCPUStat, format)
		if _, ok := checkStruct(t, b, dirty, ParseCPUStat, format); ok {
			checkCutOff(t, b, func(b []byte) error { _, err := parseCPUStat(b); return err })
		}
	})
}

func FuzzParseCPUStatV1(f *testing.F) {
	seed(f, []string{"cpu.stat.v1"}, "nr_periods 0\nnr_throttled 0\nthrottled_time 0\n")
	format := func(s CPUStatV1) []string {
		lines := []string{
			fmt.Sprintf("nr_periods %d", s.NrPeriods),
			fmt.Sprintf("nr_throttled %d", s.NrThrottled), fmt.Sprintf("throttled_time %d", s.ThrottledNsec),
		}
		if s.HasBurst {
			lines = append(lines, fmt.Sprintf("nr_bursts %d", s.NrBursts), fmt.Sprintf("burst_time %d", s.BurstNsec))
		}
		return lines
	}
	dirty := CPUStatV1{NrPeriods: 1, NrThrottled: 2, ThrottledNsec: 3, HasBurst: true, NrBursts: 4, BurstNsec: 5}
	f.Fuzz(func(t *testing.T, b []byte) {
		checkKeyed(t, b, parseCPUStatV1, format)
		if _, ok := checkStruct(t, b, dirty, ParseCPUStatV1, format); ok {
			checkCutOff(t, b, func(b []byte) error { _, err := parseCPUStatV1(b); return err })
		}
	})
}

func FuzzParseCPUStatLocal(f *testing.F) {
	seed(f, nil, "throttled_usec 12\n", "throttled_time 12\n", "x 1\nthrottled_usec 0\n")
	f.Fuzz(func(t *testing.T, b []byte) {
		m, ok := checkValue(t, b, parseLocal, func(m maybe) string {
			if !m.OK {
				return ""
			}
			return fmt.Sprintf("throttled_time %d\n", m.V)
		})
		if !m.OK && m.V != 0 {
			t.Errorf("%q gives %+v", b, m)
		}
		nsec := fmt.Sprintf("throttled_time %d", m.V)
		usec := fmt.Sprintf("throttled_usec %d", m.V/1000)
		if m.OK && !hasLine(b, nsec) && (m.V%1000 != 0 || !hasLine(b, usec)) {
			t.Errorf("%q does not say %d ns", b, m.V)
		}
		if ok && !m.OK {
			checkCutOff(t, b, func(b []byte) error { _, err := parseLocal(b); return err })
		}
	})
}

func FuzzParsePSI(f *testing.F) {
	seed(f, []string{"pressure.cpu", "pressure.cpu-some-only", "pressure.irq", "pressure.memory"}, "some total=7 new=1\n")
	dirty := PSI{SomeUsec: 1, FullUsec: 2, HasSome: true, HasFull: true}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, ok := checkStruct(t, b, dirty, ParsePSI, func(p PSI) (lines []string) {
			const averages = "avg10=0.00 avg60=0.00 avg300=0.00"
			if p.HasSome {
				lines = append(lines, fmt.Sprintf("some %s total=%d", averages, p.SomeUsec))
			}
			if p.HasFull {
				lines = append(lines, fmt.Sprintf("full %s total=%d", averages, p.FullUsec))
			}
			return lines
		})
		// Its lines are not of the form "key number", so that only their order is looked at.
		checkKeyed(t, b, parsePSI, func(PSI) []string { return nil })
		if !ok {
			return
		}
		if !p.HasSome && !p.HasFull {
			t.Errorf("%q gives nothing, and no error", b)
		}
		checkCutOff(t, b, func(b []byte) error { _, err := parsePSI(b); return err })
	})
}

func FuzzParseMemoryStat(f *testing.F) {
	seed(f, []string{"memory.stat.v2"}, "anon 1\ninactive_file 2\npgmajfault 3\nworkingset_refault 4\n")
	fuzzMemoryStat(f, "", ParseMemoryStat)
}

func FuzzParseMemoryStatV1(f *testing.F) {
	seed(f, []string{"memory.stat.v1"}, "total_rss 1\ntotal_inactive_file 2\ntotal_pgmajfault 3\ntotal_swap 4\n")
	fuzzMemoryStat(f, "total_", ParseMemoryStatV1)
}

// fuzzMemoryStat is the fuzz test of memory.stat of v2, and with a prefix that
// of v1.
func fuzzMemoryStat(f *testing.F, prefix string, parse func([]byte, *MemoryStat) error) {
	format := func(s MemoryStat) []string {
		anon := "anon"
		if prefix != "" {
			anon = "rss"
		}
		var lines []string
		add := func(key string, v uint64) { lines = append(lines, fmt.Sprintf("%s%s %d", prefix, key, v)) }
		add(anon, s.Anon)
		add("inactive_file", s.InactiveFile)
		add("pgmajfault", s.MajorFaults)
		if s.HasSwap {
			add("swap", s.Swap)
		}
		if s.HasRefaultsAnon {
			add("workingset_refault_anon", s.RefaultsAnon)
		}
		if s.HasRefaultsFile {
			add("workingset_refault_file", s.RefaultsFile)
		}
		return lines
	}
	parseNew := func(b []byte) (s MemoryStat, err error) { err = parse(b, &s); return s, err }
	dirty := MemoryStat{
		Anon: 1, InactiveFile: 2, Swap: 3, MajorFaults: 4, RefaultsAnon: 5, RefaultsFile: 6,
		HasSwap: true, HasRefaultsAnon: true, HasRefaultsFile: true,
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, ok := checkStruct(t, b, dirty, parse, format)
		if prefix == "" && s.HasSwap {
			t.Errorf("v2 has no swap here: %q gives %+v", b, s)
		}
		// The key of kernels before 5.9 is one more name of the later one's.
		now := bytes.ReplaceAll(b, []byte("workingset_refault "), []byte("workingset_refault_file "))
		if again, err := parseNew(now); (err == nil) != ok || ok && again != s {
			t.Errorf("%q gives %+v; %q gives %+v, %v", b, s, now, again, err)
		}
		checkKeyed(t, now, parseNew, format)
	})
}

func FuzzParseMemoryEvents(f *testing.F) {
	seed(f, []string{"memory.events"}, "low 1\nhigh 2\nmax 3\noom 4\noom_kill 5\noom_group_kill x\n")
	format := func(e MemoryEvents) []string {
		return []string{
			fmt.Sprintf("low %d", e.Low), fmt.Sprintf("high %d", e.High), fmt.Sprintf("max %d", e.Max),
			fmt.Sprintf("oom %d", e.OOM), fmt.Sprintf("oom_kill %d", e.OOMKill),
		}
	}
	dirty := MemoryEvents{Low: 1, High: 2, Max: 3, OOM: 4, OOMKill: 5}
	f.Fuzz(func(t *testing.T, b []byte) {
		checkKeyed(t, b, parseMemoryEvents, format)
		if _, ok := checkStruct(t, b, dirty, ParseMemoryEvents, format); ok {
			checkCutOff(t, b, func(b []byte) error { _, err := parseMemoryEvents(b); return err })
		}
	})
}

func FuzzParseOOMControl(f *testing.F) {
	seed(f, []string{"memory.oom_control"}, "oom_kill_disable 0\nunder_oom 0\n")
	f.Fuzz(func(t *testing.T, b []byte) { checkOOMKill(t, b, parseOOMControl) })
}

func FuzzParseVMStatOOMKill(f *testing.F) {
	seed(f, []string{"vmstat"}, "pgfault 7\noom_kill 3\n", "pgfault 7\n")
	f.Fuzz(func(t *testing.T, b []byte) { checkOOMKill(t, b, parseVMStat) })
}

// checkOOMKill checks a parser that looks for the line oom_kill alone. It may
// stop there, but a file without the line must have its end.
func checkOOMKill(t *testing.T, b []byte, parse func([]byte) (maybe, error)) {
	t.Helper()
	format := func(m maybe) []string {
		if !m.OK {
			return nil
		}
		return []string{fmt.Sprintf("oom_kill %d", m.V)}
	}
	m, _ := checkValue(t, b, parse, func(m maybe) string {
		for _, line := range format(m) {
			return line + "\n"
		}
		return "x 1\n"
	})
	checkKeyed(t, b, parse, format)
	if !m.OK && m.V != 0 {
		t.Errorf("%q gives %+v", b, m)
	}
	if _, err := parse(bytes.TrimRight(b, "\n")); err == nil && !m.OK {
		t.Errorf("%q is cut off, but parses", b)
	} else if len(b) == 0 && !errors.Is(err, ErrEmpty) {
		t.Errorf("error of an empty file is %v", err)
	}
}
