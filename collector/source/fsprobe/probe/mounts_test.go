package probe

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// sandboxEnv is set in a test program that has a mount namespace of its own.
const sandboxEnv = "FSPROBE_TEST_SANDBOX"

// inSandbox runs the test in a mount namespace of its own, and reports whether
// this is there.
func inSandbox(t *testing.T) bool {
	t.Helper()
	if os.Getenv(sandboxEnv) != "" {
		return true
	}
	if os.Geteuid() != 0 {
		t.Skip("mounts need root")
	}
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), sandboxEnv+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, unix.EPERM) {
		t.Skipf("mounts are not permitted here: %v", err)
	}
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	return false
}

// mount mounts and returns the mountpoint.
func mount(t *testing.T, fstype, options string, flags uintptr) string {
	t.Helper()
	dir := t.TempDir()
	mountAt(t, dir, fstype, fstype, options, flags)
	return dir
}

func mountAt(t *testing.T, dir, source, fstype, options string, flags uintptr) {
	t.Helper()
	if err := unix.Mount(source, dir, fstype, flags, options); err != nil {
		t.Fatalf("mount %s at %s: %v", fstype, dir, err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
}

// target is a request for all operations on a mount.
func target(t *testing.T, dir string, references ...string) Request {
	t.Helper()
	r := request(dir, references...)
	r.MountID, r.Device = mountOf(t, dir)
	r.ReadFile, r.WriteDir = filepath.Join(dir, "data"), dir
	return r
}

func wantSkip(t *testing.T, answers []Answer, op Op, reason string) {
	t.Helper()
	samples, skips := samplesOf(answers)
	for _, s := range skips {
		if s.Op == op && s.Reason == reason {
			if samples[op] != nil {
				t.Errorf("%q is skipped and has samples", op)
			}
			return
		}
	}
	t.Errorf("%q is not skipped as %s: %+v, samples of %d operations", op, reason, skips, len(samples))
}

func TestReadOnlyMountIsNotWrittenTo(t *testing.T) {
	if !inSandbox(t) {
		return
	}
	below, dir := t.TempDir(), t.TempDir()
	sizedFile(t, below, 2*block)
	mountAt(t, dir, below, "", "", unix.MS_BIND)
	if err := unix.Mount("", dir, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	answers := serve(t, target(t, dir, t.TempDir()))
	wantSkip(t, answers, Create, "read_only")
	if samples, _ := samplesOf(answers); len(samples) != 5 {
		t.Errorf("samples of %d operations, want those that only read", len(samples))
	}
}

func TestFullMountIsNotWrittenTo(t *testing.T) {
	if !inSandbox(t) {
		return
	}
	dir := mount(t, "tmpfs", "size=1M", 0)
	sizedFile(t, dir, 1<<20)
	answers := serve(t, target(t, dir, t.TempDir()))
	wantSkip(t, answers, Create, "no_space")
	if samples, _ := samplesOf(answers); len(samples) != 5 {
		t.Errorf("samples of %d operations, want those that only read", len(samples))
	}
}

// A file system may be full although it says that it has room.
func TestMountWithoutInodesIsSkipped(t *testing.T) {
	if !inSandbox(t) {
		return
	}
	dir := mount(t, "tmpfs", "nr_inodes=2", 0)
	sizedFile(t, dir, 2*block)
	wantSkip(t, serve(t, target(t, dir, t.TempDir())), Create, "no_space")
}

func TestSmallMountWithRoomIsWrittenTo(t *testing.T) {
	if !inSandbox(t) {
		return
	}
	dir := mount(t, "tmpfs", "size=1M", 0)
	sizedFile(t, dir, 2*block)
	if samples, skips := samplesOf(serve(t, target(t, dir, t.TempDir()))); len(samples) != 9 || len(skips) > 0 {
		t.Errorf("samples of %d operations, skips %+v", len(samples), skips)
	}
}

func TestReferenceThatIsReadOnlyIsASkip(t *testing.T) {
	if !inSandbox(t) {
		return
	}
	dir := mount(t, "tmpfs", "", 0)
	sizedFile(t, dir, 2*block)
	beside := mount(t, "tmpfs", "ro", unix.MS_RDONLY)
	answers := serve(t, target(t, dir, beside))
	wantSkip(t, answers, Read, "read_only")
	wantSkip(t, answers, Create, "read_only")
	if left := entriesOf(t, dir); len(left) != 1 {
		t.Errorf("left %v", left)
	}
}

func TestOverlay(t *testing.T) {
	if !inSandbox(t) {
		return
	}
	work := mount(t, "tmpfs", "", 0)
	for _, d := range []string{"lower", "upper", "work"} {
		if err := os.Mkdir(filepath.Join(work, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	sizedFile(t, filepath.Join(work, "lower"), 4*block)
	dir := mount(t, "overlay", "lowerdir="+work+"/lower,upperdir="+work+"/upper,workdir="+work+"/work", 0)
	samples, skips := samplesOf(serve(t, target(t, dir, work)))
	for _, op := range []Op{Stat, Lookup, StatFS, ReadDir, Create, Write, Rename, Unlink} {
		if samples[op] == nil {
			t.Errorf("no samples of %s: %+v", op, skips)
		}
	}
	if left := entriesOf(t, filepath.Join(work, "upper")); len(left) > 0 {
		t.Errorf("left %v", left)
	}
}

// What is below a mount that is gone, or what was mounted over it, is another
// file system: it is not touched.
func TestMountThatIsGoneIsNotTouched(t *testing.T) {
	if !inSandbox(t) {
		return
	}
	dir := mount(t, "tmpfs", "", 0)
	r := target(t, dir, t.TempDir())
	sizedFile(t, dir, 2*block)
	h := startHelper(t)
	if samples, skips := samplesOf(h.cycle(r)); len(samples) != 9 || len(skips) > 0 {
		t.Errorf("samples of %d operations, skips %+v", len(samples), skips)
	}
	inside := r
	inside.Path = filepath.Join(dir, "sub")
	if err := os.Mkdir(inside.Path, 0o755); err != nil {
		t.Fatal(err)
	}
	inside.WriteDir = inside.Path
	if samples, skips := samplesOf(h.cycle(inside)); len(samples) != 9 || len(skips) > 0 {
		t.Errorf("a directory of the mount: samples of %d operations, skips %+v", len(samples), skips)
	}

	mountAt(t, dir, "tmpfs", "tmpfs", "", 0)
	wantSkip(t, h.cycle(r), "", "replaced")
	for range 2 { // nothing of a cycle that has ended keeps it
		if err := unix.Unmount(dir, 0); err != nil {
			t.Fatal(err)
		}
	}
	wantSkip(t, h.cycle(r), "", "vanished")
	wantSkip(t, h.cycle(inside), "", "vanished") // with its directory
	if left := entriesOf(t, dir); len(left) > 0 {
		t.Errorf("left %v", left)
	}
}

func TestFilesOfOtherMountsAreNotUsed(t *testing.T) {
	if !inSandbox(t) {
		return
	}
	dir, other := mount(t, "tmpfs", "", 0), mount(t, "tmpfs", "", 0)
	r := target(t, dir, t.TempDir())
	r.ReadFile, r.WriteDir = sizedFile(t, other, 2*block), other
	answers := serve(t, r)
	for _, op := range []Op{Read, ReadDir, Create} {
		wantSkip(t, answers, op, "not_supported")
	}
}

func TestWithoutPermissionNothingIsMeasured(t *testing.T) {
	if !inSandbox(t) {
		return
	}
	dir := mount(t, "tmpfs", "mode=0711", 0)
	file := sizedFile(t, dir, 2*block)
	if err := os.Chmod(file, 0o600); err != nil {
		t.Fatal(err)
	}
	nobody := func(cmd *exec.Cmd) {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	h := startHelper(t, nobody)
	r := target(t, dir, "/")
	for p := dir; p != "/tmp" && p != "/"; p = filepath.Dir(p) { // the directories of this test are root's
		if p != dir {
			if err := os.Chmod(p, 0o711); err != nil {
				t.Fatal(err)
			}
		}
	}
	answers := h.cycle(r)
	for _, op := range []Op{Read, ReadDir, Create} {
		wantSkip(t, answers, op, "permission")
	}
	if samples, _ := samplesOf(answers); len(samples) != 3 {
		t.Errorf("samples of %d operations, want those of tier 0", len(samples))
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	wantSkip(t, h.cycle(r), Lookup, "permission")
	r.Path = filepath.Join(dir, "data")
	wantSkip(t, h.cycle(r), "", "permission")
}

// A mount in another namespace is reached by a process that sees it.
func TestMountInAnotherNamespace(t *testing.T) {
	if !inSandbox(t) {
		return
	}
	dir := mount(t, "tmpfs", "", 0)
	sizedFile(t, dir, 2*block)
	r := target(t, dir, t.TempDir())
	there := startHelper(t, func(cmd *exec.Cmd) {
		cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	})
	there.cycle(request("/"))
	r.Root = there.proc("root")
	// The copy of the mount in that namespace has an id of its own.
	id, _ := mountOf(t, r.Root+dir)
	if id == r.MountID {
		t.Fatal("the namespaces are one")
	}
	wantSkip(t, serve(t, r), "", "replaced")
	r.MountID = id
	if err := unix.Unmount(dir, 0); err != nil {
		t.Fatal(err)
	}
	if samples, skips := samplesOf(serve(t, r)); len(samples) != 9 || len(skips) > 0 {
		t.Errorf("samples of %d operations, skips %+v", len(samples), skips)
	}
	there.end()
	wantSkip(t, serve(t, r), "", "vanished")
}

func TestLinksAreFollowedOnlyWhenAsked(t *testing.T) {
	dir := t.TempDir()
	link := dir + "/link"
	if err := os.Symlink(t.TempDir(), link); err != nil {
		t.Fatal(err)
	}
	for _, follow := range []bool{false, true} {
		var out bytes.Buffer
		req := `{"Path":"` + link + `","Follow":` + strconv.FormatBool(follow) + `,"Pairs":20}` + "\n"
		if err := Serve(strings.NewReader(req), &out); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(out.String(), `"Samples"`); got != follow {
			t.Errorf("follow %v: %s", follow, out.String())
		}
	}
}
