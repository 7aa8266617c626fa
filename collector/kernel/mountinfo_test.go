package kernel

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func parseMountInfo(b []byte) ([]Mount, error) { return ParseMountInfo(b, nil) }

func TestParseMountInfo(t *testing.T) {
	long := strings.Repeat("a", maxMountLine)
	run(t, []parseCase[[]Mount]{
		{
			"no optional field", "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard\n",
			[]Mount{{27, 1, "254:0", "/", "/", "rw,relatime", "ext4", "/dev/vda", "rw,discard"}},
			nil,
		},
		{
			"optional fields", "70 45 0:40 /a /mnt rw shared:1 master:2 propagate_from:3 unbindable - fuse.sshfs u@h:/ rw,user_id=0\n",
			[]Mount{{70, 45, "0:40", "/a", "/mnt", "rw", "fuse.sshfs", "u@h:/", "rw,user_id=0"}},
			nil,
		},
		{
			"escapes", `1 0 0:1 /a\040b//deleted /m\011\012\134\043 rw - fuse.x\040y C:\134 rw,path=C:\134` + "\n",
			[]Mount{{1, 0, "0:1", "/a b//deleted", "/m\t\n\\#", "rw", "fuse.x y", `C:\`, `rw,path=C:\134`}},
			nil,
		},
		{
			"what is no escape", `1 0 0:1 / /\\08\000\777\4 rw - x \ rw` + "\n",
			[]Mount{{1, 0, "0:1", "/", `/\\08\000\777\4`, "rw", "x", `\`, "rw"}},
			nil,
		},
		{
			"blanks in the options of 9p", `1 0 0:1 / /mnt/c rw - 9p drvfs rw,aname=drvfs;path=C:\;symlinkroot=/my mnt/,mmap` + "\n",
			[]Mount{{1, 0, "0:1", "/", "/mnt/c", "rw", "9p", "drvfs", `rw,aname=drvfs;path=C:\;symlinkroot=/my mnt/,mmap`}},
			nil,
		},
		{
			"empty source", "1 0 0:1 / /a rw - tmpfs  rw\n",
			[]Mount{{1, 0, "0:1", "/", "/a", "rw", "tmpfs", "", "rw"}},
			nil,
		},
		{
			"a namespace", "1 0 0:4 net:[4026531992] /run/netns/a rw - nsfs nsfs rw\n",
			[]Mount{{1, 0, "0:4", "net:[4026531992]", "/run/netns/a", "rw", "nsfs", "nsfs", "rw"}},
			nil,
		},
		{
			"malformed lines are left out",
			"\nx\n1 0 0:1 / /a rw - x y\n1 0 0:1 / /a rw x y z\n-1 0 0:1 / /a rw - x y z\n1 x 0:1 / /a rw - x y z\n1 0 01 / /a rw - x y z\n" +
				"1 0 0: / /a rw - x y z\n1 0 0:1  /a rw - x y z\n1 0 0:1 / a rw - x y z\n1 0 0:1 / /a rw -  y z\n2 0 0:1 / /b rw - x y z\n",
			[]Mount{{2, 0, "0:1", "/", "/b", "rw", "x", "y", "z"}},
			nil,
		},
		{"no mounts", "", nil, nil},
		{"cut off", "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,disc", nil, ErrTruncated},
	}, parseMountInfo)

	got, err := parseMountInfo([]byte("1 0 0:1 / /a rw - x " + long + " z\n2 0 0:1 / /b rw - x y z\n"))
	if err != nil || len(got) != 1 || got[0].ID != 2 {
		t.Errorf("behind a line that is too long: %d mounts, %v", len(got), err)
	}
}

func TestParseMountInfoOfAMachine(t *testing.T) {
	got, err := parseMountInfo([]byte(machineMountInfo))
	if err != nil || len(got) != strings.Count(machineMountInfo, "\n") {
		t.Fatalf("%d mounts, %v", len(got), err)
	}
	if m := got[1]; m.FSType != "virtiofs" || m.Source != "kataShared" || m.Device != "0:22" {
		t.Errorf("got %+v", m)
	}
}

func TestParseMountInfoIsBounded(t *testing.T) {
	got, err := parseMountInfo([]byte(strings.Repeat("1 0 0:1 / /a rw - x y z\n", maxMounts+10)))
	if err != nil || len(got) != maxMounts {
		t.Errorf("%d mounts, %v", len(got), err)
	}
}

// One copy of the file, whatever its length.
func TestParseMountInfoAllocatesOnce(t *testing.T) {
	in, dst := []byte(machineMountInfo), make([]Mount, 0, 16)
	if n := testing.AllocsPerRun(100, func() { _, _ = ParseMountInfo(in, dst) }); n != 1 {
		t.Errorf("%v allocations a call, want 1", n)
	}
}

const machineMountInfo = `27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard,resv_strict,resuid=65534,resgid=65534
40 27 0:22 / /run/kata-containers/shared/containers rw,nodev,relatime shared:9 - virtiofs kataShared rw
23 27 0:23 / /sys rw,relatime - sysfs sysfs rw
115 64 0:50 / /m rw,relatime master:3 - overlay overlay rw,lowerdir=/d/overlay2/l/4O:/d/overlay2/l/V4,upperdir=/d/overlay2/ce/diff,workdir=/d/overlay2/ce/work
`

func formatMounts(mounts []Mount) string {
	escape := strings.NewReplacer(" ", `\040`, "\t", `\011`, "\n", `\012`, `\`, `\134`, "#", `\043`)
	var w strings.Builder
	for _, m := range mounts {
		fmt.Fprintf(&w, "%d %d %s %s %s %s shared:7 - %s %s %s\n", m.ID, m.Parent, m.Device, escape.Replace(m.Root),
			escape.Replace(m.Mountpoint), m.Options, escape.Replace(m.FSType), escape.Replace(m.Source), m.SuperOptions)
	}
	return w.String()
}

func FuzzParseMountInfo(f *testing.F) {
	seed(f, nil, machineMountInfo, "1 0 0:1 / /a rw - tmpfs  rw\n", `1 0 0:1 /a\040b//deleted /m\134 rw - 9p C:\134 rw,path=C:\;a b`+"\n")
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > maxMountLine/8 {
			return // escaped, a line may grow beyond what is taken
		}
		old := []Mount{{ID: 1, Mountpoint: "/old"}, {ID: 2, Mountpoint: "/older"}}
		got, ok := checkSlice(t, b, old, ParseMountInfo, formatMounts)
		for _, m := range got {
			if !strings.HasPrefix(m.Mountpoint, "/") || m.FSType == "" || m.Root == "" || strings.ContainsRune(m.Mountpoint+m.Root+m.Source, 0) && !strings.Contains(string(b), "\x00") {
				t.Errorf("%q has a mount %+v", b, m)
			}
		}
		if ok {
			checkTwice(t, b, got, ParseMountInfo)
		}
		if _, err := ParseMountInfo(b, nil); err != nil && !errors.Is(err, ErrTruncated) {
			t.Errorf("%q: %v", b, err)
		}
	})
}
