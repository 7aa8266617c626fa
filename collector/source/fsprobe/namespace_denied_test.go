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
	const inside = "VIRT_EXPORTER_TEST_PROCFS"
	if dir := os.Getenv(inside); dir != "" {
		if _, err := os.Stat(dir); err != nil {
			t.Skip("the directory of the test is closed to others")
		}
		f := newFinder(finderOptions{procFS: dir, guestOf: byCgroup})
		if got := list(t, f, 0); len(got) != 1 || !f.denied() {
			t.Errorf("got %q, denied %v", got, f.denied())
		}
		return
	}
	if os.Getuid() != 0 {
		t.Skip("needs root, to become somebody else")
	}
	p := newProcTree(t)
	p.add(1, 1, "/", diskRoot, "0:31 / /mnt/v virtiofs share rw")
	p.add(5, 2, "/docker/web", "0:50"+overlayRoot, "0:51 / /nfs nfs4 s:/a rw")
	for _, pid := range []int{5, 6, 7} {
		p.add(pid, 2, "/docker/web", "0:50"+overlayRoot, "0:51 / /nfs nfs4 s:/a rw")
		if err := os.Chmod(p.dir+"/"+strconv.Itoa(pid)+"/ns", 0o700); err != nil {
			t.Fatal(err)
		}
	}
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
	cmd.Env = []string{inside + "=" + p.dir}
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
