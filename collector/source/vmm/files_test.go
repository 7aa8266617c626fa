package vmm

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestManyOpenFilesAreCountedOnceAMinute(t *testing.T) {
	f := newFake(t)
	daemon, _ := virtiofsd(f, 90, "--socket-path="+socket, "--shared-dir=/srv")
	f.put(f.qemu(100, "web", sharing(socket)...), daemon)
	f.descriptors(90, 1_000_000, opened(manyFiles+1))
	s := f.open()
	want(t, "open files", f.read(s)["web"].Shares[0].OpenFDs, manyFiles+1)
	f.descriptors(90, 1_000_000, opened(5))
	for range 3 {
		want(t, "open files as counted", f.read(s)["web"].Shares[0].OpenFDs, manyFiles+1)
	}
	want(t, "open files after a minute", f.read(s)["web"].Shares[0].OpenFDs, 5)
	f.descriptors(90, 1_000_000, opened(6))
	want(t, "few open files at once", f.read(s)["web"].Shares[0].OpenFDs, 6)
}

func TestListingFilesStopsWhereThereAreTooMany(t *testing.T) {
	dir := t.TempDir()
	for i := range 5000 {
		if err := os.Symlink("/dev/null", filepath.Join(dir, fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	s := newFake(t).open()
	if n, err := s.listFiles(dir, 1<<20); n != 5000 || err != nil {
		t.Errorf("counted %d, %v", n, err)
	}
	if n, err := s.listFiles(dir, 100); n <= 100 || n == 5000 || err != nil {
		t.Errorf("counted %d of at most 100, %v", n, err)
	}
	if _, err := s.listFiles(dir+"/none", 100); err == nil {
		t.Error("a directory that is not there was counted")
	}
}

// TestOpenFilesOfThisProcess compares both ways of counting with the truth.
func TestOpenFilesOfThisProcess(t *testing.T) {
	s, err := New(Options{ProcFS: "/proc", RootFS: "/", MaxGuests: 1, OpenFiles: 1})
	if err != nil {
		t.Skip(err)
	}
	defer s.Close()
	self := &process{pid: int32(os.Getpid()), usage: &usage{}}
	there, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	truth := uint64(len(there) - 1) // and one to list them
	for _, real := range []bool{true, false} {
		s.realProc = real
		got, ok := s.openFiles(self)
		if !ok || got != truth && got != truth+1 { // listed with one more open
			t.Errorf("by its size %v: %d open files (known: %v), want %d", real, got, ok, truth)
		}
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	want(t, "limit", s.maxFiles(self), float64(limit.Cur))
}

func FuzzCountEntries(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("12345678123456780\x00\x00\x04name"))
	f.Add(append(append(make([]byte, 16), 24, 0, 10), "12\x00\x00\x00"...))
	f.Fuzz(func(t *testing.T, b []byte) {
		if n := countEntries(b); n > uint64(len(b)/20) {
			t.Errorf("%d entries in %d bytes", n, len(b))
		}
	})
}
