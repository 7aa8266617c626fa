package vmm

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

const socketHead = "Num       RefCount Protocol Flags    Type St Inode Path\n"

func TestSocketsByTheirInodes(t *testing.T) {
	const start = "0000000000000000: 00000002 00000000 00010000 0001 01 "
	for name, tt := range map[string]struct {
		text string
		want map[uint64]string
	}{
		"empty": {"", map[uint64]string{}},
		"real": {
			socketHead + start + "24155 /run/dbus/system bus socket\n" + start + "   91 /run/x\n" + start + "92\n" + start + "93 @/tmp/.X11-unix/X0\n",
			map[uint64]string{24155: "/run/dbus/system bus socket", 91: "/run/x"},
		},
		"names that tell nothing": {start + "1 fs.sock\n" + start + "2 /proc/self/fd/7/a.sock\n", map[uint64]string{}},
		"twice the same":          {start + "1 /a\n" + start + "1 /a\n", map[uint64]string{1: "/a"}},
		"twice":                   {start + "1 /a\n" + start + "1 /b\n" + start + "1 /a\n", map[uint64]string{1: ""}},
		"not UTF-8":               {start + "1 /\xff\n", map[uint64]string{1: "/\uFFFD"}},
		"cut off":                 {start + "12 /run/a\n0000: 1 2 3", map[uint64]string{12: "/run/a"}},
		"a very long line":        {start + "1 /a\n" + strings.Repeat("x", 1<<20) + "\n", map[uint64]string{1: "/a"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, _ := parseSockets(strings.NewReader(tt.text))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestTablesOfSocketsAreReadWithinBounds(t *testing.T) {
	const namespaces = 5
	f := newFake(t)
	long := strings.Repeat(fmt.Sprintln("0000000000000000: 00000002 00000000 00010000 0001 01 1", "/"+strings.Repeat("x", 100)), maxSocketTable/160+1)
	for i := range namespaces {
		path := fmt.Sprintf("/run/%d.sock", i)
		daemon, _ := virtiofsd(f, 1000+10*i, "--fd=9", fmt.Sprintf("--shared-dir=/srv/%d", i))
		f.put(f.qemu(100+10*i, fmt.Sprint("vm", i), sharing(path)...), daemon)
		f.descriptors(daemon.pid, 10, map[int]string{9: "socket:[7]"})
		f.write(fmt.Sprintf("proc/%d/net/unix", daemon.pid), socketHead+"0000000000000000: 00000002 00000000 00010000 0001 01 7 "+path+"\n"+long)
	}
	s := f.open()
	known := func() (count int) {
		for _, g := range f.read(s) {
			for _, share := range g.Shares {
				if share.Source != "" {
					count++
				}
			}
		}
		return count
	}
	if n := known(); n == 0 || n == namespaces {
		t.Errorf("%d are known after the first reading, want some", n)
	}
	known()
	if n := known(); n != namespaces {
		t.Errorf("%d are known after three readings, want all", n)
	}
	if s.tables.byNamespace != nil {
		t.Error("tables are kept")
	}
}

func FuzzParseSockets(f *testing.F) {
	f.Add("")
	f.Add(socketHead + "0000000000000000: 00000002 00000000 00010000 0001 01 24155 /run/a b\n")
	f.Add("0: 0 0 0 0 0 18446744073709551616 /x\n: : : : : : 1 /\xff\n")
	f.Fuzz(func(t *testing.T, text string) {
		paths, read := parseSockets(strings.NewReader(text))
		if read > len(text)+1 {
			t.Errorf("%d bytes read of %d", read, len(text))
		}
		for inode, path := range paths {
			if path != "" && (path[0] != '/' || !utf8.ValidString(path) || !strings.Contains(text, fmt.Sprint(inode))) {
				t.Errorf("%q gives %d %q", text, inode, path)
			}
		}
	})
}
