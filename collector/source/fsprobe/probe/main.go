package probe

import (
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// Env is the name of the environment variable that makes a program the helper.
const Env = "VIRT_EXPORTER_FSPROBE"

// Asked reports whether this process was started as the helper. A program that
// starts helpers asks first of all, and if so does nothing but Main.
func Asked() bool { return os.Getenv(Env) == "1" }

// Environ is the whole environment that a helper is started with. The garbage
// collector is off from the start. A goroutine that is in a system call for long
// must not be sent a signal: a file system in user space takes it for the wish to
// interrupt the operation. One processor is enough for a program that waits.
func Environ() []string {
	return []string{Env + "=1", "GODEBUG=asyncpreemptoff=1", "GOGC=off", "GOMAXPROCS=1"}
}

// Main is the helper: it serves standard input and output until the input ends
// or SIGTERM comes, and returns the process's exit code. Either also ends it
// amid a cycle, as soon as what it has made on the mount is removed. What went
// wrong it says in one line on standard error.
func Main() (code int) {
	defer func() {
		if r := recover(); r != nil {
			fmt.Fprintf(os.Stderr, "fsprobe: panic: %v\n", r)
			code = 2
		}
	}()
	if err := serveStandard(); err != nil {
		fmt.Fprintf(os.Stderr, "fsprobe: %v\n", err)
		return 1
	}
	return 0
}

func serveStandard() error {
	runtime.LockOSThread()
	debug.SetGCPercent(-1)
	if err := confine(); err != nil {
		return err
	}
	var t turn
	// Output that nobody reads is an error of the write, after which all is
	// removed, and not the end of the process.
	signal.Ignore(syscall.SIGPIPE)
	ends := make(chan os.Signal, 1)
	signal.Notify(ends, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	go func() {
		<-ends
		if t.end() {
			os.Exit(0)
		}
	}()
	s := newServer(os.Stdout)
	s.turn = &t
	s.stop = func() bool { return t.ending() || hungUp(os.Stdin) }
	s.rest = collectGarbage()
	return s.serve(os.Stdin)
}

// confine gives up what the helper does not need.
func confine() error {
	limits := []struct {
		resource int
		most     uint64
	}{
		{unix.RLIMIT_NOFILE, 64},
		{unix.RLIMIT_CORE, 0},
		{unix.RLIMIT_FSIZE, 2 << 20},
	}
	for _, l := range limits {
		var had syscall.Rlimit
		if err := syscall.Getrlimit(l.resource, &had); err != nil {
			return fmt.Errorf("read the limit of resource %d: %w", l.resource, err)
		}
		l.most = min(l.most, had.Max)
		if err := syscall.Setrlimit(l.resource, &syscall.Rlimit{Cur: l.most, Max: l.most}); err != nil {
			return fmt.Errorf("limit resource %d to %d: %w", l.resource, l.most, err)
		}
	}
	if err := unix.Chdir("/"); err != nil {
		return fmt.Errorf("change directory to /: %w", err)
	}
	// Timers end when they should, and not up to 50 µs later.
	if err := unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("set timer slack: %w", err)
	}
	return nil
}

// hungUp reports whether nobody is left to ask for anything.
func hungUp(f *os.File) bool {
	fds := []unix.PollFd{{Fd: int32(f.Fd())}}
	n, err := unix.Poll(fds, 0)
	return err == nil && n == 1 && fds[0].Revents&(unix.POLLHUP|unix.POLLERR) != 0
}

// turn says whether a cycle is under way when the process is told to end.
type turn struct{ state atomic.Int32 }

const (
	idle = int32(iota)
	busy
	ended
)

// begin and done enclose a cycle. They report whether to go on.
func (t *turn) begin() bool { return t.state.CompareAndSwap(idle, busy) }
func (t *turn) done() bool  { return t.state.CompareAndSwap(busy, idle) }

func (t *turn) ending() bool { return t.state.Load() == ended }

// end ends the turn and reports whether nothing is under way, so that the
// process may exit at once.
func (t *turn) end() (now bool) { return t.state.Swap(ended) == idle }

// collectGarbage returns what to do between two cycles: while one runs, the
// collector is off.
func collectGarbage() func() {
	const growth = 4 << 20 // bytes
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	size := func() uint64 {
		metrics.Read(sample)
		return sample[0].Value.Uint64()
	}
	after := size()
	return func() {
		if size() > after+growth {
			runtime.GC()
			after = size()
		}
	}
}
