package vmm

import (
	"strconv"
	"strings"
	"testing"

	"github.com/virt-exporter/virt_exporter/collector/kernel"
)

func FuzzParsePID(f *testing.F) {
	for _, seed := range []string{"1", "4194304", "999999999", "self", "", "-1", "00", "9999999999", "1a"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, name []byte) {
		pid, ok := parsePID(name)
		n, err := strconv.ParseUint(string(name), 10, 32)
		if ok && (err != nil || uint64(pid) != n) {
			t.Errorf("%q is %d, want %d, %v", name, pid, n, err)
		}
		if !ok && err == nil && len(name) <= 9 {
			t.Errorf("%q is none, want %d", name, n)
		}
	})
}

func FuzzCgroupPaths(f *testing.F) {
	for _, seed := range []string{
		"/", "/..", "/../..", "/../../a", "/a/../b", "", "/machine.slice/machine-qemu\\x2d1\\x2dweb.scope/libvirt/emulator",
		"/qemu.slice/101.scope", "/../kata_overhead/" + id("aa"), "/firecracker/x/y", "//", "/..a",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		p := ""
		if paths := (kernel.CgroupNamespace{}).Paths(kernel.ProcCgroup{Unified: []byte(path)}); len(paths) > 0 {
			p = paths[0]
		}
		if !strings.HasSuffix(path, p) || strings.HasPrefix(p, "/../") || p == "/" || p == "/.." {
			t.Errorf("%q from the root is %q", path, p)
		}
		own := ownCgroup(p)
		if !strings.HasPrefix(p, own) || own != "" && own != p && p[len(own)] != '/' {
			t.Errorf("%q is not a directory above %q", own, p)
		}
		if own != "" && ownCgroup(own) != own {
			t.Errorf("%q alone is none", own)
		}
	})
}
