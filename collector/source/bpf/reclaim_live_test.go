package bpf

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// limitedGroup makes a cgroup that may use so many bytes, and returns its path and its
// directory.
func limitedGroup(t *testing.T, name string, limit int) (path, dir string) {
	t.Helper()
	memory := findHierarchies("/sys").memory
	if memory.root == "" {
		t.Skip("no hierarchy of cgroups for the memory controller is mounted")
	}
	path = fmt.Sprintf("/virt_exporter_%s_%d", name, os.Getpid())
	dir = memory.root + path
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Skipf("cgroups cannot be made here: %v", err)
	}
	t.Cleanup(func() {
		var err error
		for range 100 {
			if err = os.Remove(dir); err == nil {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Error(err)
	})
	for _, file := range []string{"memory.limit_in_bytes", "memory.max"} {
		if os.WriteFile(filepath.Join(dir, file), []byte(strconv.Itoa(limit)), 0) == nil {
			return path, dir
		}
	}
	t.Skip("no limit can be set on the memory of a cgroup")
	return "", ""
}

// uncached makes a file of which nothing is in memory: who reads it fills his limit
// with pages that can be taken from him at once, however slow the disk is.
func uncached(t *testing.T, size int) string {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var fs unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &fs); err != nil || fs.Type == unix.TMPFS_MAGIC {
		t.Skipf("needs temporary files on a disk: %v", err)
	}
	for block := make([]byte, 1<<20); size > 0; size -= len(block) {
		if _, err := f.Write(block); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(f.Sync(), unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)); err != nil {
		t.Fatal(err)
	}
	return f.Name()
}

// stalls returns how often anybody has reclaimed memory for the whole machine.
func stalls(t *testing.T) (n uint64) {
	t.Helper()
	b, err := os.ReadFile("/proc/vmstat")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if strings.HasPrefix(name, "allocstall") {
			v, err := strconv.ParseUint(value, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			n += v
		}
	}
	return n
}

func TestReclaimForTheOwnLimitIsNotTheHosts(t *testing.T) {
	s := opened(t, Options{Without: only("reclaim")})
	const mib = 1 << 20
	path, dir := limitedGroup(t, "limited", 32*mib)
	idle, _ := limitedGroup(t, "idle", 32*mib)
	s.around(t, container("outer", "", ""), container("limited", path, "container/docker/outer"), container("idle", idle, ""))
	zero := model.Some(0)
	if m := s.measuredOf(t, "limited"); m.ReclaimOwnLimit != zero || m.ReclaimHost != zero {
		t.Errorf("%v and %v before anything was reclaimed, want 0", m.ReclaimOwnLimit, m.ReclaimHost)
	}

	stalled := stalls(t)
	file := uncached(t, 96*mib)
	began := time.Now()
	out, err := exec.CommandContext(t.Context(), "sh", "-c",
		`echo $$ >"$0/cgroup.procs" && exec dd if="$1" of=/dev/null bs=64k`, dir, file).CombinedOutput()
	wall := time.Since(began).Seconds()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}

	m := s.measuredOf(t, "limited")
	own, _ := m.ReclaimOwnLimit.Get()
	t.Logf("%.6f s of %.3f s", own, wall)
	if own <= 0 || own > wall {
		t.Errorf("its one thread reclaimed memory for %v s, and ran for %v s", own, wall)
	}
	if m.ReclaimHost != zero && stalls(t) == stalled {
		t.Errorf("it reclaimed memory for %v s for the host, which had enough", m.ReclaimHost)
	}
	if m := s.measuredOf(t, "idle"); m.ReclaimOwnLimit != zero || m.ReclaimHost != zero {
		t.Errorf("one that did nothing reclaimed memory: %v and %v", m.ReclaimOwnLimit, m.ReclaimHost)
	}
	if again, _ := s.measuredOf(t, "limited").ReclaimOwnLimit.Get(); again < own {
		t.Errorf("it fell from %v to %v", own, again)
	}
}

// Where all cgroups are of version 2, a thread's own one is looked at: that of this
// host's version 2, although the limit is one of version 1.
func TestReclaimByCgroupsOfVersion2(t *testing.T) {
	const unified = "/sys/fs/cgroup/unified"
	if _, err := os.Stat(unified); err != nil {
		t.Skip("needs a host with cgroups of both versions")
	}
	requireBPF(t)
	sysfs := t.TempDir()
	if err := errors.Join(os.Mkdir(filepath.Join(sysfs, "fs"), 0o755), os.Symlink(unified, filepath.Join(sysfs, "fs/cgroup"))); err != nil {
		t.Fatal(err)
	}
	s, err := New(Options{ProcFS: "/proc", SysFS: sysfs, Without: only("reclaim")})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	path, limited := limitedGroup(t, "unified", 32<<20)
	if err := os.MkdirAll(unified+path+"/inner", 0o755); err != nil {
		t.Skipf("cgroups cannot be made here: %v", err)
	}
	t.Cleanup(func() {
		if err := errors.Join(os.Remove(unified+path+"/inner"), os.Remove(unified+path)); err != nil {
			t.Error(err)
		}
	})
	s.around(t, container("a", path, ""))

	out, err := exec.CommandContext(t.Context(), "sh", "-c",
		`echo $$ >"$0/cgroup.procs" && echo $$ >"$1/cgroup.procs" && exec dd if="$2" of=/dev/null bs=64k`,
		limited, unified+path+"/inner", uncached(t, 96<<20)).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if own, _ := s.measuredOf(t, "a").ReclaimOwnLimit.Get(); own <= 0 {
		t.Errorf("it reclaimed memory for %v s", own)
	} else {
		t.Logf("%.6f s", own)
	}
}
