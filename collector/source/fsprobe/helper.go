package fsprobe

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/source/fsprobe/probe"
)

// Helper is a process that touches one mount.
type Helper interface {
	// Ask begins a cycle.
	Ask(probe.Request) error

	// Next returns the next answer, or an error when the process has ended or the
	// time is over: then os.ErrDeadlineExceeded.
	Next(until time.Time) (probe.Answer, error)

	// PID is the process's id, for looking where it waits.
	PID() int

	// Stop ends the process. It waits no longer than grace for it to end by
	// itself and to tidy up, and then kills it. Gone is closed when it has ended,
	// which may be never.
	Stop(grace time.Duration)
	Gone() <-chan struct{}
}

// process is a helper: this program, started anew.
type process struct {
	cmd  *exec.Cmd
	in   *os.File
	out  *os.File
	read *bufio.Reader
	line []byte
	gone chan struct{}
}

// errHelper ends what would else start itself again and again: a program that
// does not ask whether it is the helper.
var errHelper = errors.New("starting a probe helper: this is one")

// maxLine bounds what is taken from a helper at once: the samples of one
// operation are a few hundred numbers.
const maxLine = 1 << 20

// startProcess starts a helper that is seen under this name in lists of
// processes.
func startProcess(name string) (Helper, error) {
	if probe.Asked() {
		return nil, errHelper
	}
	in, toHelper, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("starting a probe helper: %w", err)
	}
	defer func() { _ = in.Close() }()
	fromHelper, out, err := os.Pipe()
	if err != nil {
		_ = toHelper.Close()
		return nil, fmt.Errorf("starting a probe helper: %w", err)
	}
	defer func() { _ = out.Close() }()

	cmd := &exec.Cmd{
		// The program that is running, also when its file was replaced since.
		Path: "/proc/self/exe", Args: []string{name}, Env: probe.Environ(), Dir: "/",
		Stdin: in, Stdout: out,
		// A group of its own: a Ctrl-C is for the exporter, which then ends it.
		SysProcAttr: &syscall.SysProcAttr{Setpgid: true},
	}
	if err := cmd.Start(); err != nil {
		_ = toHelper.Close()
		_ = fromHelper.Close()
		return nil, fmt.Errorf("starting a probe helper: %w", err)
	}
	p := &process{
		cmd: cmd, in: toHelper, out: fromHelper,
		read: bufio.NewReaderSize(fromHelper, 4096), gone: make(chan struct{}),
	}
	go func() {
		_ = cmd.Wait() // how it ended is told by what it did not answer
		close(p.gone)
	}()
	return p, nil
}

// Ask begins a cycle. A request is shorter than a pipe holds: writing does not
// wait for the helper.
func (p *process) Ask(r probe.Request) error {
	b, err := json.Marshal(r)
	if err == nil {
		_, err = p.in.Write(append(b, '\n'))
	}
	if err != nil {
		return fmt.Errorf("asking the probe helper: %w", err)
	}
	return nil
}

var errLongLine = errors.New("the probe helper answered with a line without end")

// Next returns the next answer. What of a line has come when the time is over is
// kept.
func (p *process) Next(until time.Time) (probe.Answer, error) {
	if err := p.out.SetReadDeadline(until); err != nil {
		return probe.Answer{}, fmt.Errorf("listening to the probe helper: %w", err)
	}
	for {
		part, err := p.read.ReadSlice('\n')
		p.line = append(p.line, part...)
		switch {
		case err == nil:
			var a probe.Answer
			err := json.Unmarshal(p.line, &a)
			p.line = p.line[:0]
			if err != nil {
				return a, fmt.Errorf("reading the probe helper's answer: %w", err)
			}
			return a, nil
		case len(p.line) > maxLine:
			return probe.Answer{}, errLongLine
		case errors.Is(err, bufio.ErrBufferFull):
		default:
			return probe.Answer{}, fmt.Errorf("listening to the probe helper: %w", err)
		}
	}
}

// PID returns the process's id.
func (p *process) PID() int { return p.cmd.Process.Pid }

// Gone is closed when the process has ended.
func (p *process) Gone() <-chan struct{} { return p.gone }

// Stop ends the process.
func (p *process) Stop(grace time.Duration) {
	_ = p.in.Close() // the end of its input ends it
	if grace > 0 {
		timer := time.NewTimer(grace)
		defer timer.Stop()
		select {
		case <-p.gone:
		case <-timer.C:
		}
	}
	_ = p.cmd.Process.Kill() // it may have ended
	_ = p.out.Close()
}

// helperName is what lists of processes show.
func helperName(path string) string {
	const most = 256
	return "virt_exporter: probing " + strings.ToValidUTF8(path[:min(len(path), most)], "")
}
