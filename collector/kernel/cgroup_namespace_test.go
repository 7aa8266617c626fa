package kernel

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The paths are those that Linux 6.18 gives.
func TestPathsFromACgroupNamespace(t *testing.T) {
	const begin = "/kubepods/burstable/pod1/own"
	for name, tt := range map[string]struct {
		path, begin, want string
	}{
		"no namespace":                     {"/docker/a", "", "/docker/a"},
		"the root":                         {"/", "", ""},
		"the namespace's own beginning":    {"/", begin, begin},
		"below the namespace's beginning":  {"/inner", begin, begin + "/inner"},
		"another container of the pod":     {"/../other", begin, "/kubepods/burstable/pod1/other"},
		"another pod":                      {"/../../pod2/c", begin, "/kubepods/burstable/pod2/c"},
		"the pod around":                   {"/..", begin, "/kubepods/burstable/pod1"},
		"another tree":                     {"/../../../../system.slice/a.service", begin, "/system.slice/a.service"},
		"the root, from a namespace":       {"/../../../..", begin, ""},
		"from a namespace that is unknown": {"/../../pod2/c", "", "/pod2/c"},
		"more up than there is":            {"/../../../../../a", begin, "/a"},
		"a name that begins with two dots": {"/..a/b", begin, begin + "/..a/b"},
	} {
		if got := fromCgroupRoot(tt.path, tt.begin); got != tt.want {
			t.Errorf("%s: %s is %q, want %q", name, tt.path, got, tt.want)
		}
	}
}

func TestFindCgroupNamespace(t *testing.T) {
	root := t.TempDir()
	for dir, procs := range map[string]string{"a/b/c": "7\n", "a/b/d": "1\n77\n", "a/e/f": "177\n"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, dir, "cgroup.procs"), []byte(procs), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	mounts := []Mount{
		{Root: "/", Mountpoint: "/sys/fs/cgroup", FSType: "cgroup2"}, // the container's own
		{Root: "/../../..", Mountpoint: root, FSType: "cgroup2"},
		{Root: "/../../..", Mountpoint: root, FSType: "cgroup", SuperOptions: "rw,cpu,cpuacct"},
	}
	got := findCgroupNamespace(mounts, 77)
	if diff := cmp.Diff(CgroupNamespace{unified: "/a/b/d", cpu: "/a/b/d"}, got, cmp.AllowUnexported(CgroupNamespace{})); diff != "" {
		t.Error(diff)
	}
	c := ProcCgroup{Unified: []byte("/../../e/f"), CPU: []byte("/../../e/f"), Memory: []byte("/x")}
	if diff := cmp.Diff([]string{"/a/e/f", "/x"}, got.Paths(c)); diff != "" {
		t.Error(diff)
	}
	if got := findCgroupNamespace(mounts[:1], 77); got != (CgroupNamespace{}) {
		t.Errorf("in a container that sees no other: %+v", got)
	}
}
