package cgroup

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// fake is a host made of files.
type fake struct {
	t    testing.TB
	root string
	now  time.Duration
	idle bool // nothing runs between two readings
}

// newFake makes a host with cgroup v2, PSI and no containers, up for an hour.
func newFake(t testing.TB) *fake {
	t.Helper()
	f := &fake{t: t, root: t.TempDir(), now: time.Hour}
	f.write("sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory pids\n")
	f.write("sys/devices/system/cpu/online", "0-3\n")
	f.write("proc/pressure/cpu", "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n")
	f.write("proc/1/stat", stat(1, 1))
	f.write("proc/stat", "cpu  1 2 3 4 5 6 7 8 9 10\nbtime 1700000000\n")
	f.mkdir("rootfs")
	return f
}

// newFakeV1 is a host with v1 controllers and no unified hierarchy.
func newFakeV1(t *testing.T) *fake {
	t.Helper()
	f := newFake(t)
	f.remove("sys/fs/cgroup/cgroup.controllers")
	for _, c := range []string{"cpu", "cpuacct", "memory", "blkio", "cpuset", "freezer", "systemd"} {
		f.write("sys/fs/cgroup/"+c+"/tasks", "")
	}
	return f
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

// cgroup writes a v2 directory with a bit of everything.
func (f *fake) cgroup(path string) {
	f.t.Helper()
	dir := "sys/fs/cgroup" + path
	f.write(dir+"/cpu.stat", "usage_usec 1000000\nuser_usec 1\nsystem_usec 1\nnr_periods 0\nnr_throttled 0\nthrottled_usec 0\n")
	f.write(dir+"/cpu.pressure", "some avg10=0.00 avg60=0.00 avg300=0.00 total=2000000\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=1000000\n")
	f.write(dir+"/memory.current", "4096\n")
	f.write(dir+"/memory.events", "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\n")
	f.write(dir+"/cgroup.threads", "")
}

// threads sets the threads of a directory.
func (f *fake) threads(path string, tids ...int) {
	f.t.Helper()
	var b strings.Builder
	for _, tid := range tids {
		fmt.Fprintln(&b, tid)
	}
	f.write("sys/fs/cgroup"+path+"/cgroup.threads", b.String())
}

// thread sets what a thread ran and waited, in seconds, and when it started.
func (f *fake) thread(tid int, run, wait float64, started time.Duration) {
	f.t.Helper()
	f.write(fmt.Sprintf("proc/%d/schedstat", tid), fmt.Sprintf("%d %d 7\n", int64(run*1e9), int64(wait*1e9)))
	f.write(fmt.Sprintf("proc/%d/stat", tid), stat(tid, uint64(started/tick)))
}

func stat(tid int, start uint64) string {
	fields := make([]string, 52)
	for i := range fields {
		fields[i] = "0"
	}
	fields[0], fields[1], fields[2] = strconv.Itoa(tid), "(a (b) c)", "S"
	fields[21] = strconv.FormatUint(start, 10)
	return strings.Join(fields, " ") + "\n"
}

// docker names a container.
func (f *fake) docker(id, name string) {
	f.t.Helper()
	f.write("rootfs/var/lib/docker/containers/"+id+"/config.v2.json",
		fmt.Sprintf(`{"ID":%q,"Name":"/%s","Config":{"Image":"img","Labels":{"team":"blue"}}}`, id, name))
}

func (f *fake) open(change ...func(*Options)) *Source {
	f.t.Helper()
	opts := Options{
		ProcFS: f.path("proc"), SysFS: f.path("sys"), RootFS: f.path("rootfs"),
		MaxGuests: 100, OpenFiles: 100, Recheck: time.Second,
		Now: func() time.Duration { return f.now },
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

// read reads once, 15 seconds after the last time, and wants no error.
func (f *fake) read(s *Source) map[string]model.Guest {
	f.t.Helper()
	f.now += 15 * time.Second
	f.charge()
	r, err := s.Read(context.Background())
	if err != nil {
		f.t.Fatal(err)
	}
	return byName(r)
}

// charge adds a microsecond to the CPU time of every cgroup, unless all idle.
func (f *fake) charge() {
	f.t.Helper()
	if f.idle {
		return
	}
	_ = filepath.WalkDir(f.path("sys/fs/cgroup"), func(path string, _ os.DirEntry, _ error) error {
		name := filepath.Base(path)
		if name != "cpu.stat" && name != "cpuacct.usage" {
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			f.t.Fatal(err)
		}
		v, rest := uint64(0), ""
		switch name {
		case "cpu.stat":
			if !strings.HasPrefix(string(b), "usage_usec ") {
				return nil
			}
			line, after, _ := strings.Cut(strings.TrimPrefix(string(b), "usage_usec "), "\n")
			v, _ = strconv.ParseUint(line, 10, 64)
			rest = fmt.Sprintf("usage_usec %d\n%s", v+1, after)
		case "cpuacct.usage":
			v, _ = strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64)
			rest = fmt.Sprintf("%d\n", v+1000)
		}
		return os.WriteFile(path, []byte(rest), 0o644)
	})
}

func byName(r model.Reading) map[string]model.Guest {
	guests := make(map[string]model.Guest)
	for _, g := range r.Guests {
		guests[g.Guest] = g
	}
	return guests
}

// id makes an engine's id that begins with the given digits.
func id(prefix string) string { return prefix + strings.Repeat("0", 64-len(prefix)) }

func want(t *testing.T, what string, got model.Opt, want float64) {
	t.Helper()
	v, ok := got.Get()
	if diff := v - want; !ok || diff > 1e-4 || diff < -1e-4 {
		t.Errorf("%s: got %v (present: %v), want %v", what, v, ok, want)
	}
}

func wantAbsent(t *testing.T, what string, got model.Opt) {
	t.Helper()
	if v, ok := got.Get(); ok {
		t.Errorf("%s: got %v, want it absent", what, v)
	}
}
