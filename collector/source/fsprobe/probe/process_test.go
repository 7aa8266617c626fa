package probe

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// The test program is the helper, where it is asked to be.
func TestMain(m *testing.M) {
	if Asked() {
		os.Exit(Main())
	}
	os.Exit(m.Run())
}

// helper is a helper process.
type helper struct {
	t       *testing.T
	cmd     *exec.Cmd
	in      io.WriteCloser
	pipe    io.Closer // what out reads
	out     *bufio.Scanner
	errors  bytes.Buffer
	answers []Answer // to the last request
}

func startHelper(t *testing.T, change ...func(*exec.Cmd)) *helper {
	t.Helper()
	h := &helper{t: t, cmd: exec.Command("/proc/self/exe")}
	h.cmd.Env = Environ()
	h.cmd.Stderr = &h.errors
	for _, f := range change {
		f(h.cmd)
	}
	in, err := h.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := h.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	h.in, h.pipe, h.out = in, out, bufio.NewScanner(out)
	h.out.Buffer(nil, 1<<20)
	if err := h.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = h.in.Close()
		_ = h.cmd.Process.Kill()
		_ = h.cmd.Wait()
	})
	return h
}

// ask sends a request and returns at once.
func (h *helper) ask(r Request) {
	h.t.Helper()
	b, err := json.Marshal(r)
	if err != nil {
		h.t.Fatal(err)
	}
	if _, err := h.in.Write(append(b, '\n')); err != nil {
		h.t.Fatalf("ask: %v; %s", err, h.errors.String())
	}
}

// next returns the next answer; false says that there is none any more.
func (h *helper) next() (a Answer, ok bool) {
	h.t.Helper()
	if !h.out.Scan() {
		return a, false
	}
	if err := json.Unmarshal(h.out.Bytes(), &a); err != nil {
		h.t.Fatalf("%v: %s", err, h.out.Bytes())
	}
	return a, true
}

// cycle asks for a cycle and returns all answers.
func (h *helper) cycle(r Request) []Answer {
	h.t.Helper()
	h.ask(r)
	h.answers = nil
	for {
		a, ok := h.next()
		if !ok {
			err := h.cmd.Wait()
			h.t.Fatalf("the helper ended within a cycle: %v; %s", err, h.errors.String())
		}
		h.answers = append(h.answers, a)
		if a.End != nil {
			return h.answers
		}
	}
}

// end closes the input and returns what the process ended with.
func (h *helper) end() (code int, stderr string) {
	_ = h.in.Close()
	return h.wait()
}

func (h *helper) wait() (code int, stderr string) {
	for h.out.Scan() {
	}
	_ = h.cmd.Wait()
	return h.cmd.ProcessState.ExitCode(), h.errors.String()
}

// serve answers one request in this process.
func serve(t *testing.T, r Request) []Answer {
	t.Helper()
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := Serve(bytes.NewReader(append(b, '\n')), &out); err != nil {
		t.Fatal(err)
	}
	return decodeAnswers(t, out.Bytes())
}

func decodeAnswers(t *testing.T, b []byte) (answers []Answer) {
	t.Helper()
	for line := range bytes.Lines(b) {
		var a Answer
		if err := json.Unmarshal(line, &a); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		answers = append(answers, a)
	}
	return answers
}

// samplesOf returns the samples, by operation, and skips of answers.
func samplesOf(answers []Answer) (map[Op]*Samples, []Skip) {
	found := make(map[Op]*Samples)
	var skips []Skip
	for _, a := range answers {
		if a.Samples != nil {
			found[a.Samples.Op] = a.Samples
		}
		if a.Skip != nil {
			skips = append(skips, *a.Skip)
		}
	}
	return found, skips
}

// sizedFile makes a file of n bytes in dir.
func sizedFile(t *testing.T, dir string, n int) string {
	t.Helper()
	p := filepath.Join(dir, "data")
	if err := os.WriteFile(p, bytes.Repeat([]byte("virt"), (n+3)/4), 0o644); err != nil {
		t.Fatal(err)
	}
	return p
}

// request is a short one, of tier 0.
func request(dir string, references ...string) Request {
	r := Request{Target: Target{Path: dir}, Pairs: 6, Warmup: 1, Gap: 100 * time.Microsecond}
	for i, dir := range references {
		r.References = append(r.References, Reference{Label: []string{"local", "tmpfs"}[i], Dir: dir})
	}
	return r
}
