package kernel

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// A parser reads what strangers have a hand in. It does not come without a fuzz
// test and some inputs that are remembered.
func TestEveryParserHasAFuzzTest(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	var parsers []string
	tests := map[string]bool{}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		isTest := strings.HasSuffix(name, "_test.go")
		for _, decl := range file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			switch {
			case !ok || f.Recv != nil:
			case isTest && strings.HasPrefix(f.Name.Name, "Fuzz"):
				tests[f.Name.Name] = true
			case !isTest && strings.HasPrefix(f.Name.Name, "Parse"):
				parsers = append(parsers, f.Name.Name)
			}
		}
	}
	if len(parsers) == 0 {
		t.Fatal("no parsers found")
	}
	for _, p := range parsers {
		if !tests["Fuzz"+p] {
			t.Errorf("%s has no Fuzz%s", p, p)
		}
	}
	for name := range tests {
		if corpus, err := os.ReadDir("testdata/fuzz/" + name); err != nil || len(corpus) < 2 {
			t.Errorf("%s has a corpus of %d, %v", name, len(corpus), err)
		}
	}
}

func FuzzParseValue(f *testing.F) {
	seed(f, nil, "4096\n", "max\n", "9223372036854771712\n")
	f.Fuzz(func(t *testing.T, b []byte) {
		v, ok := checkValue(t, b, parseValue, func(v value) string {
			if v.Unlimited {
				return "max\n"
			}
			return fmt.Sprintln(v.V)
		})
		if !ok {
			return
		}
		checkCutOff(t, b, func(b []byte) error { _, err := parseValue(b); return err })
		line := strings.TrimSuffix(string(b), "\n")
		want, err := strconv.ParseUint(line, 10, 64)
		if v.Unlimited != (line == "max") || !v.Unlimited && (err != nil || v.V != want) {
			t.Errorf("%q gives %+v; strconv says %d, %v", b, v, want, err)
		}
	})
}

func FuzzParseSigned(f *testing.F) {
	seed(f, nil, "-1\n", "50000\n", "-9223372036854775808\n")
	f.Fuzz(func(t *testing.T, b []byte) {
		v, ok := checkValue(t, b, ParseSigned, func(v int64) string { return fmt.Sprintln(v) })
		want, err := strconv.ParseInt(strings.TrimSuffix(string(b), "\n"), 10, 64)
		if ok && (err != nil || v != want) {
			t.Errorf("%q gives %d; strconv says %d, %v", b, v, want, err)
		}
		if ok {
			checkCutOff(t, b, func(b []byte) error { _, err := ParseSigned(b); return err })
		}
		// What strconv takes is taken, but for signs and zeros that no kernel writes.
		if !ok && err == nil && string(b) == fmt.Sprintln(want) {
			t.Errorf("%q is not taken", b)
		}
	})
}

func FuzzParseCPUMax(f *testing.F) {
	seed(f, nil, "50000 100000\n", "max 100000\n")
	f.Fuzz(func(t *testing.T, b []byte) {
		m, ok := checkValue(t, b, parseCPUMax, func(m cpuMax) string {
			if m.Unlimited {
				return fmt.Sprintf("max %d\n", m.Period)
			}
			return fmt.Sprintf("%d %d\n", m.Quota, m.Period)
		})
		if ok && (m.Period == 0 || m.Unlimited && m.Quota != 0) {
			t.Errorf("%q gives %+v", b, m)
		}
	})
}

func FuzzParseCPUSet(f *testing.F) {
	seed(f, []string{"cpuset.effective_cpus"}, "0-3,7,9-10\n", "\n", "63-64,3,3\n")
	f.Fuzz(func(t *testing.T, b []byte) {
		in := bytes.Clone(b)
		set, err := ParseCPUSet(b, nil)
		checkError(t, b, err)
		used, err2 := ParseCPUSet(b, slices.Repeat(model.CPUSet{math.MaxUint64}, maxCPU/64)[:0])
		if !bytes.Equal(in, b) || !same(set, used) || fmt.Sprint(err) != fmt.Sprint(err2) {
			t.Errorf("%q gives %v, %v; into a used set %v, %v", in, set, err, used, err2)
		}
		if err != nil {
			return
		}
		text := formatCPUSet(set)
		if again, err := ParseCPUSet([]byte(text), nil); err != nil || !same(again, set) {
			t.Errorf("%v, as %q, comes back as %v, %v", set, text, again, err)
		}
		if more, err := ParseCPUSet(b, slices.Clone(set)); err != nil || !same(more, set) {
			t.Errorf("%q twice gives %v, %v", b, more, err)
		}
		line, _, _ := strings.Cut(string(b), "\n")
		var sum model.CPUSet
		for part := range strings.SplitSeq(line, ",") {
			if sum, err = ParseCPUSet([]byte(part+"\n"), sum); err != nil {
				t.Errorf("%q parses, but not its part %q: %v", b, part, err)
			}
		}
		if !same(sum, set) {
			t.Errorf("%q is %v, its parts are %v", b, set, sum)
		}
	})
}

// formatCPUSet writes a set CPU by CPU.
func formatCPUSet(set model.CPUSet) string {
	var cpus []string
	for i := range len(set) * 64 {
		if set[i/64]>>(i%64)&1 != 0 {
			cpus = append(cpus, strconv.Itoa(i))
		}
	}
	return strings.Join(cpus, ",") + "\n"
}

func FuzzParseSchedstat(f *testing.F) {
	seed(f, []string{"schedstat"}, "0 0 0\n")
	f.Fuzz(func(t *testing.T, b []byte) {
		_, ok := checkValue(t, b, ParseSchedstat, func(s Schedstat) string { return fmt.Sprintf("%d %d 1\n", s.RunNsec, s.WaitNsec) })
		if ok && strings.Count(string(b), "\n") == 1 {
			checkCutOff(t, b, func(b []byte) error { _, err := ParseSchedstat(b); return err })
		}
	})
}

func FuzzParsePIDs(f *testing.F) {
	seed(f, []string{"cgroup.threads"}, "0\n12\n0\n", "2147483647\n")
	f.Fuzz(func(t *testing.T, b []byte) {
		pids, ok := checkSlice(t, b, []int32{7, 8}, ParsePIDs, func(pids []int32) string {
			text := "0\n" // of another namespace; it is left out
			for _, pid := range pids {
				text += fmt.Sprintln(pid)
			}
			return text
		})
		for _, pid := range pids {
			if pid <= 0 {
				t.Errorf("%q holds pid %d", b, pid)
			}
		}
		if ok {
			checkTwice(t, b, pids, ParsePIDs)
			checkCutOff(t, b, func(b []byte) error { _, err := ParsePIDs(b, nil); return err })
			if n := strings.Count(string(b), "\n"); len(pids) > n {
				t.Errorf("%d lines give %d pids", n, len(pids))
			}
		}
	})
}

func FuzzParseThreadStat(f *testing.F) {
	seed(f, []string{"stat", "stat.kthread"}, threadStat("a\nb) c"), threadStat(""))
	dirty := ThreadStat{
		StartTicks: 1, BlkioDelayTicks: 2, UserTicks: 3, SystemTicks: 4, GuestTicks: 6, HasGuest: true,
		MajorFaults: 7, Flags: 8, PPID: 5, State: 'Z',
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, ok := checkStruct(t, b, dirty, ParseThreadStat, func(s ThreadStat) []string {
			return []string{formatThreadStat(") R 1\n(x", s)}
		})
		if ok && s.PPID < 0 {
			t.Errorf("%q gives %+v", b, s)
		}
		// Nobody gets to choose the numbers by choosing the name.
		forged := ThreadStat{StartTicks: math.MaxUint64, Flags: math.MaxUint32, GuestTicks: 9, HasGuest: true, PPID: 1, State: 'R'}
		text := formatThreadStat(string(b), forged) + "\n"
		var got ThreadStat
		if err := ParseThreadStat([]byte(text), &got); err != nil || got != forged {
			t.Errorf("a thread named %q gives %+v, %v", b, got, err)
		}
		if comm, ok := ThreadComm([]byte(text)); !ok || string(comm) != string(b) {
			t.Errorf("a thread named %q is called %q, %t", b, comm, ok)
		}
	})
}

// formatThreadStat writes the fields as the kernel does, those of no interest
// as zeros.
func formatThreadStat(comm string, s ThreadStat) string {
	var text strings.Builder
	text.WriteString("1 (" + comm + ") " + string([]byte{s.State}))
	at := fieldState
	put := func(n int, v uint64) {
		text.WriteString(strings.Repeat(" 0", n-at-1) + fmt.Sprintf(" %d", v))
		at = n
	}
	put(fieldPPID, uint64(s.PPID))
	put(fieldFlags, uint64(s.Flags))
	put(fieldMajorFaults, s.MajorFaults)
	put(fieldUser, s.UserTicks)
	put(fieldSystem, s.SystemTicks)
	put(fieldStart, s.StartTicks)
	put(fieldBlkioDelay, s.BlkioDelayTicks)
	if s.HasGuest {
		put(fieldGuest, s.GuestTicks)
		put(lastField, 0)
	}
	return text.String()
}

// lastField is the last field of /proc/PID/stat of today's kernels.
const lastField = 52
