package probe

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"

	"golang.org/x/sys/unix"
)

// Serve answers one request after the other until in ends. It returns an error
// when a request makes no sense or an answer cannot be written, with nothing left
// behind on the mount.
func Serve(in io.Reader, out io.Writer) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return newServer(out).serve(in)
}

// server answers requests, on one thread.
type server struct {
	out   io.Writer
	turn  *turn
	stop  func() bool // whether to end amid a cycle
	rest  func()      // what to do between two cycles
	clock clock
	names names
	kernel
}

// errStop ends a cycle that nobody waits for any more.
var errStop = errors.New("told to end")

func newServer(out io.Writer) *server {
	return &server{
		out: out, turn: &turn{}, stop: func() bool { return false }, rest: func() {},
		clock: newClock(), names: newNames(),
	}
}

func (s *server) serve(in io.Reader) error {
	if err := s.mapBuffer(); err != nil {
		return fmt.Errorf("map a buffer: %w", err)
	}
	defer s.unmapBuffer()
	lines := bufio.NewReaderSize(in, maxRequest)
	for {
		line, err := lines.ReadSlice('\n')
		switch {
		case errors.Is(err, io.EOF) && len(line) == 0:
			return nil
		case err != nil:
			return fmt.Errorf("read a request: %w", err)
		}
		req, err := decodeRequest(line)
		if err != nil {
			return err
		}
		if !s.turn.begin() {
			return nil
		}
		err = s.cycle(req)
		switch {
		case errors.Is(err, errStop):
			return nil
		case err != nil:
			return err
		}
		if !s.turn.done() {
			return nil
		}
		s.rest()
	}
}

// cycle answers one request.
func (s *server) cycle(req *Request) error {
	if err := s.answer(Answer{Begin: &Begin{Thread: unix.Gettid()}}); err != nil {
		return err
	}
	c := &cycle{server: s, req: req, due: s.clock.now()}
	err := c.run()
	c.close()
	if err != nil {
		return err
	}
	return s.answer(Answer{End: &End{CPU: cpuTime()}})
}

// answer writes one line.
func (s *server) answer(a Answer) error {
	line, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("encode an answer: %w", err)
	}
	if _, err := s.out.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("write an answer: %w", err)
	}
	return nil
}

// cpuTime returns what this process has used, in nanoseconds.
func cpuTime() int64 {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return u.Utime.Nano() + u.Stime.Nano()
}
