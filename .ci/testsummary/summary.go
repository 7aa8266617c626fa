package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// event is one line of go test -json, see `go doc test2json`.
type event struct {
	Action     string
	Package    string
	ImportPath string // of a build's output
	Test       string
	Output     string
	Elapsed    float64 // seconds
}

type test struct{ pkg, name string }

// summary is what has been read so far.
type summary struct {
	out     io.Writer
	output  map[test]string // of tests that have not ended; name "" is the package's own
	passed  int
	bad     []test
	skipped []skip
	slow    []took
	notes   []string // skipped, but no tests
}

// took is a test that took its time.
type took struct {
	test
	seconds float64
}

// What takes so long, and is no part of another, is listed: at most so many.
const (
	slowSeconds = 10
	slowMost    = 15
)

// skip is a reason and the tests that gave it.
type skip struct {
	reason string
	tests  []test
}

func newSummary(out io.Writer) *summary {
	return &summary{out: out, output: make(map[test]string)}
}

// read takes events until the end of the input. A line that is no event, as the
// go command writes some, is passed on.
func (s *summary) read(in io.Reader) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 16<<20) // one line holds a whole line of a test's output
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil || e.Action == "" {
			s.print("%s\n", lines.Text())
			continue
		}
		s.add(e)
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("reading the tests' output: %w", err)
	}
	return nil
}

func (s *summary) add(e event) {
	t := test{e.Package, e.Test}
	switch e.Action {
	case "output":
		s.output[t] += e.Output
		return
	case "build-output":
		s.print("%s", e.Output)
		return
	case "pass":
		if t.name != "" {
			s.passed++
		}
	case "fail":
		s.fail(t)
	case "skip":
		if t.name != "" {
			s.skip(t)
		} else {
			e.Action = "none" // no test files
		}
	default: // start, run, pause, cont, bench, build-fail: nothing has ended
		return
	}
	if e.Elapsed >= slowSeconds && t.name != "" && !strings.Contains(t.name, "/") {
		s.slow = append(s.slow, took{t, e.Elapsed})
	}
	if t.name == "" {
		s.print("%-5s %6.1fs  %s\n", e.Action, e.Elapsed, t.pkg)
	}
	delete(s.output, t)
}

// fail prints what a failed test, or a package that could not be run to its
// end, has written. A package whose tests fail has nothing else to say.
func (s *summary) fail(t test) {
	said := slices.ContainsFunc(s.bad, func(other test) bool { return other.pkg == t.pkg })
	if t.name == "" && said {
		return
	}
	s.bad = append(s.bad, t)
	s.print("%s", s.output[t])
	if t.name != "" {
		return
	}
	// A panic or a timeout ends the package before its tests.
	for other, text := range s.output {
		if other.pkg == t.pkg && other.name != "" {
			s.print("%s", text)
		}
	}
}

// where is the place that testing puts before what a test says.
var where = regexp.MustCompile(`^\s+[\w.-]+\.go:\d+: `)

// skip keeps the reason: the last thing that the test has logged.
func (s *summary) skip(t test) {
	reason := "no reason given"
	for line := range strings.Lines(s.output[t]) {
		if at := where.FindString(line); at != "" {
			reason = strings.TrimSpace(line[len(at):])
		}
	}
	for i := range s.skipped {
		if s.skipped[i].reason == reason {
			s.skipped[i].tests = append(s.skipped[i].tests, t)
			return
		}
	}
	s.skipped = append(s.skipped, skip{reason, []test{t}})
}

// printSlow prints what took longest, first what took most.
func (s *summary) printSlow() {
	if len(s.slow) == 0 {
		return
	}
	slices.SortStableFunc(s.slow, func(a, b took) int { return cmp.Compare(b.seconds, a.seconds) })
	s.print("\nSlowest:\n")
	for _, t := range s.slow[:min(len(s.slow), slowMost)] {
		s.print("  %6.1fs  %s\n", t.seconds, t.test)
	}
}

// close prints what is to be read last: failures, what was skipped and the sums.
func (s *summary) close() {
	for t := range s.output { // a package that was started and never ended
		if t.name == "" {
			s.fail(t)
		}
	}
	s.printSlow()
	if len(s.bad) > 0 {
		s.print("\nFailed:\n")
	}
	for _, t := range s.bad {
		s.print("  %s\n", t)
	}
	skips := 0
	if len(s.skipped)+len(s.notes) > 0 {
		s.print("\nSkipped:\n")
	}
	for _, note := range s.notes {
		s.print("  %s\n", note)
	}
	for _, sk := range s.skipped {
		skips += len(sk.tests)
		s.print("  %s\n", sk.reason)
		for _, t := range sk.tests {
			s.print("    %s\n", t)
		}
	}
	s.print("\n%d passed, %d failed, %d skipped\n", s.passed, len(s.bad), skips)
}

// failed also holds when nothing has run: an empty input is no success.
func (s *summary) failed() bool { return len(s.bad) > 0 || s.passed == 0 }

func (s *summary) print(format string, args ...any) {
	_, _ = fmt.Fprintf(s.out, format, args...) // who reads it has gone
}

func (t test) String() string {
	if t.name == "" {
		return t.pkg
	}
	return t.pkg + " " + t.name
}
