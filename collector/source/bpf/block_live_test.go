package bpf

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
	"github.com/virt-exporter/virt_exporter/collector/source"
)

// ioBench is a loop device of the test's own, two containers and the program that
// measures them.
type ioBench struct {
	*testing.T
	*Source
	device, name string // /dev/loop9, loop9
	groups       map[string]string
}

func newIOBench(t *testing.T) *ioBench {
	t.Helper()
	requireBPF(t)
	for _, tool := range []string{"fio", "losetup"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("needs %s", tool)
		}
	}
	b := &ioBench{T: t, groups: make(map[string]string)}
	h := findHierarchies("/sys").io
	if h.root == "" {
		t.Skip("needs a hierarchy of cgroups with the I/O controller")
	}
	b.device = loopDevice(t)
	b.name = filepath.Base(b.device)

	var around source.Surroundings
	for _, name := range []string{"reader", "writer"} {
		path := fmt.Sprintf("/virt_exporter_%s_%d", name, os.Getpid())
		if err := os.Mkdir(h.root+path, 0o755); err != nil {
			t.Skipf("cgroups cannot be made here: %v", err)
		}
		t.Cleanup(func() { removeGroup(t, h.root+path) })
		if _, err := os.Stat(h.root + path + "/io.stat"); h.v2 && err != nil {
			t.Skip("needs the I/O controller, given to the children of the root")
		}
		b.groups[name] = h.root + path
		around.Guests = append(around.Guests, container(name, path, ""))
	}
	s, err := New(Options{ProcFS: "/proc", SysFS: "/sys", Without: allBut("block")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	b.Source = s
	s.Surrounded(around)
	awaitPlaces(t, s, len(b.groups))
	return b
}

func allBut(program string) (others []string) {
	for _, name := range ProgramNames() {
		if name != program {
			others = append(others, name)
		}
	}
	return others
}

// loopDevice makes a disk of a file.
func loopDevice(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(file, make([]byte, 64<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "losetup", "--find", "--show", "--direct-io=on", file).Output()
	if err != nil {
		t.Skipf("needs a loop device: %v", err)
	}
	device := strings.TrimSpace(string(out))
	t.Cleanup(func() {
		if out, err := exec.Command("losetup", "--detach", device).CombinedOutput(); err != nil {
			t.Errorf("detaching %s: %v %s", device, err, out)
		}
	})
	return device
}

func removeGroup(t *testing.T, dir string) {
	for range 100 {
		if err := os.Remove(dir); err == nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%s could not be removed", dir)
}

// in runs a program in a container's cgroup.
func (b *ioBench) in(group string, args ...string) *exec.Cmd {
	b.Helper()
	args = append([]string{"-c", `echo $$ >"$0/cgroup.procs" && exec "$@"`, b.groups[group]}, args...)
	c := exec.CommandContext(b.Context(), "sh", args...)
	return c
}

// queue sets something of the device's queue for the time of the test: the device is
// the next user's with all that was set.
func (b *ioBench) queue(file, value string) {
	b.Helper()
	file = "/sys/block/" + b.name + "/queue/" + file
	was, err := os.ReadFile(file)
	if err != nil {
		b.Skipf("needs %s: %v", file, err)
	}
	text := strings.TrimSpace(string(was))
	if _, rest, ok := strings.Cut(text, "["); ok { // of several
		text, _, _ = strings.Cut(rest, "]")
	}
	if err := os.WriteFile(file, []byte(value), 0); err != nil {
		b.Skipf("needs to set %s: %v", file, err)
	}
	b.Cleanup(func() {
		if err := os.WriteFile(file, []byte(text), 0); err != nil {
			b.Error(err)
		}
	})
}

func (b *ioBench) fio(group string, args ...string) *exec.Cmd {
	return b.in(group, append([]string{
		"fio", "--name=" + group, "--filename=" + b.device, "--direct=1", "--output-format=terse", "--size=64M",
	}, args...)...)
}

// runAll runs programs at the same time.
func (b *ioBench) runAll(all ...*exec.Cmd) {
	b.Helper()
	for _, c := range all {
		c.Stdout, c.Stderr = new(strings.Builder), new(strings.Builder)
		if err := c.Start(); err != nil {
			b.Fatal(err)
		}
	}
	for _, c := range all {
		if err := c.Wait(); err != nil {
			b.Fatalf("%v: %v\n%s", c.Args, err, c.Stderr)
		}
	}
}

// read returns what was measured of each container, and of everybody.
func (b *ioBench) read() (guests map[string]model.DeviceIO, all ioDevice) {
	b.Helper()
	r, err := b.Read(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	guests = make(map[string]model.DeviceIO)
	for _, m := range r.Measured {
		for _, io := range m.IO {
			if io.Device == b.name {
				guests[m.Name.Guest] = io
			}
		}
	}
	for _, l := range r.Programs[0].Lost {
		if n := l.Count.Or(0); l.Reason != "no_start" && n > 0 {
			b.Errorf("%g were lost: %s", n, l.Reason)
		}
	}
	f := b.program().figures
	for number, d := range f.totals {
		if f.disks.get(number).name == b.name {
			all = *d
		}
	}
	return guests, all
}

func (b *ioBench) program() *block {
	for _, l := range b.programs {
		if p, ok := l.program.(*block); ok {
			return p
		}
	}
	b.Fatal("the program is not loaded")
	return nil
}

// diskstats is what the kernel itself counted of a disk.
type diskstats struct {
	reads, readSectors, readMS          uint64
	writes, writeSectors, writeMS       uint64
	discards, discardSectors, discardMS uint64
	flushes, flushMS                    uint64
}

func (b *ioBench) diskstats() (d diskstats) {
	b.Helper()
	text, err := os.ReadFile("/sys/block/" + b.name + "/stat")
	if err != nil {
		b.Fatal(err)
	}
	var skip uint64
	if _, err := fmt.Sscan(string(text), &d.reads, &skip, &d.readSectors, &d.readMS, &d.writes, &skip, &d.writeSectors, &d.writeMS,
		&skip, &skip, &skip, &d.discards, &skip, &d.discardSectors, &d.discardMS, &d.flushes, &d.flushMS); err != nil {
		b.Fatal(err)
	}
	return d
}

// differ compares a number with the kernel's. Some kernels do not call programs for a
// few of the completions in interrupts, all programs alike: fewer may be seen then, but
// never more.
func (b *ioBench) differ(what string, got, want uint64) bool {
	b.Helper()
	if got > want {
		b.Errorf("%s: %d, the kernel counted %d", what, got, want)
	} else if got != want {
		b.Logf("%s: %d, the kernel counted %d", what, got, want)
	}
	return got != want
}

// alike expects a time that differs from the kernel's, which counts in milliseconds, by
// at most a part of it. The kernel's end is a few microseconds later.
func (b *ioBench) alike(what string, ns, ms uint64, part float64) {
	b.Helper()
	got, want := float64(ns)/1e9, float64(ms)/1e3
	b.Logf("%s: %.3f s, the kernel counted %.3f s (%+.2f %%)", what, got, want, 100*(got/want-1))
	if math.Abs(got-want) > part*want+0.002 {
		b.Errorf("%s: %.3f s, the kernel counted %.3f s", what, got, want)
	}
}

func (b *ioBench) consistent(who, what string, o model.Operations) {
	b.Helper()
	requests := o.Requests.Or(0)
	if requests == 0 || o.Latency == nil {
		b.Errorf("the %s has no %s: %+v", who, what, o)
		return
	}
	if n := o.Latency.Count(); float64(n) != requests {
		b.Errorf("the histogram of the %s's %s has %d of %g requests", who, what, n, requests)
	}
	if device, total := o.DeviceSeconds.Or(0), o.Seconds.Or(0); device > total || total == 0 || (device == 0 && what != "flushes") {
		b.Errorf("the %s's %s took %g s, of it in the device %g s", who, what, total, device)
	}
}

func TestBlockRequestsAgreeWithDiskstats(t *testing.T) {
	newIOBench(t).expectAgreement()
}

// What has no scheduler has no stamp of when the device got a request.
func TestBlockRequestsWithoutASchedulerAgreeWithDiskstats(t *testing.T) {
	b := newIOBench(t)
	b.queue("scheduler", "none")
	b.queue("wbt_lat_usec", "0")
	b.expectAgreement()
}

// With a scheduler the time before the device is another one.
func TestBlockRequestsWithASchedulerAgreeWithDiskstats(t *testing.T) {
	b := newIOBench(t)
	b.queue("scheduler", "mq-deadline")
	b.expectAgreement()
}

func (b *ioBench) expectAgreement() {
	b.Helper()
	_, first := b.read()
	rounds := 1
	for !b.agreed() {
		if rounds++; b.Failed() || rounds > 8 {
			b.Fatal("the kernel counted other numbers each time")
		}
	}

	guests, all := b.read()
	since := func(op int) ioDone {
		d := ioDone{}
		d.grow(&all[op], &first[op])
		return d
	}
	reader, writer := guests["reader"], guests["writer"]
	b.consistent("reader", "reads", reader.Read)
	b.consistent("reader", "discards", reader.Discard)
	b.consistent("writer", "writes", writer.Write)
	b.consistent("writer", "flushes", writer.Flush)
	if got, want := reader.Read.Requests.Or(0), float64(since(ioRead).Requests); got != want {
		b.Errorf("the reader read %g times, everybody %g times", got, want)
	}
	if got, want := writer.Write.Bytes.Or(0), float64(since(ioWrite).Bytes); got != want {
		b.Errorf("the writer wrote %g bytes, everybody %g", got, want)
	}
	if none := (model.Operations{}); reader.Write != none || reader.Flush != none || writer.Discard != none {
		b.Errorf("something is said of what never happened: %+v, %+v", reader, writer)
	}
}

// agreed runs a load, and reports whether each number is that of the kernel.
func (b *ioBench) agreed() bool {
	b.Helper()
	_, base := b.read()
	before := b.diskstats()
	b.runAll(
		b.fio("reader", "--rw=randread", "--bs=64k", "--ioengine=libaio", "--iodepth=4", "--io_size=64M", "--norandommap"),
		b.fio("writer", "--rw=randwrite", "--bs=128k", "--ioengine=psync", "--fdatasync=8", "--number_ios=200", "--norandommap"),
	)
	b.runAll(b.fio("writer", "--rw=write", "--bs=4k", "--ioengine=psync", "--sync=dsync", "--number_ios=50"))
	b.runAll(b.in("reader", "blkdiscard", "--offset=0", "--length=1M", b.device))
	_, all := b.read()
	after := b.diskstats()

	grew := func(op int) ioDone {
		d := ioDone{}
		d.grow(&all[op], &base[op])
		return d
	}
	read, write, flush, discard, drain := grew(ioRead), grew(ioWrite), grew(ioFlush), grew(ioDiscard), grew(ioDrain)
	other := false
	for _, c := range []struct {
		what         string
		got, counted uint64
	}{
		{"reads", read.Requests, after.reads - before.reads},
		{"bytes read", read.Bytes, 512 * (after.readSectors - before.readSectors)},
		{"writes and flushes", write.Requests + flush.Requests, after.writes - before.writes},
		{"bytes written", write.Bytes, 512 * (after.writeSectors - before.writeSectors)},
		{"discards", discard.Requests, after.discards - before.discards},
		{"bytes discarded", discard.Bytes, 512 * (after.discardSectors - before.discardSectors)},
		{"flushes of the device", drain.Requests, after.flushes - before.flushes},
	} {
		other = b.differ(c.what, c.got, c.counted) || other
	}
	if flush.Requests == 0 || drain.Requests == 0 {
		b.Errorf("not all was tried: %d flushes, %d flushes of the device", flush.Requests, drain.Requests)
	}
	if other {
		return false
	}
	b.alike("reads", read.NS, after.readMS-before.readMS, 0.05)
	b.alike("writes and flushes", write.NS+flush.NS, after.writeMS-before.writeMS, 0.1)
	return true
}

// Where the kernel has no stamps the program has its own.
func TestBlockRequestsWithoutStampsAreTimed(t *testing.T) {
	b := newIOBench(t)
	b.queue("scheduler", "none")
	b.queue("wbt_lat_usec", "0")
	b.queue("iostats", "0")
	b.runAll(b.fio("writer", "--rw=randread", "--bs=64k", "--ioengine=psync", "--number_ios=5")) // the first may be under way
	_, base := b.read()
	before := b.diskstats()
	fio := b.fio("reader", "--rw=randread", "--bs=64k", "--ioengine=psync", "--number_ios=1000", "--norandommap")
	b.runAll(fio)
	guests, all := b.read()
	if after := b.diskstats(); after.reads != before.reads {
		t.Fatalf("the kernel counted %d reads all the same", after.reads-before.reads)
	}
	reader := guests["reader"].Read
	b.consistent("reader", "reads", reader)
	var kilobytes, fastest, mean float64
	for at, to := range map[int]*float64{5: &kilobytes, 13: &fastest, 15: &mean} {
		fields := strings.Split(fmt.Sprint(fio.Stdout), ";")
		if len(fields) <= at {
			t.Fatalf("fio's report is %q", fields)
		}
		if _, err := fmt.Sscan(fields[at], to); err != nil {
			t.Fatal(err)
		}
	}
	if n := reader.Requests.Or(0); n < 0.9*kilobytes/64 || n > kilobytes/64+100 { // it also looks what is on the device; a busy machine loses some
		t.Errorf("the reader read %g times, of everybody's %d, not %g", n, all[ioRead].Requests-base[ioRead].Requests, kilobytes/64)
	}
	// What fio saw is with the time to submit and to wake up.
	got := 1e6 * reader.Seconds.Or(0) / reader.Requests.Or(1)
	t.Logf("a read took %.1f µs, of it in the device %.1f µs; fio saw %.1f µs", got, 1e6*reader.DeviceSeconds.Or(0)/reader.Requests.Or(1), mean)
	if got > mean || got < fastest/2 {
		t.Errorf("a read took %.1f µs, fio saw %.1f µs, at least %.1f", got, mean, fastest)
	}
}

// A request through device-mapper is counted at the bottom, once.
func TestBlockRequestsThroughDeviceMapperCountOnce(t *testing.T) {
	if out, err := exec.CommandContext(t.Context(), "dmsetup", "targets").CombinedOutput(); err != nil {
		t.Skipf("needs device-mapper: %v %s", err, out)
	}
	b := newIOBench(t)
	name := fmt.Sprintf("virt_exporter_%d", os.Getpid())
	table := fmt.Sprintf("0 %d linear %s 0", 64<<20/512, b.device)
	if out, err := exec.CommandContext(t.Context(), "dmsetup", "create", name, "--table", table).CombinedOutput(); err != nil {
		t.Skipf("needs device-mapper: %v %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("dmsetup", "remove", "--retry", name).CombinedOutput(); err != nil {
			t.Errorf("%v %s", err, out)
		}
	})
	b.runAll(b.in("reader", "fio", "--name=reader", "--filename=/dev/mapper/"+name, "--direct=1", "--size=64M",
		"--rw=randread", "--bs=64k", "--ioengine=psync", "--number_ios=500", "--norandommap"))
	r, err := b.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range r.Measured {
		if m.Name.Guest != "reader" {
			continue
		}
		if len(m.IO) != 1 || m.IO[0].Device != b.name {
			t.Fatalf("its devices are %+v, not %s alone", m.IO, b.name)
		}
		if n := m.IO[0].Read.Requests.Or(0); n < 500 || n > 550 {
			t.Errorf("the reader read %g times, not 500", n)
		}
	}
}
