package identity

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// opened calls f and reports whether it opened the file for more than a look.
func opened(t *testing.T, file string, f func()) bool {
	t.Helper()
	fd, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if _, err := unix.InotifyAddWatch(fd, file, unix.IN_OPEN); err != nil {
		t.Fatal(err)
	}
	f()
	n, err := unix.Read(fd, make([]byte, 4096))
	if err != nil && !errors.Is(err, unix.EAGAIN) {
		t.Fatal(err)
	}
	return n > 0
}

// A watchdog bites once it was opened.
func TestReadOpensNoDevice(t *testing.T) {
	root := t.TempDir()
	fifo := filepath.Join(root, "fifo") // anybody can make one of these
	if err := unix.Mkfifo(fifo, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("fifo", filepath.Join(root, "link")); err != nil {
		t.Fatal(err)
	}
	me := &owner{uid: uint32(os.Getuid()), dirs: []string{root}}
	for _, tt := range []struct {
		tree tree
		dir  string
	}{
		{tree{root: "/"}, root},
		{tree{root: root}, ""},
		{tree{root: root, tenant: true}, ""},
		{tree{root: "/", owner: me}, root},
	} {
		for _, name := range []string{"/fifo", "/link"} {
			var err error
			if opened(t, fifo, func() { _, err = tt.tree.read(tt.dir + name) }) || !errors.Is(err, errNotRegular) {
				t.Errorf("%+v: read of %s opened it or gave %v, want %v", tt.tree, name, err, errNotRegular)
			}
		}
	}
	file := filepath.Join(root, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if !opened(t, file, func() { _, _ = tree{root: "/"}.read(file) }) {
		t.Error("a read of a file was not seen")
	}
}

func TestReopenWithoutProcfs(t *testing.T) {
	root := files{"/file": "content"}.write(t)
	me := &owner{uid: uint32(os.Getuid()), dirs: []string{"/"}}
	for _, tt := range []struct {
		tree tree
		ok   bool
	}{
		{tree{root: root}, true},
		{tree{root: root, tenant: true}, false},
		{tree{root: root, owner: me}, false},
	} {
		looked, err := tt.tree.open("/file", unix.O_PATH)
		if err != nil {
			t.Fatal(err)
		}
		defer looked.Close()
		info, err := looked.Stat()
		if err != nil {
			t.Fatal(err)
		}
		f, err := tt.tree.reopen(looked, info, "/nonexistent")
		if (err == nil) != tt.ok {
			t.Errorf("%+v: %v, want success %t", tt.tree, err, tt.ok)
		}
		if err == nil {
			f.Close()
		}
	}
}

// What another file has taken the place of is not read.
func TestReopenWithoutProcfsReadsWhatWasLookedAt(t *testing.T) {
	root := files{"/file": "content", "/other": "other"}.write(t)
	tr := tree{root: root}
	looked, err := tr.open("/file", unix.O_PATH)
	if err != nil {
		t.Fatal(err)
	}
	defer looked.Close()
	info, err := looked.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(root, "other"), filepath.Join(root, "file")); err != nil {
		t.Fatal(err)
	}
	if _, err := tr.reopen(looked, info, "/nonexistent"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error is %v", err)
	}
}

func TestReadStaysInAUsersHome(t *testing.T) {
	outside := files{"/secret": "secret"}.write(t)
	root := files{
		"/home/ann/file":      "mine",
		"/home/ann/dir/file":  "mine",
		"/home/ann/link":      "-> dir/file",
		"/home/ann/linked":    "-> dir",
		"/home/ann/up":        "-> ../bob/file",
		"/home/ann/absolute":  "-> /home/bob/file",
		"/home/ann/out":       "-> " + outside + "/secret",
		"/home/ann/outdir":    "-> " + outside,
		"/home/ann/magic":     "-> /proc/self/root" + outside + "/secret",
		"/home/annother/file": "another's",
		"/home/bob/file":      "another's",
		"/etc/file":           "root's",
		"/srv/homes/cy/file":  "moved",
		"/home/cy":            "-> ../srv/homes/cy",
	}.write(t)
	me := func(dirs ...string) *owner { return &owner{uid: uint32(os.Getuid()), dirs: dirs} }
	for _, tr := range []tree{{root: root, owner: me("/home/ann", "/home/cy")}, {root: "/", owner: me(root+"/home/ann", root+"/home/cy")}} {
		at := ""
		if tr.plain() {
			at = root
		}
		for path, want := range map[string]string{
			"/home/ann/file": "mine", "/home/ann/link": "mine", "/home/ann/linked/file": "mine", "/home/cy/file": "moved",
			"/home/ann/up": "", "/home/ann/absolute": "", "/home/ann/out": "", "/home/ann/outdir/secret": "", "/home/ann/magic": "",
			"/home/ann/../bob/file": "", "/home/annother/file": "", "/home/bob/file": "", "/etc/file": "", "/home/ann": "",
		} {
			b, err := tr.read(at + path)
			if string(b) != want || (err == nil) != (want != "") || isDenied(err) {
				t.Errorf("%s: read(%q) = %q, %v; want %q", tr.root, path, b, err, want)
			}
			if _, err := tr.stat(at + path); err == nil && want == "" {
				t.Errorf("%s: %q was found", tr.root, path)
			}
		}
	}
}

func TestReadInAUsersHomeIsOfTheUsersFiles(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can give files away")
	}
	root := files{"/ann": "ann", "/bob": "bob", "/root": "root"}.write(t)
	for name, uid := range map[string]int{"ann": 1000, "bob": 1001} {
		if err := os.Chown(filepath.Join(root, name), uid, uid); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		tenant bool
		want   string
	}{{false, "ann root"}, {true, "ann bob root"}} { // inside a guest the users have other numbers
		tr := tree{root: root, tenant: tt.tenant, owner: &owner{uid: 1000, dirs: []string{"/"}}}
		var got []string
		for _, name := range []string{"ann", "bob", "root"} {
			if b, err := tr.read("/" + name); err == nil {
				got = append(got, string(b))
			} else if !errors.Is(err, errNotOwned) {
				t.Error(err)
			}
		}
		if s := strings.Join(got, " "); s != tt.want {
			t.Errorf("tenant %t: read %q, want %q", tt.tenant, s, tt.want)
		}
	}
}

func TestOpenWalkingFollowsNoLinks(t *testing.T) {
	root := files{"/dir/sub/file": "content", "/dir/link": "-> sub/file", "/dir/linked": "-> sub", "/other": ""}.write(t)
	dir, err := unix.Open(filepath.Join(root, "dir"), unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(dir)
	for path, want := range map[string]bool{
		"sub/file": true, "link": false, "linked/file": false, "../other": false, "sub/../../other": false, "sub/none": false, "none/file": false,
	} {
		fd, err := openWalking(dir, path, unix.O_RDONLY)
		if (err == nil) != want {
			t.Errorf("%q: %v", path, err)
		}
		if err == nil {
			unix.Close(fd)
		}
	}
	if _, err := unix.FcntlInt(uintptr(dir), unix.F_GETFD, 0); err != nil {
		t.Errorf("the directory was closed: %v", err)
	}
}

func TestResolveIsNotLedOutOfAHome(t *testing.T) {
	home := "/home/ann/.local/share/docker/containers/" + idA
	for name, f := range map[string]files{
		"a link to a file":      {home + "/config.v2.json": "-> /root/config"},
		"a link up":             {home + "/config.v2.json": "-> ../../../../../../../../root/config"},
		"a link to a directory": {"/home/ann/.local/share/docker": "-> /root/docker"},
	} {
		f["/etc/passwd"] = passwd
		f["/root/config"] = dockerFile(idA, "secret")
		f["/root/docker/containers/"+idA+"/config.v2.json"] = dockerFile(idA, "secret")
		path := annTree + "user.slice/docker-" + idA + ".scope"
		m, _ := FromPath(path)
		if w := NewResolver(f.write(t)).Resolve(path, m); w.Found || w.Denied {
			t.Errorf("%s: %+v", name, w)
		}
	}
}
