package identity

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestReadStaysBelowItsRoot(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(outside, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	root := tree(files{
		"/inside":    "inside",
		"/absolute":  "-> /inside",
		"/upwards":   "-> ../../../../../../../inside",
		"/out":       "-> " + outside,
		"/proc/self": "-> /proc/self/root" + outside,
	}.write(t))
	for path, want := range map[string]string{"/inside": "inside", "/absolute": "inside", "/upwards": "inside", "/out": "", "/proc/self": ""} {
		b, err := root.read(path)
		if string(b) != want || (err == nil) != (want != "") {
			t.Errorf("read(%q) = %q, %v", path, b, err)
		}
	}
}

func TestReadOfWhatIsNoFileDoesNotWait(t *testing.T) {
	root := t.TempDir()
	if err := unix.Mkfifo(filepath.Join(root, "fifo"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tr := range []tree{tree(root), "/"} {
		at := ""
		if tr.plain() {
			at = root
		}
		for _, path := range []string{at + "/fifo", at + "/"} {
			if _, err := tr.read(path); !errors.Is(err, errNotRegular) {
				t.Errorf("%s: read(%q): %v, want %v", tr, path, err, errNotRegular)
			}
		}
	}
}

func TestReadStopsAtItsLimit(t *testing.T) {
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "big"), make([]byte, maxFile+10), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tr := range []tree{tree(root), "/"} {
		path := "/big"
		if tr.plain() {
			path = root + path
		}
		b, err := tr.read(path)
		if err != nil || len(b) != maxFile {
			t.Errorf("%s: read %d bytes, %v; want %d", tr, len(b), err, maxFile)
		}
	}
}

// A file whose size the kernel gives as 0, as it does in procfs, has content.
func TestReadOfAFileWithoutASize(t *testing.T) {
	b, err := tree("/").read("/proc/self/status")
	if err != nil || !strings.Contains(string(b), "Pid:") {
		t.Errorf("read %d bytes, %v", len(b), err)
	}
}

func TestReadOfNothing(t *testing.T) {
	for _, tr := range []tree{tree(t.TempDir()), "/nonexistent", "/"} {
		if _, err := tr.read("/no/such/file"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", tr, err)
		}
	}
}

func TestResolveSaysWhereItMayNotRead(t *testing.T) {
	root := files{
		"/var/lib/docker/containers/" + idA + "/config.v2.json": dockerFile(idA, "web"),
		bundles + "k8s.io/" + idB + "/config.json":              criFile("container"),
		"/etc/pve/lxc/101.conf":                                 "hostname: db\n",
	}.write(t)
	for _, dir := range []string{"/var/lib/docker", bundles + "k8s.io/" + idB, "/etc/pve"} {
		if err := os.Chmod(filepath.Join(root, dir), 0); err != nil {
			t.Fatal(err)
		}
	}
	asNobody(t, root, func() {
		r := NewResolver(root)
		for path, want := range map[string]Who{
			"/docker/" + idA:                         {Runtime: "docker", Name: idA[:12]},
			"/kubepods/pod" + uid + "/" + idB:        {Runtime: "containerd", Name: idB[:12]},
			"/lxc/101":                               {Runtime: "lxc", Name: "101", Found: true},
			"/system.slice/docker-" + idB + ".scope": {Runtime: "docker", Name: idB[:12]},
		} {
			m, _ := FromPath(path)
			if w := r.Resolve(path, m); w.Name != want.Name || w.Runtime != want.Runtime || w.Found != want.Found || !w.Denied {
				t.Errorf("Resolve(%q) = %+v, want %+v and denied", path, w, want)
			}
		}
	})
}

// asNobody runs f on a thread that has nobody's rights to files.
func asNobody(t *testing.T, root string, f func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		f()
		return
	}
	if err := os.Chmod(filepath.Dir(root), 0o755); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: the thread ends with its goroutine
		if err := unix.Setfsuid(65534); err != nil {
			t.Error(err)
			return
		}
		f()
	}()
	<-done
}

func TestKubeletNamesAreListedOncePerChange(t *testing.T) {
	dir := files{"/logs/web-0_shop_app-" + idA + ".log": "-> /x"}.write(t)
	logs := filepath.Join(dir, "logs")
	past := time.Now().Add(-time.Hour)
	if err := os.Chtimes(logs, past, past); err != nil {
		t.Fatal(err)
	}
	parsed := 0
	index := newDirIndex("/logs", func(name string) (string, kubeLog, bool) {
		parsed++
		return parseKubeLog(name)
	})
	get := func(id string) string {
		t.Helper()
		_, k, err := index.get(tree(dir), id)
		if err != nil {
			t.Fatal(err)
		}
		return k.pod
	}
	for range 3 {
		if got := get(idA); got != "web-0" {
			t.Errorf("pod %q", got)
		}
		if got := get(idB); got != "" {
			t.Errorf("pod %q of another", got)
		}
	}
	if parsed != 1 {
		t.Errorf("listed %d times, want once", parsed)
	}
	if err := os.Symlink("/x", filepath.Join(logs, "web-1_shop_app-"+idB+".log")); err != nil {
		t.Fatal(err)
	}
	if got := get(idB); got != "web-1" {
		t.Errorf("pod %q after a change", got)
	}
}

func TestPodmanListIsReadWhenItChanges(t *testing.T) {
	root := files{overlay + "containers.json": storageFile(idA, "web", "x")}.write(t)
	r := NewResolver(root)
	path := "/libpod_parent/libpod-" + idA
	m, _ := FromPath(path)
	if w := r.Resolve(path, m); w.Name != "web" {
		t.Fatalf("named %q", w.Name)
	}
	first := r.lists[overlay+"containers.json"]
	if r.Resolve(path, m); r.lists[overlay+"containers.json"] != first {
		t.Error("read again without a change")
	}
	file := filepath.Join(root, overlay, "containers.json")
	if err := os.WriteFile(file, []byte(storageFile(idA, "renamed", "x")), 0o644); err != nil {
		t.Fatal(err)
	}
	if w := r.Resolve(path, m); w.Name != "renamed" {
		t.Errorf("named %q after a change", w.Name)
	}
}
