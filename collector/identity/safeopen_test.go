package identity

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
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
	root := tree{root: files{
		"/inside":    "inside",
		"/absolute":  "-> /inside",
		"/upwards":   "-> ../../../../../../../inside",
		"/out":       "-> " + outside,
		"/proc/self": "-> /proc/self/root" + outside,
	}.write(t)}
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
	for _, tr := range []tree{{root: root}, {root: "/"}} {
		at := ""
		if tr.plain() {
			at = root
		}
		for _, path := range []string{at + "/fifo", at + "/"} {
			if _, err := tr.read(path); !errors.Is(err, errNotRegular) {
				t.Errorf("%s: read(%q): %v, want %v", tr.root, path, err, errNotRegular)
			}
		}
	}
}

func TestReadStopsAtItsLimit(t *testing.T) {
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "big"), make([]byte, maxFile+10), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "whole"), make([]byte, maxTenantFile), 0o644); err != nil {
		t.Fatal(err)
	}
	home := &owner{uid: uint32(os.Getuid()), dirs: []string{root}}
	for _, tt := range []struct {
		tree tree
		dir  string
		want int
	}{
		{tree{root: root}, "", 4 << 20},
		{tree{root: "/"}, root, 4 << 20},
		{tree{root: "/", owner: home}, root, 1 << 20},
		{tree{root: root, tenant: true}, "", 256 << 10},
	} {
		b, err := tt.tree.read(tt.dir + "/big")
		if err != nil || len(b) != tt.want {
			t.Errorf("%+v: read %d bytes, %v; want %d", tt.tree, len(b), err, tt.want)
		}
		if b, err = tt.tree.read(tt.dir + "/whole"); err != nil || len(b) != maxTenantFile {
			t.Errorf("%+v: read %d bytes of %d, %v", tt.tree, len(b), maxTenantFile, err)
		}
	}
}

func TestNamesStopAtTheirLimit(t *testing.T) {
	dir := t.TempDir()
	for i := range maxTenantNames + 3 {
		if err := os.Symlink("x", filepath.Join(dir, strconv.Itoa(i))); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		tree tree
		want int
	}{
		{tree{root: dir}, maxTenantNames + 3},
		{tree{root: dir, tenant: true}, maxTenantNames},
		{tree{root: t.TempDir(), tenant: true}, 0},
	} {
		if names, err := tt.tree.names("/"); err != nil || len(names) != tt.want {
			t.Errorf("%+v: %d names, %v; want %d", tt.tree, len(names), err, tt.want)
		}
	}
}

// A file whose size the kernel gives as 0, as it does in procfs, has content.
func TestReadOfAFileWithoutASize(t *testing.T) {
	b, err := tree{root: "/"}.read("/proc/self/status")
	if err != nil || !strings.Contains(string(b), "Pid:") {
		t.Errorf("read %d bytes, %v", len(b), err)
	}
}

func TestReadOfNothing(t *testing.T) {
	for _, tr := range []tree{{root: t.TempDir()}, {root: "/nonexistent"}, {root: "/"}} {
		if _, err := tr.read("/no/such/file"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", tr.root, err)
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
		closed := filepath.Join(root, dir)
		if err := os.Chmod(closed, 0); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.Chmod(closed, 0o755) }) // or who is not root could not remove it
	}
	asNobody(t, root, func() {
		r := NewResolver(root)
		r.inner = true // or it would look at Proxmox' files on another thread
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
		_, k, err := index.get(tree{root: dir}, id)
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
	r.lists[overlay+"containers.json"].byID[idA] = stored{Name: "kept"}
	if w := r.Resolve(path, m); w.Name != "kept" {
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
