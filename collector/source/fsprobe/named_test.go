package fsprobe

import (
	"path"
	"strings"
	"testing"
)

func TestParseNamed(t *testing.T) {
	for _, tc := range []struct {
		in   string
		want Named
		err  string
	}{
		{in: "/", want: Named{Path: "/"}},
		{in: "/mnt/a b", want: Named{Path: "/mnt/a b"}},
		{in: "/mnt/c:/x", want: Named{Path: "/mnt/c:/x"}},
		{in: "docker/web:/", want: Named{"docker", "web", "/"}},
		{in: "containerd/shop/web-0/app:/data", want: Named{"containerd", "shop/web-0/app", "/data"}},
		{in: "incus/p/i:/a:/b", want: Named{"incus", "p/i", "/a:/b"}},
		{in: "docker/a:b:/x", want: Named{"docker", "a:b", "/x"}},
		{in: "", err: "neither"},
		{in: "mnt", err: "neither"},
		{in: "docker/web", err: "neither"},
		{in: "docker/web:data", err: "neither"},
		{in: "web:/data", err: "names no guest"},
		{in: "/web:/data", want: Named{Path: "/web:/data"}},
		{in: "docker/:/data", err: "names no guest"},
		{in: ":/data", err: "names no guest"},
		{in: "/mnt/", err: "must be written as /mnt"},
		{in: "docker/web:/a/../b", err: "must be written as /b"},
		{in: "//a", err: "must be written as /a"},
		{in: "/a\x00", err: "no UTF-8"},
		{in: "/\xff", err: "no UTF-8"},
		{in: "/" + strings.Repeat("a", maxMountpoint), err: "longer"},
	} {
		got, err := ParseNamed(tc.in)
		if tc.err != "" {
			if err == nil || !strings.Contains(err.Error(), tc.err) || len(err.Error()) > 300 {
				t.Errorf("%.50q: %+v, %v", tc.in, got, err)
			}
			continue
		}
		if err != nil || got != tc.want || got.String() != tc.in {
			t.Errorf("%q: %+v, %v", tc.in, got, err)
		}
	}
}

func FuzzParseNamed(f *testing.F) {
	for _, s := range []string{"/", "/mnt/v", "docker/web:/data", "a/b/c:/d:/e", ":/", "x:/y", "docker/web:/..", "/\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := ParseNamed(s)
		if err != nil {
			if n != (Named{}) {
				t.Errorf("%q: %+v as well as %v", s, n, err)
			}
			return
		}
		if n.String() != s || path.Clean(n.Path) != n.Path || !path.IsAbs(n.Path) || (n.Runtime == "") != (n.Guest == "") || !mayShow(n.Path) {
			t.Errorf("%q: %+v", s, n)
		}
	})
}
