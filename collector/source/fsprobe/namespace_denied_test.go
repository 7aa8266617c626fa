package fsprobe

import (
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
)

// Who is not root sees where others' processes are as little as their mounts.
func TestNamespacesThatMayNotBeSeen(t *testing.T) {
	if dir := os.Getenv(insideVar); dir != "" {
		f := newFinder(finderOptions{procFS: closedTo(t, dir), guestOf: byCgroup})
		if got := list(t, f, 0); len(got) != 1 || !f.denied() {
			t.Errorf("got %q, denied %v", got, f.denied())
		}
		return
	}
	p := needsRoot(t)
	p.add(1, 1, "/", diskRoot, "0:31 / /mnt/v virtiofs share rw")
	for _, pid := range []int{5, 6, 7} {
		p.add(pid, 2, "/docker/web", "0:50"+overlayRoot, "0:51 / /nfs nfs4 s:/a rw")
		p.closeNS(pid)
	}
	asNobody(t, p)
}

// Process 1 may be closed to all others, and the kernel's threads are beside it.
func TestNamespaceOfThisMachineThatMayNotBeSeen(t *testing.T) {
	if dir := os.Getenv(insideVar); dir != "" {
		f := newFinder(finderOptions{procFS: closedTo(t, dir), guestOf: byCgroup})
		if got := list(t, f, 0); len(got) != 2 || f.denied() {
			t.Errorf("got %q, denied %v", got, f.denied())
		}
		return
	}
	p := needsRoot(t)
	p.add(1, 1, "/", diskRoot, "0:31 / /mnt/v virtiofs share rw")
	p.add(2, 1, "/", diskRoot)
	p.write(2, "comm", "kthreadd\n")
	p.add(4, 1, "/docker/sent", diskRoot, "0:32 / /host/nfs nfs4 s:/b rw") // into a container's cgroup from outside
	p.add(5, 2, "/docker/web", "0:50"+overlayRoot, "0:51 / /nfs nfs4 s:/a rw")
	p.closeNS(1)
	asNobody(t, p)
}

// insideVar has the procfs of the test, in the process that is nobody's.
const insideVar = "VIRT_EXPORTER_TEST_PROCFS"

func needsRoot(t *testing.T) procTree {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root, to become somebody else")
	}
	return newProcTree(t)
}

func closedTo(t *testing.T, dir string) string {
	t.Helper()
	if _, err := os.Stat(dir); err != nil {
		t.Skip("the directory of the test is closed to others")
	}
	return dir
}

// closeNS keeps others from seeing the namespaces of a process.
func (p procTree) closeNS(pid int) {
	p.Helper()
	if err := os.Chmod(p.dir+"/"+strconv.Itoa(pid)+"/ns", 0o700); err != nil {
		p.Fatal(err)
	}
}

// asNobody runs the test anew as another user.
func asNobody(t *testing.T, p procTree) {
	t.Helper()
	for dir := p.dir; dir != os.TempDir() && len(dir) > 1; dir = dir[:max(1, lastSlash(dir))] {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	exe, err := os.Open("/proc/self/exe") // by a descriptor: the path to it may be closed to others
	if err != nil {
		t.Fatal(err)
	}
	defer exe.Close()
	cmd := exec.CommandContext(t.Context(), "/proc/self/fd/3", "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.ExtraFiles = []*os.File{exe}
	cmd.Env = []string{insideVar + "=" + p.dir}
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

func lastSlash(s string) int {
	for i := len(s) - 1; i > 0; i-- {
		if s[i] == '/' {
			return i
		}
	}
	return 0
}
