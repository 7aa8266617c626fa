package vmm

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// fake is a host whose /proc is made of files. As in /proc, the directories of
// threads that lead no process are there by their number and are not listed:
// they are symbolic links.
type fake struct {
	t    testing.TB
	root string
	now  time.Duration
	gone int
}

// proc is a process of the fake. Its CPU time is that of its threads and of
// those that have exited.
type proc struct {
	pid, ppid int
	comm      string
	argv      []string
	cgroup    string
	start     time.Duration
	uid       int
	flags     uint32
	state     string
	majflt    int
	memory    string // lines of status
	ran       float64
	guest     float64 // in guest mode, of threads that have exited
	tasks     []*task
}

// task is a thread of a proc, in seconds.
type task struct {
	tid                    int
	comm                   string
	start                  time.Duration
	run, wait, guest, held float64
}

const (
	kthread = 0x00200000
	memory  = "VmRSS:\t    1024 kB\nRssAnon:\t     512 kB\nRssFile:\t       0 kB\nRssShmem:\t    512 kB\nVmSwap:\t       64 kB\nHugetlbPages:\t  2048 kB\n"
)

// newFake makes a host with no virtual machines, up for an hour.
func newFake(t testing.TB) *fake {
	t.Helper()
	f := &fake{t: t, root: tempDir(t), now: time.Hour}
	f.write("proc/stat", "cpu  1 2 3 4 5 6 7 8 9 10\nbtime 1700000000\n")
	f.write("proc/sys/kernel/task_delayacct", "0\n")
	f.mkdir("proc/irq")
	f.mkdir("rootfs")
	f.mkdir("gone")
	f.put(f.proc(1, "systemd", "/sbin/init"))
	f.write("proc/2/comm", "kthreadd\n")
	return f
}

// tempDir makes a directory in memory, where that can be had: the hosts of some
// tests are of many files.
func tempDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "vmm")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func (f *fake) path(name string) string { return filepath.Join(f.root, name) }

func (f *fake) mkdir(name string) {
	f.t.Helper()
	if err := os.MkdirAll(f.path(name), 0o755); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fake) write(name, text string) {
	f.t.Helper()
	f.mkdir(filepath.Dir(name))
	if err := os.WriteFile(f.path(name), []byte(text), 0o644); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fake) remove(name string) {
	f.t.Helper()
	if err := os.RemoveAll(f.path(name)); err != nil {
		f.t.Fatal(err)
	}
}

// proc makes a process with its first thread, started a minute after boot.
func (f *fake) proc(pid int, comm string, argv ...string) *proc {
	p := &proc{
		pid: pid, ppid: 1, comm: comm, argv: argv, cgroup: "/user.slice", start: time.Minute, state: "S", memory: memory,
	}
	p.task(pid, comm)
	return p
}

// task adds a thread that started with the process.
func (p *proc) task(tid int, comm string) *task {
	t := &task{tid: tid, comm: comm, start: p.start}
	p.tasks = append(p.tasks, t)
	return t
}

// from sets when a process and its threads started.
func (p *proc) from(start time.Duration) *proc {
	p.start = start
	for _, t := range p.tasks {
		t.start = start
	}
	return p
}

// find returns the thread of that number.
func (p *proc) find(tid int) *task {
	for _, t := range p.tasks {
		if t.tid == tid {
			return t
		}
	}
	return nil
}

// qemu makes a QEMU on KVM with two vCPUs and an I/O thread, numbered after it.
func (f *fake) qemu(pid int, name string, more ...string) *proc {
	argv := append([]string{
		"/usr/bin/qemu-system-x86_64", "-name", "guest=" + name + ",debug-threads=on", "-accel", "kvm", "-m", "1024", "-smp", "2",
	}, more...)
	p := f.proc(pid, "qemu-system-x86", argv...)
	p.task(pid+1, "CPU 0/KVM")
	p.task(pid+2, "CPU 1/KVM")
	p.task(pid+3, "IO iothread1")
	return p
}

// put writes a process as it is now.
func (f *fake) put(procs ...*proc) {
	f.t.Helper()
	for _, p := range procs {
		dir := fmt.Sprintf("proc/%d", p.pid)
		run, guest, held := p.ran, p.guest, 0.0
		tids := make(map[string]bool)
		for _, t := range p.tasks {
			run, guest, held = run+t.run, guest+t.guest, held+t.held
			f.putTask(p, t)
			tids[strconv.Itoa(t.tid)] = true
		}
		f.dropTasks(dir, tids)
		f.write(dir+"/stat", stat(p, p.pid, p.comm, p.start, run, guest, held))
		f.write(dir+"/status", fmt.Sprintf("Name:\tx\nUid:\t%d\t%d\t%d\t%d\n%sThreads:\t%d\n", p.uid, p.uid, p.uid, p.uid, p.memory, len(p.tasks)))
		f.write(dir+"/cgroup", "0::"+p.cgroup+"\n")
		if fi, err := os.Stat(f.path(dir + "/cmdline")); err != nil || fi.Mode().IsRegular() {
			f.write(dir+"/cmdline", strings.Join(append(p.argv, ""), "\x00"))
		}
	}
}

// putTask writes a thread: below its process, and by its own number.
func (f *fake) putTask(p *proc, t *task) {
	f.t.Helper()
	dir := fmt.Sprintf("proc/%d/task/%d", p.pid, t.tid)
	sched := fmt.Sprintf("%d %d 7\n", int64(math.Round(t.run*1e9)), int64(math.Round(t.wait*1e9)))
	f.write(dir+"/stat", stat(p, t.tid, t.comm, t.start, t.run, t.guest, t.held))
	f.write(dir+"/schedstat", sched)
	f.write(dir+"/comm", t.comm+"\n")
	if t.tid == p.pid {
		f.write(fmt.Sprintf("proc/%d/schedstat", p.pid), sched)
		return
	}
	link := f.path(fmt.Sprintf("proc/%d", t.tid))
	if at, err := os.Readlink(link); err == nil && at == f.path(dir) {
		return
	}
	_ = os.Remove(link)
	if err := os.Symlink(f.path(dir), link); err != nil {
		f.t.Fatal(err)
	}
}

// dropTasks removes the threads of a process that are not in tids.
func (f *fake) dropTasks(dir string, tids map[string]bool) {
	f.t.Helper()
	there, _ := os.ReadDir(f.path(dir + "/task"))
	for _, e := range there {
		if !tids[e.Name()] {
			f.bury(dir + "/task/" + e.Name())
			if fi, err := os.Lstat(f.path("proc/" + e.Name())); err == nil && fi.Mode()&os.ModeSymlink != 0 {
				f.remove("proc/" + e.Name())
			}
		}
	}
}

// bury moves a directory out of /proc, so that its inode is not used again at
// once as some file systems do.
func (f *fake) bury(name string) {
	f.t.Helper()
	f.gone++
	if err := os.Rename(f.path(name), f.path(fmt.Sprintf("gone/%d", f.gone))); err != nil {
		f.t.Fatal(err)
	}
}

// end removes a process with all its threads.
func (f *fake) end(p *proc) {
	f.t.Helper()
	dir := fmt.Sprintf("proc/%d", p.pid)
	f.dropTasks(dir, nil)
	f.bury(dir)
}

// exit makes a thread end. Its time stays with its process.
func (p *proc) exit(tid int) {
	for i, t := range p.tasks {
		if t.tid == tid {
			p.ran, p.guest = p.ran+t.run, p.guest+t.guest
			p.tasks = append(p.tasks[:i:i], p.tasks[i+1:]...)
			return
		}
	}
}

// stat writes /proc/PID/stat, all whose system time is user time.
func stat(p *proc, tid int, comm string, start time.Duration, run, guest, held float64) string {
	const hz = 100
	ticks := func(seconds float64) string { return strconv.FormatInt(int64(seconds*hz+1e-6), 10) }
	fields := make([]string, 52)
	for i := range fields {
		fields[i] = "0"
	}
	fields[0], fields[1], fields[2] = strconv.Itoa(tid), "("+comm+")", p.state
	fields[3] = strconv.Itoa(p.ppid)
	fields[8] = strconv.FormatUint(uint64(p.flags), 10)
	fields[11] = strconv.Itoa(p.majflt)
	fields[13] = ticks(run)
	fields[21] = strconv.FormatInt(int64(start/tick), 10)
	fields[41] = ticks(held)
	fields[42] = ticks(guest)
	return strings.Join(fields, " ") + "\n"
}

func (f *fake) open(change ...func(*Options)) *Source {
	f.t.Helper()
	opts := Options{
		ProcFS: f.path("proc"), RootFS: f.path("rootfs"), MaxGuests: 100, OpenFiles: 100,
		Now: f.clock,
	}
	for _, c := range change {
		c(&opts)
	}
	s, err := New(opts)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = s.Close() })
	return s
}

func (f *fake) clock() time.Duration { return f.now }

// interval is the time between two readings of the fake.
const interval = 15 * time.Second

// read reads once, 15 seconds after the last time, and wants no error.
func (f *fake) read(s *Source) map[string]model.Guest {
	f.t.Helper()
	f.now += interval
	return f.readNow(s)
}

// readNow reads once without any time having passed.
func (f *fake) readNow(s *Source) map[string]model.Guest {
	f.t.Helper()
	r, err := s.Read(context.Background())
	if err != nil {
		f.t.Fatal(err)
	}
	return byName(r)
}

// pass reads every 15 seconds for a while and returns the last reading.
func (f *fake) pass(s *Source, d time.Duration) (last map[string]model.Guest) {
	f.t.Helper()
	for until := f.now + d; f.now < until; {
		last = f.read(s)
	}
	return last
}

func byName(r model.Reading) map[string]model.Guest {
	guests := make(map[string]model.Guest)
	for _, g := range r.Guests {
		guests[g.Guest] = g
	}
	return guests
}

// feature returns what a reading says of a feature. It is not known where
// nothing is said.
func (f *fake) feature(s *Source, name string) (reason model.Reason, known bool) {
	f.t.Helper()
	f.now += interval
	r, _ := s.Read(context.Background())
	for _, feature := range r.Features {
		if feature.Name == name {
			return feature.Reason, true
		}
	}
	return "", false
}

// id makes an engine's id that begins with the given digits.
func id(prefix string) string { return prefix + strings.Repeat("0", 64-len(prefix)) }

// want compares within a millisecond, as times come in nanoseconds and ticks.
func want(t testing.TB, what string, got model.Opt, want float64) {
	t.Helper()
	within(t, what, got, want, 1e-4)
}

func within(t testing.TB, what string, got model.Opt, want, slack float64) {
	t.Helper()
	v, ok := got.Get()
	if diff := v - want; !ok || diff > slack || diff < -slack {
		t.Errorf("%s: got %v (present: %v), want %v", what, v, ok, want)
	}
}

func wantAbsent(t testing.TB, what string, got model.Opt) {
	t.Helper()
	if v, ok := got.Get(); ok {
		t.Errorf("%s: got %v, want it absent", what, v)
	}
}

// only returns the one machine that there is.
func only(t testing.TB, guests map[string]model.Guest) model.Guest {
	t.Helper()
	if len(guests) != 1 {
		t.Fatalf("%d machines, want one: %v", len(guests), guests)
	}
	for _, g := range guests {
		return g
	}
	return model.Guest{}
}

// sum returns what the components used together.
func sum(g model.Guest) (total float64) {
	for _, c := range g.VMM {
		v, _ := c.CPU.Get()
		total += v
	}
	return total
}
