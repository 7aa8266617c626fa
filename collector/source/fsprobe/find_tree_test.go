package fsprobe

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// procTree is a /proc in which nothing but mounts is to be seen, and that it is a host's.
type procTree struct {
	testing.TB
	dir string
}

func newProcTree(tb testing.TB) procTree {
	p := procTree{tb, tb.TempDir()}
	p.write(2, "comm", "kthreadd\n")
	return p
}

// add makes a process, or changes it. Lines of mountinfo are written without what
// is the same for all of them: "DEVICE ROOT MOUNTPOINT FSTYPE SOURCE OPTIONS", and
// are mounted on the first.
func (p procTree) add(pid int, namespace uint64, cgroup string, lines ...string) {
	p.Helper()
	p.write(pid, "mountinfo", mountInfo(pid*100, lines...))
	p.write(pid, "cgroup", "0::"+cgroup+"\n")
	link := filepath.Join(p.dir, strconv.Itoa(pid), "ns", "mnt")
	_ = os.Remove(link)
	if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
		p.Fatal(err)
	}
	if err := os.Symlink(fmt.Sprintf("mnt:[%d]", namespace), link); err != nil {
		p.Fatal(err)
	}
}

func (p procTree) write(pid int, name, text string) {
	p.Helper()
	file := filepath.Join(p.dir, strconv.Itoa(pid), name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		p.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		p.Fatal(err)
	}
}

func (p procTree) end(pid int) {
	p.Helper()
	if err := os.RemoveAll(filepath.Join(p.dir, strconv.Itoa(pid))); err != nil {
		p.Fatal(err)
	}
}

func mountInfo(id int, lines ...string) string {
	var w strings.Builder
	parent := 1
	for i, line := range lines {
		f := strings.SplitN(line, " ", 6)
		fmt.Fprintf(&w, "%d %d %s %s %s rw shared:1 - %s %s %s\n", id+i, parent, f[0], f[1], f[2], f[3], f[4], f[5])
		parent = id
	}
	return w.String()
}

// The first line of most namespaces.
const (
	diskRoot    = "254:0 / / ext4 /dev/vda rw"
	overlayRoot = " / / overlay overlay rw,lowerdir=/l,upperdir=/u,workdir=/w"
)

// byCgroup knows the guests of tests: /docker/NAME, with what is below it, and
// /vm/NAME.
func byCgroup(cgroup string) (model.Name, bool) {
	part := strings.Split(cgroup, "/")
	switch {
	case len(part) > 2 && part[1] == "docker":
		return model.Name{Kind: model.Container, Runtime: "docker", Guest: part[2]}, true
	case len(part) > 2 && part[1] == "vm":
		return model.Name{Kind: model.VM, Runtime: "qemu", Guest: part[2]}, true
	}
	return model.Name{}, false
}

// list finds, and writes each mount as [GUEST:]PATH KIND ID, with a star for
// those that were named.
func list(tb testing.TB, f *finder, now time.Duration) []string {
	tb.Helper()
	all, err := f.find(now)
	if err != nil {
		tb.Fatal(err)
	}
	var out []string
	for _, m := range all {
		s := fmt.Sprintf("%s %s %d", m.path, m.id.Kind, m.mount.ID)
		if m.name != (model.Name{}) {
			s = m.name.Guest + ":" + s
		}
		if m.named {
			s += " *"
		}
		out = append(out, s)
	}
	return out
}
