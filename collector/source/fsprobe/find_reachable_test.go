package fsprobe

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/virt-exporter/virt_exporter/collector/kernel"
)

func TestReachable(t *testing.T) {
	for _, tc := range []struct {
		name   string
		mounts string // ID PARENT MOUNTPOINT, each
		want   string // IDs
	}{
		{"a tree", "1 0 / 2 1 /a 3 2 /a/b 4 1 /ab", "1 2 3 4"},
		{"on top of one", "1 0 / 2 1 /a 3 2 /a", "1 3"},
		{"on top of both", "1 0 / 2 1 /a 3 2 /a 4 3 /a", "1 4"},
		{"what was below the one that is covered", "1 0 / 2 1 /a 3 2 /a/b 4 2 /a", "1 4"},
		{"and below that", "1 0 / 2 1 /a 3 2 /a/b 5 3 /a/b/c 4 2 /a", "1 4"},
		{"what is mounted on the one on top", "1 0 / 2 1 /a 3 2 /a 4 3 /a/b", "1 3 4"},
		{"mounted over a directory above", "1 0 / 2 1 /a/b/c 3 1 /a", "1 3"},
		{"over the root", "1 0 / 2 1 /a 3 1 /", "3"},
		{"names that begin alike", "1 0 / 2 1 /ab/c 3 1 /a", "1 2 3"},
		{"the same place twice", "1 0 / 2 1 /a 3 1 /a", "1 3"},
		{"its own parent", "1 1 / 2 1 /a", "1 2"},
		{"parents that are not seen", "7 3 /a 8 3 /b 9 7 /a/c", "7 8 9"},
		{"a chain whose parents come later", "4 3 /a/b/c 3 2 /a/b 2 1 /a 1 0 /", "4 3 2 1"},
		{"a cycle", "1 2 /a 2 1 /b 3 0 /", "3"},
		{"none", "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := strings.Fields(tc.mounts)
			var mounts []kernel.Mount
			for i := 0; i < len(f); i += 3 {
				var m kernel.Mount
				if _, err := fmt.Sscan(f[i]+" "+f[i+1], &m.ID, &m.Parent); err != nil {
					t.Fatal(err)
				}
				m.Mountpoint = f[i+2]
				mounts = append(mounts, m)
			}
			got := []string{}
			for _, m := range reachable(mounts) {
				got = append(got, fmt.Sprint(m.ID))
			}
			if diff := cmp.Diff(tc.want, strings.Join(got, " ")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A mount is reached whose mountpoint, looked up from the root as the kernel
// does, is its own.
func FuzzReachable(f *testing.F) {
	f.Add([]byte{0, 0, 1, 0, 2, 1, 0})
	f.Add([]byte{0, 0, 1, 0, 1, 1, 2, 0, 3})
	paths := []string{"/", "/a", "/a/b", "/a/b/c", "/ab", "/b"}
	f.Fuzz(func(t *testing.T, b []byte) {
		mounts := []kernel.Mount{{ID: 1, Mountpoint: "/"}}
		for i := 0; i+1 < len(b) && len(mounts) < 64; i += 2 {
			parent := &mounts[int(b[i])%len(mounts)]
			path := paths[int(b[i+1])%len(paths)]
			if !below(path, parent.Mountpoint) {
				continue // no kernel does that
			}
			m := kernel.Mount{ID: uint64(len(mounts) + 1), Parent: parent.ID, Mountpoint: path}
			same := func(o kernel.Mount) bool { return o.Parent == m.Parent && o.Mountpoint == path }
			taken := false
			for _, o := range mounts {
				taken = taken || same(o)
			}
			if !taken { // or it would be mounted on the one that is there
				mounts = append(mounts, m)
			}
		}
		want := map[uint64]bool{}
		for _, path := range paths {
			want[walkTo(mounts, path)] = true
		}
		got := map[uint64]bool{}
		for _, m := range reachable(mounts) {
			got[m.ID] = true
			if id := walkTo(mounts, m.Mountpoint); id != m.ID {
				t.Errorf("%s leads to %d, not to %d: %+v", m.Mountpoint, id, m.ID, mounts)
			}
		}
		for _, m := range mounts {
			if walkTo(mounts, m.Mountpoint) == m.ID && !got[m.ID] {
				t.Errorf("%d is reached at %s, but not listed: %+v", m.ID, m.Mountpoint, mounts)
			}
		}
	})
}

// walkTo follows a path from the root, one directory after the other, into what is
// mounted there.
func walkTo(mounts []kernel.Mount, path string) uint64 {
	at := uint64(1)
	enter := func(dir string) {
		for again := true; again; {
			again = false
			for _, m := range mounts {
				if m.Parent == at && m.Mountpoint == dir {
					at, again = m.ID, true
				}
			}
		}
	}
	enter("/")
	for i := 2; i <= len(path); i++ {
		if i == len(path) || path[i] == '/' {
			enter(path[:i])
		}
	}
	return at
}
