package probe

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// long is a request for a long cycle, most of the time with a file in dir and one
// beside.
func long(dir, beside string) Request {
	r := request(dir, beside)
	r.WriteDir, r.Pairs, r.Gap = dir, maxPairs, 0
	return r
}

// untilWriting reads answers until there is a file.
func (h *helper) untilWriting() {
	h.t.Helper()
	for {
		a, ok := h.next()
		if !ok || a.End != nil {
			h.t.Fatalf("the cycle ended before it wrote; %s", h.errors.String())
		}
		if a.Begin != nil && a.Begin.Op == Rename {
			return
		}
	}
}

func TestHelperThatIsToldToEndLeavesNothing(t *testing.T) {
	tests := map[string]struct {
		end    func(*helper) error
		code   int
		stderr string
	}{
		"by a signal":                   {func(h *helper) error { return h.cmd.Process.Signal(syscall.SIGTERM) }, 0, ""},
		"by a terminal":                 {func(h *helper) error { return h.cmd.Process.Signal(syscall.SIGINT) }, 0, ""},
		"by the end of its input":       {func(h *helper) error { return h.in.Close() }, 0, ""},
		"since nobody reads its output": {func(h *helper) error { return h.closeOutput() }, 1, "write an answer"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dir, beside := t.TempDir(), t.TempDir()
			h := startHelper(t)
			h.ask(long(dir, beside))
			h.untilWriting()
			began := time.Now()
			if err := tt.end(h); err != nil {
				t.Fatal(err)
			}
			code, stderr := h.wait()
			if code != tt.code || !strings.Contains(stderr, tt.stderr) || strings.Count(stderr, "\n") > 1 {
				t.Errorf("ended with %d: %s", code, stderr)
			}
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("took %v to end", took)
			}
			if left := append(entriesOf(t, dir), entriesOf(t, beside)...); len(left) > 0 {
				t.Errorf("left %v", left)
			}
		})
	}
}

func TestIdleHelperEndsAtOnce(t *testing.T) {
	for name, end := range map[string]func(*helper) error{
		"by a signal":             func(h *helper) error { return h.cmd.Process.Signal(syscall.SIGTERM) },
		"by the end of its input": func(h *helper) error { return h.in.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			h := startHelper(t)
			h.cycle(request(t.TempDir()))
			if err := end(h); err != nil {
				t.Fatal(err)
			}
			if code, stderr := h.wait(); code != 0 || stderr != "" {
				t.Errorf("ended with %d: %s", code, stderr)
			}
		})
	}
}

// A helper that is killed can remove nothing. The next one does.
func TestWhatKilledHelpersLeaveIsRemoved(t *testing.T) {
	dir, beside := t.TempDir(), t.TempDir()
	r := rand.New(rand.NewPCG(1, 2))
	left := 0
	for range 20 {
		h := startHelper(t)
		h.ask(long(dir, beside))
		h.untilWriting()
		time.Sleep(time.Duration(r.Int64N(int64(10 * time.Millisecond)))) // wherever it is then
		if err := h.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		h.wait()
		left += len(entriesOf(t, dir)) + len(entriesOf(t, beside))
	}
	if left == 0 {
		t.Error("none of those that were killed left anything: nothing is shown")
	}
	next := request(dir, beside)
	next.WriteDir = dir
	if _, skips := samplesOf(startHelper(t).cycle(next)); len(skips) > 0 {
		t.Errorf("skipped: %+v", skips)
	}
	if left := append(entriesOf(t, dir), entriesOf(t, beside)...); len(left) > 0 {
		t.Errorf("left %v", left)
	}
}

func TestHelperRefusesWhatMakesNoSense(t *testing.T) {
	h := startHelper(t)
	if _, err := h.in.Write([]byte(`{"Path":"relative","Pairs":1}` + "\n")); err != nil {
		t.Fatal(err)
	}
	code, stderr := h.wait()
	if code != 1 || !strings.HasPrefix(stderr, "fsprobe: request: path: ") || strings.Count(stderr, "\n") != 1 {
		t.Errorf("ended with %d: %s", code, stderr)
	}
}

func TestNothingStaysOpenBetweenCycles(t *testing.T) {
	dir := t.TempDir()
	r := request(dir, t.TempDir())
	r.ReadFile, r.WriteDir = sizedFile(t, dir, 4*block), dir
	h := startHelper(t)
	var before []string
	for n := range 4 {
		if _, skips := samplesOf(h.cycle(r)); len(skips) > 0 {
			t.Fatalf("skipped: %+v", skips)
		}
		open := h.descriptors()
		if n > 0 && !slices.Equal(open, before) {
			t.Errorf("open after cycle %d: %v, before it: %v", n, open, before)
		}
		before = open
	}
	if cwd, err := os.Readlink(h.proc("cwd")); cwd != "/" || err != nil {
		t.Errorf("works in %s, %v", cwd, err)
	}
	limits, err := os.ReadFile(h.proc("limits"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(limits)) {
		for limit, most := range map[string]string{"Max open files": "64", "Max core file size": "0", "Max file size": "2097152"} {
			rest, ok := strings.CutPrefix(line, limit)
			if ok && !slices.Equal(strings.Fields(rest)[:2], []string{most, most}) {
				t.Errorf("limits: %s", line)
			}
		}
	}
}

func TestSamplesOfAHelperCostLittle(t *testing.T) {
	r := request(t.TempDir(), t.TempDir())
	r.Pairs, r.Warmup, r.Gap = 15, 3, time.Millisecond
	h := startHelper(t)
	var costs []int64
	var last int64
	for range 10 {
		answers := h.cycle(r)
		end := answers[len(answers)-1].End.CPU
		costs = append(costs, end-last)
		last = end
	}
	costs = costs[1:] // the first has the start of the process in it
	slices.Sort(costs)
	cost := time.Duration(costs[len(costs)/2])
	t.Logf("%v of CPU for each cycle", cost)
	most := 20 * time.Millisecond
	if raced {
		most *= 3
	}
	if cost > most {
		t.Errorf("a cycle costs %v of CPU", cost)
	}
}

func (h *helper) proc(name string) string { return fmt.Sprintf("/proc/%d/%s", h.cmd.Process.Pid, name) }

// descriptors returns what the process has open.
func (h *helper) descriptors() (open []string) {
	h.t.Helper()
	for _, n := range entriesOf(h.t, h.proc("fd")) {
		link, _ := os.Readlink(h.proc("fd/" + n))
		open = append(open, n+" "+link)
	}
	return open
}

// closeOutput stops reading.
func (h *helper) closeOutput() error { return h.pipe.Close() }
