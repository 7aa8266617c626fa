package probe

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func text(n name) string {
	b, _, _ := bytes.Cut(n[:], []byte{0})
	return string(b)
}

func TestNamesAreNeverTheSame(t *testing.T) {
	n := names{boot: "0a1b2c3d", pid: 4194304, next: 1<<63 - 2}
	var a, b, none name
	n.fresh(&a)
	n.none(&none)
	n.fresh(&b)
	got := []string{text(a), text(none), text(b)}
	want := []string{
		".virt_exporter-0a1b2c3d-4194304-9223372036854775806",
		".virt_exporter-none-0a1b2c3d-4194304-9223372036854775807",
		".virt_exporter-0a1b2c3d-4194304-9223372036854775808",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if boot, pid, ok := parseName(text(a)); boot != n.boot || pid != n.pid || !ok {
		t.Errorf("%s is of boot %q and PID %d: %t", text(a), boot, pid, ok)
	}
	if first, second := newNames(), newNames(); first.boot != second.boot || first.next > second.next {
		t.Errorf("two at once: %+v, %+v", first, second)
	}
}

func TestNamesOfOthersAreNotOurs(t *testing.T) {
	for _, s := range []string{
		"", ".", "data", ".virt_exporter-", ".virt_exporter-none-0a1b2c3d-1-2", ".virt_exporter-0a1b2c3-1-2",
		".virt_exporter-0a1b2c3g-1-2", ".virt_exporter-0a1b2c3d-0-2", ".virt_exporter-0a1b2c3d--1-2",
		".virt_exporter-0a1b2c3d-1", ".virt_exporter-0a1b2c3d-1-", ".virt_exporter-0a1b2c3d-1-2-3",
		".virt_exporter-0a1b2c3d-1-2.txt", "x.virt_exporter-0a1b2c3d-1-2", ".virt_exporter-0a1b2c3d-99999999999999999999-2",
	} {
		if boot, pid, ok := parseName(s); ok {
			t.Errorf("%q is taken for a name of boot %s and PID %d", s, boot, pid)
		}
	}
}

// What helpers that were killed have left is removed, and nothing else.
func TestReapRemovesWhatNobodyElseWill(t *testing.T) {
	dir := t.TempDir()
	s := newServer(nil)
	if err := s.mapBuffer(); err != nil {
		t.Fatal(err)
	}
	defer s.unmapBuffer()
	other := "00000000"
	if s.names.boot == other {
		other = "00000001"
	}
	dead := deadPID(t)
	old := 2 * orphanAge
	files := []struct {
		name string
		age  time.Duration
		gone bool
	}{
		{fmt.Sprintf(".virt_exporter-%s-%d-1", s.names.boot, dead), 0, true},
		{fmt.Sprintf(".virt_exporter-%s-%d-2", s.names.boot, os.Getpid()), 0, true},
		{fmt.Sprintf(".virt_exporter-%s-%d-3", s.names.boot, os.Getppid()), 0, false},
		{fmt.Sprintf(".virt_exporter-%s-%d-4", s.names.boot, os.Getppid()), old, true},
		{fmt.Sprintf(".virt_exporter-%s-%d-5", other, dead), 0, false},
		{fmt.Sprintf(".virt_exporter-%s-%d-6", other, os.Getpid()), old, true},
		{".virt_exporter-none-" + other + "-1-7", old, false},
		{"data", old, false},
	}
	var want []string
	for _, f := range files {
		p := filepath.Join(dir, f.name)
		if err := os.WriteFile(p, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		when := time.Now().Add(-f.age)
		if err := os.Chtimes(p, when, when); err != nil {
			t.Fatal(err)
		}
		if !f.gone {
			want = append(want, f.name)
		}
	}
	for i, made := range []func(string) error{
		func(p string) error { return os.Mkdir(p, 0o700) },
		func(p string) error { return os.Symlink("data", p) },
	} {
		n := fmt.Sprintf(".virt_exporter-%s-%d-%d", s.names.boot, dead, 100+i)
		if err := made(filepath.Join(dir, n)); err != nil {
			t.Fatal(err)
		}
		want = append(want, n)
	}
	reapIn(t, s, dir)
	slices.Sort(want)
	if diff := cmp.Diff(want, entriesOf(t, dir)); diff != "" {
		t.Errorf("left (-want +got)\n%s", diff)
	}
}

func TestReapIsBounded(t *testing.T) {
	dir := t.TempDir()
	s := newServer(nil)
	if err := s.mapBuffer(); err != nil {
		t.Fatal(err)
	}
	defer s.unmapBuffer()
	const extra = 10
	for i := range maxReaped + extra {
		n := fmt.Sprintf(".virt_exporter-%s-%d-%d", s.names.boot, os.Getpid(), i)
		if err := os.WriteFile(filepath.Join(dir, n), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []int{extra, 0} {
		reapIn(t, s, dir)
		if got := len(entriesOf(t, dir)); got != want {
			t.Errorf("%d files are left, want %d", got, want)
		}
	}
}

func reapIn(t *testing.T, s *server, dir string) {
	t.Helper()
	fd, errno := open(dir, unix.O_PATH)
	if errno != 0 {
		t.Fatal(errno)
	}
	defer unix.Close(fd)
	if errno := s.reap(fd); errno != 0 {
		t.Fatal(errno)
	}
}

func entriesOf(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// deadPID returns the PID of a process that has ended.
func deadPID(t *testing.T) int {
	t.Helper()
	h := startHelper(t)
	h.end()
	return h.cmd.Process.Pid
}

func FuzzAppendOurs(f *testing.F) {
	entry := func(name string) []byte {
		b := make([]byte, 19, 64)
		b = append(b, name...)
		b = append(b, 0)
		binary.NativeEndian.PutUint16(b[16:], uint16(len(b)))
		return b
	}
	f.Add([]byte{})
	f.Add(entry(".virt_exporter-0a1b2c3d-1-2"))
	f.Add(append(entry("data"), entry(".virt_exporter-0a1b2c3d-1-2")...))
	f.Add(entry(".virt_exporter-0a1b2c3d-1-2")[:30])
	f.Fuzz(func(t *testing.T, entries []byte) {
		names := appendOurs(nil, entries)
		if len(names) > maxReaped {
			t.Errorf("%d names", len(names))
		}
		for _, n := range names {
			if _, _, ok := parseName(n); !ok || bytes.ContainsAny([]byte(n), "/\x00") {
				t.Errorf("%q", n)
			}
		}
	})
}
