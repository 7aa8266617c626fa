package vmm

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

const benchMachines = 100

// manyMachines makes machines with 4 vCPUs and 4 other threads each, and returns
// the files that a reading of them takes.
func manyMachines(b *testing.B) (f *fake, files, dirs []string) {
	b.Helper()
	f = newFake(b)
	dirs = append(dirs, f.path("proc"))
	for i := range benchMachines {
		p := libvirtQEMU(f, 1000+10*i, fmt.Sprint("vm", i))
		p.task(p.pid+4, "CPU 2/KVM")
		p.task(p.pid+5, "CPU 3/KVM")
		p.task(p.pid+6, "worker")
		p.task(p.pid+7, "IO mon_iothread")
		for j, t := range p.tasks {
			t.run, t.wait = float64(1000*i+j), float64(j)
			if j == 1 {
				t.guest = t.run
			}
			files = append(files, f.path(fmt.Sprintf("proc/%d/schedstat", t.tid)))
		}
		f.put(p)
		dir := f.path(fmt.Sprintf("proc/%d", p.pid))
		files = append(files, filepath.Join(dir, "stat"), filepath.Join(dir, "status"))
		dirs = append(dirs, filepath.Join(dir, "task"))
	}
	return f, files, dirs
}

// BenchmarkRead is a reading in the steady state. BenchmarkBareLoop is the
// least that it can cost without files kept open.
func BenchmarkRead(b *testing.B) {
	for _, keep := range []int{0, 1 << 20} {
		b.Run(fmt.Sprintf("kept=%d", keep), func(b *testing.B) {
			f, _, _ := manyMachines(b)
			benchRead(b, f, keep, benchMachines)
		})
	}
}

// BenchmarkReadWithDaemons is BenchmarkRead of machines that have one share each,
// with a daemon and its child: beside their threads, their files are counted.
func BenchmarkReadWithDaemons(b *testing.B) {
	f := newFake(b)
	for i := range benchMachines {
		path := fmt.Sprintf("/run/%d.sock", i)
		daemon, child := virtiofsd(f, 10_000+10*i, "--socket-path="+path, "--shared-dir=/srv")
		f.put(f.qemu(1000+10*i, fmt.Sprint("vm", i), sharing(path)...), daemon, child)
		f.descriptors(daemon.pid, 1000, opened(12))
		f.descriptors(child.pid, 1000, opened(20))
	}
	benchRead(b, f, 1<<20, benchMachines)
}

func benchRead(b *testing.B, f *fake, keep, machines int) {
	b.Helper()
	s, err := New(Options{
		ProcFS: f.path("proc"), RootFS: f.path("rootfs"), MaxGuests: 1000, OpenFiles: keep,
		Now: f.clock,
	})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	step := func() {
		f.now += interval
		r, err := s.Read(context.Background())
		if err != nil || len(r.Guests) != machines {
			b.Fatalf("%d machines, %v", len(r.Guests), err)
		}
	}
	for range 20 { // until nothing is young
		step()
	}
	b.ReportAllocs()
	for b.Loop() {
		step()
	}
}

// BenchmarkBareLoop opens, reads and closes every file once, and lists the
// directories.
func BenchmarkBareLoop(b *testing.B) {
	_, files, dirs := manyMachines(b)
	buf := make([]byte, 64<<10)
	each := func(path string, flags int, read func(fd int) (int, error)) {
		fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|flags, 0)
		if err != nil {
			b.Fatal(path, err)
		}
		for {
			n, err := read(fd)
			if err != nil {
				b.Fatal(path, err)
			}
			if n == 0 || flags == 0 {
				break
			}
		}
		_ = unix.Close(fd)
	}
	b.ReportAllocs()
	for b.Loop() {
		for _, dir := range dirs {
			each(dir, unix.O_DIRECTORY, func(fd int) (int, error) { return unix.Getdents(fd, buf) })
		}
		for _, file := range files {
			each(file, 0, func(fd int) (int, error) { return unix.Pread(fd, buf, 0) })
		}
	}
	b.ReportMetric(float64(len(files)+len(dirs)), "files")
}

// BenchmarkScan is a reading of a host with many processes and no machine.
func BenchmarkScan(b *testing.B) {
	f := newFake(b)
	for i := range 5000 {
		f.put(f.proc(1000+i, "nginx", "nginx: worker process"))
	}
	benchRead(b, f, 0, 0)
}
