package probe

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// realCycle is one that has arrived, for tests of its parts.
func realCycle(t *testing.T, r Request, dir, beside string) (c *cycle, ref *side, out *bytes.Buffer) {
	t.Helper()
	out = new(bytes.Buffer)
	s := newServer(out)
	if err := s.mapBuffer(); err != nil {
		t.Fatal(err)
	}
	r.Path, r.WriteDir = dir, dir
	c = &cycle{server: s, req: &r, due: s.clock.now()}
	t.Cleanup(func() {
		c.close()
		s.unmapBuffer()
	})
	if f := c.arrive(); f != nil {
		t.Fatal(f.text)
	}
	fd, errno := open(beside, unix.O_PATH)
	if errno != 0 {
		t.Fatal(errno)
	}
	ref = &side{label: "local", dir: c.keep(fd), parent: fd}
	if f := c.prepareWrites(ref); f != nil {
		t.Fatal(f.text)
	}
	return c, ref, out
}

// directories on the file systems that every machine has.
func directories(t *testing.T) map[string]string {
	dirs := map[string]string{"temporary": t.TempDir()}
	if d, err := os.MkdirTemp("/dev/shm", "probe"); err == nil {
		t.Cleanup(func() { os.RemoveAll(d) })
		dirs["memory"] = d
	}
	return dirs
}

func TestAllOperationsOnRealFileSystems(t *testing.T) {
	for name, dir := range directories(t) {
		for other, beside := range directories(t) {
			t.Run(name+" beside "+other, func(t *testing.T) {
				r := request(dir, beside)
				r.MountID, r.Device = mountOf(t, dir)
				r.ReadFile, r.WriteDir = sizedFile(t, dir, 3*block+5), dir
				answers := serve(t, r)
				samples, skips := samplesOf(answers)
				for _, s := range skips {
					t.Errorf("skipped: %+v", s)
				}
				for _, op := range []Op{Stat, Lookup, StatFS, Read, ReadDir, Create, Write, Rename, Unlink} {
					s := samples[op]
					if s == nil {
						t.Errorf("no samples of %s", op)
						continue
					}
					if len(s.Mount) > r.Pairs || len(s.Mount) != len(s.Beside) || len(s.Mount)+s.Dropped < r.Pairs {
						t.Errorf("%s: %d and %d samples, %d dropped", op, len(s.Mount), len(s.Beside), s.Dropped)
					}
					for i := range s.Mount {
						if s.Mount[i] <= 0 || s.Beside[i] <= 0 || s.Mount[i] > int64(time.Minute) {
							t.Errorf("%s took %d and %d ns", op, s.Mount[i], s.Beside[i])
						}
					}
				}
				if diff := cmp.Diff([]string{"data"}, entriesOf(t, dir)); diff != "" {
					t.Errorf("left on the mount (-want +got)\n%s", diff)
				}
				if left := entriesOf(t, beside); len(left) > 0 && beside != dir {
					t.Errorf("left beside it: %v", left)
				}
			})
		}
	}
}

// Whoever listens knows at any time what is being done.
func TestAnswersSayWhatBegins(t *testing.T) {
	r := request(t.TempDir(), t.TempDir(), t.TempDir())
	answers := serve(t, r)
	var got []string
	for _, a := range answers {
		switch {
		case a.Begin != nil:
			got = append(got, "begin "+string(a.Begin.Op)+" "+a.Begin.Reference)
		case a.Samples != nil:
			got = append(got, "samples "+string(a.Samples.Op)+" "+a.Samples.Reference)
		case a.End != nil:
			got = append(got, "end")
		}
	}
	want := []string{
		"begin  ", "begin  local", "begin  tmpfs",
		"begin stat local", "samples stat local", "begin stat tmpfs", "samples stat tmpfs",
		"begin lookup local", "samples lookup local", "begin lookup tmpfs", "samples lookup tmpfs",
		"begin statfs local", "samples statfs local", "begin statfs tmpfs", "samples statfs tmpfs",
		"end",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if answers[0].Begin.Thread <= 0 || answers[len(answers)-1].End.CPU <= 0 {
		t.Errorf("began with %+v and ended with %+v", answers[0].Begin, answers[len(answers)-1].End)
	}
}

func TestWithoutReferenceTheMountIsTimedAlone(t *testing.T) {
	r := request(t.TempDir())
	r.ReadFile, r.WriteDir = sizedFile(t, r.Path, block), r.Path
	samples, skips := samplesOf(serve(t, r))
	if len(samples) != 9 || len(skips) > 0 {
		t.Errorf("samples of %d operations, skips %+v", len(samples), skips)
	}
	for op, s := range samples {
		if len(s.Mount) == 0 || s.Beside != nil || s.Reference != "" {
			t.Errorf("%s: %+v", op, s)
		}
	}
}

// lines counts what is written at once.
type lines struct{ whole, broken int }

func (l *lines) Write(b []byte) (int, error) {
	if bytes.Count(b, []byte("\n")) == 1 && bytes.HasSuffix(b, []byte("\n")) {
		l.whole++
	} else {
		l.broken++
	}
	return len(b), nil
}

func TestEachAnswerIsOneWrite(t *testing.T) {
	var out lines
	in := bytes.NewReader([]byte(`{"Path":"/","Pairs":2}` + "\n"))
	if err := Serve(in, &out); err != nil {
		t.Fatal(err)
	}
	if out.broken > 0 || out.whole != 1+2*3+1 {
		t.Errorf("%+v", out)
	}
}

func TestWhatMayNotBeReadIsSkipped(t *testing.T) {
	dir := t.TempDir()
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.WriteFile(filepath.Join(dir, "small"), make([]byte, block-1), 0o644))
	must(unix.Mkfifo(filepath.Join(dir, "pipe"), 0o644))
	must(os.Symlink("small", filepath.Join(dir, "link")))
	must(os.Symlink(dir, filepath.Join(dir, "loop")))
	must(os.Mkdir(filepath.Join(dir, "dir"), 0o755))
	tests := map[string]struct{ file, reason string }{
		"a small file":             {dir + "/small", "not_supported"},
		"a pipe":                   {dir + "/pipe", "not_supported"},
		"a directory":              {dir + "/dir", "not_supported"},
		"a symbolic link":          {dir + "/link", "error"},
		"below a symbolic link":    {dir + "/loop/small", "error"},
		"a file of another mount":  {"/proc/version", "not_supported"},
		"a file that is not there": {dir + "/none", "vanished"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := request(dir, t.TempDir())
			r.ReadFile = tt.file
			samples, skips := samplesOf(serve(t, r))
			if len(skips) == 0 || skips[0].Op != Read || skips[0].Reason != tt.reason || skips[0].Err == "" {
				t.Errorf("got %+v, want %s skipped as %s", skips, Read, tt.reason)
			}
			if samples[Read] != nil || samples[Stat] == nil {
				t.Errorf("samples of %s: %t, of %s: %t", Read, samples[Read] != nil, Stat, samples[Stat] != nil)
			}
		})
	}
}

func TestMountThatCannotBeReachedIsSkipped(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/file", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/", dir+"/link"); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		target Target
		reason string
	}{
		"no such path":    {Target{Path: dir + "/none"}, "vanished"},
		"no such process": {Target{Root: "/proc/99999999/root", Path: "/"}, "vanished"},
		"below a file":    {Target{Path: dir + "/file/x"}, "vanished"},
		"a file":          {Target{Path: dir + "/file"}, "not_supported"},
		"a link":          {Target{Path: dir + "/link"}, "error"},
		"a link's target": {Target{Path: dir + "/link/proc"}, "error"},
		"out of a root":   {Target{Root: dir, Path: "/link/proc"}, "error"},
		"nothing mounted": {Target{Path: dir, MountID: 1 << 40}, "vanished"},
		"another mount":   {Target{Path: "/proc", MountID: 1 << 40}, "replaced"},
		"another root":    {Target{Path: "/", MountID: 1 << 40}, "replaced"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := request("/", t.TempDir())
			r.Target = tt.target
			samples, skips := samplesOf(serve(t, r))
			if len(samples) > 0 || len(skips) != 1 || skips[0].Op != "" || skips[0].Reason != tt.reason || skips[0].Err == "" {
				t.Errorf("got %+v, %+v, want all skipped as %s", samples, skips, tt.reason)
			}
		})
	}
}

func TestReferenceThatCannotBeReachedIsLeftOut(t *testing.T) {
	r := request(t.TempDir(), "/none/there", t.TempDir())
	samples, skips := samplesOf(serve(t, r))
	if len(skips) != 1 || skips[0].Op != "" || skips[0].Reference != "local" || skips[0].Reason != "vanished" {
		t.Errorf("skips %+v", skips)
	}
	if len(samples) != 3 || samples[Stat].Reference != "tmpfs" {
		t.Errorf("samples %+v", samples)
	}
}

func TestPathIsLookedUpBelowRoot(t *testing.T) {
	root := t.TempDir()
	if err := os.MkdirAll(root+"/mnt/share", 0o755); err != nil {
		t.Fatal(err)
	}
	r := request("/mnt/share", t.TempDir())
	r.Root = root
	r.ReadFile, r.WriteDir = "/mnt/share/data", "/mnt/share"
	sizedFile(t, root+"/mnt/share", 2*block)
	samples, skips := samplesOf(serve(t, r))
	if len(samples) != 9 || len(skips) > 0 {
		t.Errorf("samples of %d operations, skips %+v", len(samples), skips)
	}
}

// Before Linux 5.6 there is no openat2.
func TestStepsLeadWhereOnePathDoes(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(dir+"/a/b/c", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("b", dir+"/a/link"); err != nil {
		t.Fatal(err)
	}
	root, errno := open(dir, unix.O_PATH)
	if errno != 0 {
		t.Fatal(errno)
	}
	defer unix.Close(root)
	for _, p := range []string{".", "a", "a/b/c", "a/link", "a/link/c", "a/none", "none/a"} {
		one, errno1 := resolve(root, "/"+p, false)
		two, errno2 := resolveSteps(root, p)
		if p == "a/link" && errno1 == 0 {
			t.Errorf("%s leads through a link", p)
		}
		if errno1 != errno2 {
			t.Errorf("%s: %v and %v", p, errno1, errno2)
			continue
		}
		if errno1 != 0 {
			continue
		}
		var x, y unix.Stat_t
		if unix.Fstat(one, &x) != nil || unix.Fstat(two, &y) != nil || x.Ino != y.Ino {
			t.Errorf("%s is inode %d and %d", p, x.Ino, y.Ino)
		}
		unix.Close(one)
		unix.Close(two)
	}
}

func TestReasonsOfErrors(t *testing.T) {
	tests := map[unix.Errno]model.Skip{
		unix.EROFS: model.SkipReadOnly, unix.ENOSPC: model.SkipNoSpace, unix.EDQUOT: model.SkipQuota,
		unix.EACCES: model.SkipPermission, unix.EPERM: model.SkipPermission,
		unix.ENOENT: model.SkipVanished, unix.ESTALE: model.SkipVanished,
		unix.EOPNOTSUPP: model.SkipNotSupported, unix.ENOSYS: model.SkipNotSupported, unix.EINVAL: model.SkipNotSupported,
		unix.EIO: model.SkipError, unix.ENOTCONN: model.SkipError, unix.ECONNABORTED: model.SkipError, unix.EEXIST: model.SkipError,
	}
	for errno, want := range tests {
		if got := reasonOf(errno); got != want {
			t.Errorf("%v is %v, want %v", errno, got, want)
		}
	}
	if f := arrivalFailed(unix.ESTALE, "/mnt"); f.reason != model.SkipError {
		t.Errorf("a mount whose server has forgotten it is %v", f.reason)
	}
}

func TestBlocksAreDrawnOnceEach(t *testing.T) {
	for count := int64(1); count < 200; count++ {
		b, seen := newBlocks(count), make(map[int64]bool)
		for range count {
			n := b.draw()
			if n < 0 || n >= count || seen[n] {
				t.Fatalf("of %d blocks: %d again, or none", count, n)
			}
			seen[n] = true
		}
	}
}

// mountOf returns what mountinfo says of a directory's mount.
func mountOf(t *testing.T, dir string) (id uint64, device string) {
	t.Helper()
	fd, errno := open(dir, unix.O_PATH)
	if errno != 0 {
		t.Fatal(errno)
	}
	defer unix.Close(fd)
	found, errno := identify(fd, "")
	if errno != 0 {
		t.Fatal(errno)
	}
	return found.mount, found.device
}
