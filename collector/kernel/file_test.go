package kernel

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func put(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFilesReadTheWholeOfAFile(t *testing.T) {
	dir := t.TempDir()
	for _, size := range []int{0, 1, pageSafe - 1, pageSafe, 64 << 10, 64<<10 + 1, 1 << 20} {
		text := strings.Repeat("x", size)
		put(t, dir, "/sub/file", text)
		r := NewFiles(0)
		var f File
		for range 2 {
			b, err := r.Read(&f, dir, "/sub", "file")
			if err != nil || string(b) != text {
				t.Errorf("%d bytes: got %d, %v", size, len(b), err)
			}
		}
	}
}

func TestFilesKeepNoMoreOpenThanTheyMay(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "a", "1\n")
	put(t, dir, "b", "2\n")
	r := NewFiles(1)
	var a, b File
	for range 3 {
		for _, f := range []struct {
			file       *File
			name, want string
		}{{&a, "a", "1\n"}, {&b, "b", "2\n"}} {
			got, err := r.Read(f.file, dir, "", f.name)
			if err != nil || string(got) != f.want {
				t.Errorf("%s: %q, %v", f.name, got, err)
			}
		}
	}
	if r.Open() != 1 {
		t.Errorf("%d files are open", r.Open())
	}
	put(t, dir, "a", "3\n")
	if got, err := r.Read(&a, dir, "", "a"); err != nil || string(got) != "3\n" {
		t.Errorf("a kept file is not read anew: %q, %v", got, err)
	}
	r.Close(&a)
	r.Close(&a)
	if r.Open() != 0 {
		t.Errorf("%d files are open after closing twice", r.Open())
	}
}

func TestAFIFOInAFilesPlaceDoesNotHang(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mkfifo(filepath.Join(dir, "fifo"), 0o644); err != nil {
		t.Skipf("needs FIFOs: %v", err)
	}
	if b, err := NewFiles(0).ReadOnce(dir, "", "fifo"); len(b) != 0 {
		t.Errorf("got %q, %v", b, err)
	}
}

func TestErrorsTellWhatHappened(t *testing.T) {
	dir := t.TempDir()
	r := NewFiles(0)
	_, missing := r.ReadOnce(dir, "", "missing")
	_, directory := r.ReadOnce(dir, "", ".")
	tests := []struct {
		name                      string
		err                       error
		gone, denied, unsupported bool
	}{
		{"no such file", missing, true, false, false},
		{"a directory", directory, false, false, false},
		{"the cgroup was removed", unix.ENODEV, true, false, false},
		{"the thread has exited", unix.ESRCH, true, false, false},
		{"no permission", unix.EACCES, false, true, false},
		{"not permitted", unix.EPERM, false, true, false},
		{"switched off", unix.EOPNOTSUPP, false, false, true},
		{"no error", nil, false, false, false},
		{"something else", errors.New("x"), false, false, false},
	}
	for _, tt := range tests {
		if Gone(tt.err) != tt.gone || Denied(tt.err) != tt.denied || Unsupported(tt.err) != tt.unsupported {
			t.Errorf("%s (%v): gone %v, denied %v, unsupported %v", tt.name, tt.err, Gone(tt.err), Denied(tt.err), Unsupported(tt.err))
		}
	}
}

func TestThreadsAreReadByTheirNumber(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "42/schedstat", "1 2 3\n")
	r := NewFiles(1)
	var f File
	if b, err := r.ReadTask(&f, dir, 42, "schedstat"); err != nil || string(b) != "1 2 3\n" {
		t.Errorf("%q, %v", b, err)
	}
	if b, err := r.ReadTaskOnce(dir, 42, "schedstat"); err != nil || string(b) != "1 2 3\n" {
		t.Errorf("%q, %v", b, err)
	}
	if _, err := r.TaskInode(dir, 43, "schedstat"); !Gone(err) {
		t.Errorf("a thread that is not there: %v", err)
	}
	r.Close(&f)
}

func TestSubdirsListsDirectoriesOnly(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "g/file", "")
	for _, name := range []string{"a b", "b\\x2dc", "c\"d", "d\xffe"} {
		put(t, dir, "g/"+name+"/x", "")
	}
	r := NewFiles(0)
	var got []string
	if err := r.Subdirs(dir, "/g", func(e Entry) { got = append(got, string(e.Name)) }); err != nil {
		t.Fatal(err)
	}
	slices.Sort(got)
	if want := []string{"a b", "b\\x2dc", "c\"d", "d\xffe"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if err := r.Subdirs(dir, "/none", func(Entry) {}); !Gone(err) {
		t.Errorf("a directory that is not there: %v", err)
	}
}

func TestLinksTellsWhetherThereAreSubdirectories(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "g/sub/file", "")
	r := NewFiles(0)
	ino, links, err := r.Links(dir, "/g")
	var st unix.Stat_t
	if err := unix.Stat(filepath.Join(dir, "g"), &st); err != nil {
		t.Fatal(err)
	}
	if err != nil || ino != st.Ino || uint64(links) != uint64(st.Nlink) {
		t.Errorf("inode %d, %d links, %v; want %d, %d", ino, links, err, st.Ino, st.Nlink)
	}
}

func FuzzDirents(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 24, 0, 4, 'a', 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		eachSubdir(b, func(e Entry) {
			if strings.ContainsRune(string(e.Name), 0) {
				t.Errorf("a name with a NUL: %q", e.Name)
			}
		})
	})
}
