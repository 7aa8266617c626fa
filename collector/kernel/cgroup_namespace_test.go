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
		"a hierarchy mounted at the root":  {"/../../pod2/c", "pod1/own", "/pod2/c"},
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
	if diff := cmp.Diff(CgroupNamespace{Unified: "/a/b/d", CPU: "/a/b/d"}, got); diff != "" {
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

func TestPathsOfOneHierarchy(t *testing.T) {
	within := CgroupNamespace{Unified: "/a/b/c", CPU: "/a/d"}
	for name, tt := range map[string]struct {
		within       CgroupNamespace
		c            ProcCgroup
		unified, cpu string
	}{
		"no namespace":    {CgroupNamespace{}, ProcCgroup{Unified: []byte("/x"), CPU: []byte("/y/z")}, "/x", "/y/z"},
		"the roots":       {CgroupNamespace{}, ProcCgroup{Unified: []byte("/"), CPU: []byte("/")}, "/", "/"},
		"no hierarchy":    {within, ProcCgroup{}, "", ""},
		"the beginnings":  {within, ProcCgroup{Unified: []byte("/"), CPU: []byte("/")}, "/a/b/c", "/a/d"},
		"others":          {within, ProcCgroup{Unified: []byte("/../../e"), CPU: []byte("/../e/f")}, "/a/e", "/a/e/f"},
		"the roots above": {within, ProcCgroup{Unified: []byte("/../../.."), CPU: []byte("/../..")}, "/", "/"},
	} {
		if got := tt.within.UnifiedPath(tt.c); got != tt.unified {
			t.Errorf("%s: in the unified hierarchy %q, want %q", name, got, tt.unified)
		}
		if got := tt.within.CPUPath(tt.c); got != tt.cpu {
			t.Errorf("%s: in that of the CPU controller %q, want %q", name, got, tt.cpu)
		}
	}
}

func TestPathsFromANamespaceThatIsNotKnown(t *testing.T) {
	within := CgroupNamespace{Unified: "/a"}
	for path, isOutside := range map[string]bool{"": false, "/": false, "/x": false, "/..x": false, "/..": true, "/../../x": true} {
		for name, c := range map[string]ProcCgroup{
			"unified": {Unified: []byte(path)}, "cpu": {CPU: []byte(path)}, "memory": {Memory: []byte(path)},
		} {
			if got := (CgroupNamespace{}).Knows(c); got == isOutside {
				t.Errorf("%s of %s: known is %v", path, name, got)
			}
			if c.Outside() != isOutside || !within.Knows(c) {
				t.Errorf("%s of %s: outside is %v, known from a namespace that is known %v", path, name, c.Outside(), within.Knows(c))
			}
		}
	}
}
