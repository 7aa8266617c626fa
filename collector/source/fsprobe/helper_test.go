package fsprobe

import (
	"bufio"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/source/fsprobe/probe"
)

// This program is its own helper.
func TestMain(m *testing.M) {
	if probe.Asked() {
		os.Exit(probe.Main())
	}
	os.Exit(m.Run())
}

// listening returns a process of which the test writes the answers.
func listening(t *testing.T) (*process, *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = r.Close(), w.Close() })
	return &process{out: r, read: bufio.NewReaderSize(r, 4096)}, w
}

func say(t *testing.T, w *os.File, text string) {
	t.Helper()
	if _, err := w.WriteString(text); err != nil {
		t.Error(err)
	}
}

func soon() time.Time { return time.Now().Add(10 * time.Second) }

func TestAnswerThatComesInParts(t *testing.T) {
	p, w := listening(t)
	say(t, w, `{"End":{"C`)
	if _, err := p.Next(time.Now().Add(20 * time.Millisecond)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("half an answer: %v", err)
	}
	say(t, w, "PU\":7}}\n{}\n")
	a, err := p.Next(soon())
	if err != nil || a.End == nil || a.End.CPU != 7 {
		t.Errorf("the rest of it: %+v, %v", a, err)
	}
	if a, err := p.Next(soon()); err != nil || a != (probe.Answer{}) {
		t.Errorf("the next one: %+v, %v", a, err)
	}
}

func TestAnswersThatAreNone(t *testing.T) {
	for name, tt := range map[string]struct {
		text string
		want error
	}{
		"no JSON":               {"PASS\n", nil},
		"ended":                 {"", io.EOF},
		"ended in the middle":   {`{"End"`, io.EOF},
		"a line without an end": {strings.Repeat("x", maxLine+2), errLongLine},
	} {
		t.Run(name, func(t *testing.T) {
			p, w := listening(t)
			go func() {
				say(t, w, tt.text)
				_ = w.Close()
			}()
			a, err := p.Next(soon())
			if err == nil || tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("%+v, %v, want %v", a, err, tt.want)
			}
			_, _ = io.Copy(io.Discard, p.out) // or the writer waits
		})
	}
}

func TestHelperIsSeenUnderItsMountsNameAndEnds(t *testing.T) {
	h, err := startProcess(helperName("/some/where"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	err = h.Ask(probe.Request{
		Target: probe.Target{Path: dir}, References: []probe.Reference{{Label: "local", Dir: dir}}, Pairs: 5, Gap: time.Microsecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	for {
		a, err := h.Next(soon())
		if err != nil {
			t.Fatal(err)
		}
		if a.Skip != nil {
			t.Errorf("%+v", a.Skip)
		}
		if a.End != nil {
			break
		}
	}
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(h.PID()), "cmdline"))
	if err != nil || string(b) != "virt_exporter: probing /some/where\x00" {
		t.Errorf("in lists of processes it is %q, %v", b, err)
	}
	began := time.Now()
	h.Stop(10 * time.Second)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v to end by itself", took)
	}
	select {
	case <-h.Gone():
	case <-time.After(10 * time.Second):
		t.Error("it has not ended")
	}
	if err := h.Ask(probe.Request{}); err == nil {
		t.Error("one that has ended can be asked")
	}
}
