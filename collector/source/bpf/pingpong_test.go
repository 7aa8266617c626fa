package bpf

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// pingPongVar, set to the number of a CPU, makes a process of TestSwitchCost the load:
// two threads on that CPU that wake each other through pipes, so that nearly all they
// do is to switch. It is a process of its own for the sake of a cgroup of its own, and
// because its threads never give their turn to Go's other threads.
const pingPongVar = "VIRT_BPF_PING_PONG"

const roundLength = 300 * time.Millisecond

// round is what the load did in one round.
type round struct {
	switches int64
	cpu      time.Duration // of both threads, in user space and in the kernel
	wall     time.Duration
}

// perSwitch is the CPU time of a switch in nanoseconds.
func (r round) perSwitch() float64 { return float64(r.cpu) / float64(r.switches) }

// rate is in switches a second.
func (r round) rate() float64 { return float64(r.switches) / r.wall.Seconds() }

// load is the process, as its parent sees it.
type load struct {
	process int32
	threads [2]int32
	path    string // of its cgroup
	last    round
	in      io.Writer
	out     *bufio.Scanner
}

// startLoad starts the load on the last CPU that this process may use, in a cgroup
// that nothing else is in.
func startLoad(t *testing.T) *load {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestSwitchCost$")
	cmd.Env = append(os.Environ(), pingPongVar+"="+strconv.Itoa(lastCPU(t)), "GODEBUG=asyncpreemptoff=1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	group := ownCgroup(t)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the load: %v", err)
		}
	})
	l := &load{process: int32(cmd.Process.Pid), path: "/" + filepath.Base(group), in: in, out: bufio.NewScanner(out)}
	l.answer(t, "threads %d %d", &l.threads[0], &l.threads[1])
	if err := os.WriteFile(filepath.Join(group, "cgroup.procs"), []byte(strconv.Itoa(cmd.Process.Pid)), 0); err != nil {
		t.Fatal(err)
	}
	return l
}

// round lets the load run for one round.
func (l *load) round(t *testing.T) round {
	t.Helper()
	if _, err := io.WriteString(l.in, "go\n"); err != nil {
		t.Fatal(err)
	}
	l.answer(t, "round %d %d %d", &l.last.switches, &l.last.cpu, &l.last.wall)
	if l.last.switches == 0 {
		t.Fatal("the load did not switch")
	}
	return l.last
}

func (l *load) answer(t *testing.T, format string, into ...any) {
	t.Helper()
	if !l.out.Scan() {
		t.Fatalf("the load has ended: %v", l.out.Err())
	}
	if _, err := fmt.Sscanf(l.out.Text(), format, into...); err != nil {
		t.Fatalf("the load says %q: %v", l.out.Text(), err)
	}
}

// ownCgroup makes a cgroup of the CPU controller for as long as the test runs.
func ownCgroup(t *testing.T) string {
	t.Helper()
	root := findHierarchies("/sys").cpu.root
	if root == "" {
		t.Fatal("no hierarchy of cgroups for the CPU controller is mounted")
	}
	dir := filepath.Join(root, fmt.Sprintf("virt_bpf_%d", os.Getpid()))
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Remove(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func lastCPU(t *testing.T) int {
	t.Helper()
	var allowed unix.CPUSet
	if err := unix.SchedGetaffinity(0, &allowed); err != nil {
		t.Fatal(err)
	}
	for cpu := len(allowed)*64 - 1; cpu > 0; cpu-- {
		if allowed.IsSet(cpu) {
			return cpu
		}
	}
	return 0
}

// pingPong is the load itself: a round for each line that it reads.
func pingPong(in io.Reader, out io.Writer, cpu string) error {
	debug.SetGCPercent(-1)
	runtime.GOMAXPROCS(4) // two are held by the threads, also while they wait
	number, err := strconv.Atoi(strings.TrimSpace(cpu))
	if err != nil {
		return err
	}
	var there, back [2]int
	for _, pipe := range []*[2]int{&there, &back} {
		if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
			return err
		}
	}
	first := newPlayer(there[1], back[0], number)
	second := newPlayer(back[1], there[0], number)
	a, b := <-first.thread, <-second.thread
	if a < 0 || b < 0 {
		return fmt.Errorf("the threads cannot be put on CPU %d", number)
	}
	fmt.Fprintf(out, "threads %d %d\n", a, b)

	for lines := bufio.NewScanner(in); lines.Scan(); {
		start := time.Now()
		second.play <- (*player).follow
		first.play <- (*player).lead
		one, other := <-first.spent, <-second.spent
		fmt.Fprintf(out, "round %d %d %d\n", one.switches+other.switches, one.cpu+other.cpu, time.Since(start))
	}
	return nil
}

// player is one of the two threads.
type player struct {
	to, from int // pipes
	byte     [1]byte
	thread   chan int
	play     chan func(*player)
	spent    chan round
}

const lastOfRound = 1

func newPlayer(to, from, cpu int) *player {
	p := &player{to: to, from: from, thread: make(chan int), play: make(chan func(*player)), spent: make(chan round)}
	go func() {
		runtime.LockOSThread()
		if err := settle(cpu); err != nil {
			p.thread <- -1
			return
		}
		p.thread <- unix.Gettid()
		for play := range p.play {
			before := threadSpent()
			play(p)
			after := threadSpent()
			p.spent <- round{switches: after.switches - before.switches, cpu: after.cpu - before.cpu}
		}
	}()
	return p
}

// settle puts the calling thread on a CPU. There it does not preempt who wakes it, so
// that at each switch a wait ends: the most that a program can have to do.
func settle(cpu int) error {
	var set unix.CPUSet
	set.Set(cpu)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return err
	}
	return unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_BATCH}, 0)
}

// lead sends until the round is over.
func (p *player) lead() {
	p.byte[0] = 0
	end := time.Now().Add(roundLength)
	for n := 0; p.byte[0] != lastOfRound; n++ {
		if n%256 == 0 && time.Now().After(end) {
			p.byte[0] = lastOfRound
		}
		p.pass(unix.SYS_WRITE, p.to)
		p.pass(unix.SYS_READ, p.from)
	}
}

// follow sends back what it gets.
func (p *player) follow() {
	for p.byte[0] = 0; p.byte[0] != lastOfRound; {
		p.pass(unix.SYS_READ, p.from)
		p.pass(unix.SYS_WRITE, p.to)
	}
}

// pass reads or writes the byte, without a word to Go's scheduler.
func (p *player) pass(call uintptr, fd int) {
	for {
		n, _, errno := syscall.RawSyscall(call, uintptr(fd), uintptr(unsafe.Pointer(&p.byte)), 1)
		if errno != unix.EINTR && n == 1 {
			return
		}
	}
}

// threadSpent is what the calling thread has used until now.
func threadSpent() round {
	var usage unix.Rusage
	var cpu unix.Timespec
	if unix.Getrusage(unix.RUSAGE_THREAD, &usage) != nil || unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &cpu) != nil {
		return round{} // both know no error but a wrong argument
	}
	return round{switches: int64(usage.Nvcsw + usage.Nivcsw), cpu: time.Duration(cpu.Nano())}
}
