package fsprobe

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/virt-exporter/virt_exporter/collector/kernel"
)

const podDir = "/var/lib/kubelet/pods/11111111-2222-3333-4444-555555555555"

func TestFindMountsOfThisMachine(t *testing.T) {
	for _, tc := range []struct {
		name      string
		lines     []string
		container bool
		exclude   string
		want      []string
	}{
		{"ordinary ones", []string{diskRoot, "0:22 / /sys sysfs sysfs rw", "0:23 / /tmp tmpfs tmpfs rw", "254:0 /srv /data ext4 /dev/vda rw"}, false, "", nil},
		{
			"passed through, by path",
			[]string{diskRoot, "0:31 / /mnt/v virtiofs share rw", "0:30 / /mnt/p 9p p9 rw,trans=virtio", "0:32 / /net nfs4 s:/ rw", "0:33 / /a fuse.sshfs h:/ rw"},
			false, "",
			[]string{"/a fuse 104", "/mnt/p 9p 102", "/mnt/v virtiofs 101", "/net nfs 103"},
		},
		{
			"one for each superblock",
			[]string{
				diskRoot, "0:31 /hosts /etc/hosts virtiofs kataShared rw", "0:31 /d /d virtiofs kataShared rw",
				"0:31 / /run/kata-containers/shared/containers virtiofs kataShared rw", "0:31 / /a/much/longer/path/than/that/of/the/other/one virtiofs kataShared rw",
				"0:32 /x /x.conf fakeowner /run/host_mark/a rw", "0:32 /y /directory fakeowner /run/host_mark/a rw", "0:33 / /two nfs4 s:/ rw", "0:33 / /one nfs4 s:/ rw",
			},
			false, "",
			[]string{"/directory docker-desktop 106", "/run/kata-containers/shared/containers kata 103", "/two nfs 107"},
		},
		{
			"roots of containers are left out",
			[]string{"0:30" + overlayRoot, "0:31 / /var/lib/docker/overlay2/x/merged overlay overlay rw", "0:32 / /usr/lib/wsl/lib overlay none rw"},
			true, "",
			[]string{"/usr/lib/wsl/lib overlay 102"},
		},
		{
			"binds in a container",
			[]string{
				"0:30" + overlayRoot, "254:0 /c/hosts /etc/hosts ext4 /dev/vda rw", "254:0 /app.yml /app.yml ext4 /dev/vda rw", "254:0 /srv/data /srv/data ext4 /dev/vda rw",
				"254:1 " + podDir + "/volumes/kubernetes.io~csi/pvc/mount /pvc ext4 /dev/vdb rw", "254:2 / /disk ext4 /dev/vdc rw",
			},
			true, "",
			[]string{"/pvc kubernetes 104", "/srv/data bind 103"},
		},
		{"binds on a machine", []string{diskRoot, "254:1 /srv/data /srv/data ext4 /dev/vdb rw"}, false, "", nil},
		{"volumes on a node", []string{diskRoot, "251:0 / " + podDir + "/volumes/kubernetes.io~csi/pvc/mount ext4 /dev/rbd0 rw"}, false, "", []string{podDir + "/volumes/kubernetes.io~csi/pvc/mount kubernetes 101"}},
		{"excluded", []string{diskRoot, "0:31 / /mnt/v virtiofs share rw", "0:31 / /mnt/w virtiofs share rw", "254:1 /b /mnt/b ext4 /dev/vdb rw"}, true, "^/mnt/[vb]$", []string{"/mnt/w virtiofs 102"}},
		{"autofs", []string{diskRoot, "0:31 / /net autofs systemd-1 rw"}, false, "", nil},
		{"no label's value", []string{diskRoot, "0:31 / /\xff virtiofs share rw", "0:31 / /" + strings.Repeat("a", maxMountpoint) + " virtiofs share rw"}, true, "", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := newProcTree(t)
			p.add(1, 1, "/", tc.lines...)
			opts := finderOptions{procFS: p.dir, container: tc.container}
			if tc.exclude != "" {
				opts.exclude = regexp.MustCompile(tc.exclude)
			}
			f := newFinder(opts)
			if diff := cmp.Diff(tc.want, list(t, f, 0)); diff != "" {
				t.Errorf("mounts differ (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.want, list(t, f, 0)); diff != "" {
				t.Errorf("the second time (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFindSaysHowAMountIsReached(t *testing.T) {
	p := newProcTree(t)
	p.add(1, 1, "/", diskRoot, `0:31 / /mnt/a\040b virtiofs share rw,dax`)
	got, err := newFinder(finderOptions{procFS: p.dir + "/"}).find(0)
	if err != nil || len(got) != 1 {
		t.Fatalf("%d mounts, %v", len(got), err)
	}
	m := got[0]
	want := kernel.Mount{ID: 101, Parent: 100, Device: "0:31", Root: "/", Mountpoint: "/mnt/a b", Options: "rw", FSType: "virtiofs", Source: "share"}
	if m.root != p.dir+"/1/root" || m.path != "/mnt/a b" || m.mount != want || m.id.Tag != "share" || m.id.Options != "dax" {
		t.Errorf("got %+v", m)
	}
}

// The exporter's own mounts need no detour.
func TestFindOnThisMachine(t *testing.T) {
	f := newFinder(finderOptions{procFS: "/proc", guestOf: byCgroup, named: []Named{{Path: "/"}}})
	got, err := f.find(0)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range got {
		if m.root != "" || m.mount.ID == 0 || m.id.Kind == "" {
			t.Errorf("got %+v", m)
		}
	}
	if len(got) == 0 || got[0].path != "/" || !got[0].named {
		t.Errorf("the root was named, but there is %+v", got)
	}
	if own, err := f.own(); err != nil || len(own) == 0 {
		t.Errorf("%d own mounts, %v", len(own), err)
	}
}

// In a container with the host's processes, /proc is the host's as much as elsewhere:
// that the host's root is mounted somewhere says that the exporter is not at home.
func TestFindInAContainerOfThisMachine(t *testing.T) {
	for rootFS, want := range map[string]string{"": "", "/": "", "//": "", "/host": "/proc/1/root", "/host/": "/proc/1/root"} {
		f := newFinder(finderOptions{procFS: "/proc", rootFS: rootFS})
		if f.homeRoot != want {
			t.Errorf("with the host's root at %q mounts are reached through %q, not %q", rootFS, f.homeRoot, want)
		}
		if here, err := f.here(); err != nil || len(here) == 0 {
			t.Errorf("with the host's root at %q: %d mounts, %v", rootFS, len(here), err)
		}
	}
}

// Without the host's processes, process 1 is the container's own, or a neighbour's.
func TestFindWithoutTheHostsProcesses(t *testing.T) {
	p := newProcTree(t)
	p.add(1, 1, "/", diskRoot, "0:31 / /mnt/v virtiofs share rw")
	p.add(2, 2, "/docker/web", "0:50"+overlayRoot, "0:51 / /nfs nfs4 s:/a rw")
	p.write(2, "comm", "web\n")
	f := newFinder(finderOptions{procFS: p.dir, guestOf: byCgroup, named: []Named{{Path: "/mnt/v"}}})
	if diff := cmp.Diff([]string{"web:/nfs nfs 201"}, list(t, f, 0)); diff != "" {
		t.Errorf("mounts differ (-want +got):\n%s", diff)
	}
	if here, err := f.here(); err != nil || len(here) != 0 {
		t.Errorf("mounts of this machine: %v, %v", here, err)
	}
	if f.denied() {
		t.Error("nothing was denied")
	}
}

func TestFindFailsWithoutMountsOfThisMachine(t *testing.T) {
	p := newProcTree(t)
	if _, err := newFinder(finderOptions{procFS: p.dir}).find(0); err == nil || !strings.Contains(err.Error(), "/1/mountinfo") {
		t.Errorf("error is %v", err)
	}
	if _, err := newFinder(finderOptions{procFS: p.dir}).own(); err == nil {
		t.Error("no error for the own mounts")
	}
}

func TestNamedMounts(t *testing.T) {
	p := newProcTree(t)
	p.add(1, 1, "/", diskRoot, "0:31 / /mnt/v virtiofs share rw", "0:32 / /net autofs systemd-1 rw", "254:1 / /srv ext4 /dev/vdb rw", "0:33 / /mnt/c cifs //s/c rw")
	p.add(5, 2, "/docker/web", "0:50"+overlayRoot, "254:0 /srv/data /data ext4 /dev/vda rw")
	p.add(7, 3, "/docker/web/service", "0:50"+overlayRoot, "254:0 /srv/data /data ext4 /dev/vda rw", "0:60 / /x/y tmpfs tmpfs rw")
	p.add(8, 4, "/vm/m", diskRoot, "254:1 / /x ext4 /dev/vdb rw")
	for _, tc := range []struct {
		name  string
		named []string
		want  []string
	}{
		{"an ordinary mount", []string{"/srv"}, []string{"/srv ext4 103 *", "/mnt/v virtiofs 101"}},
		{"below a mount", []string{"/srv/a/b"}, []string{"/srv/a/b ext4 103 *", "/mnt/v virtiofs 101"}},
		{"one that is found takes its place", []string{"/mnt/v/sub"}, []string{"/mnt/v/sub virtiofs 101 *"}},
		{"twice", []string{"/srv", "/srv", "/srv/a"}, []string{"/srv ext4 103 *", "/srv/a ext4 103 *", "/mnt/v virtiofs 101"}},
		{"excluded otherwise", []string{"/mnt/c"}, []string{"/mnt/c cifs 104 *", "/mnt/v virtiofs 101"}},
		{"autofs", []string{"/net"}, []string{"/mnt/v virtiofs 101"}},
		{
			"a container's",
			[]string{"docker/web:/data", "docker/web:/"},
			[]string{"web:/ overlay 500 *", "web:/data bind 501 *", "/mnt/v virtiofs 101"},
		},
		{"in one of a container's namespaces", []string{"docker/web:/x/y"}, []string{"web:/x/y tmpfs 702 *", "/mnt/v virtiofs 101"}},
		{"below a mount of a container", []string{"docker/web:/data/z"}, []string{"web:/data/z bind 501 *", "/mnt/v virtiofs 101"}},
		{"a container that is not there", []string{"docker/db:/", "podman/web:/"}, []string{"/mnt/v virtiofs 101"}},
		{"a virtual machine's", []string{"qemu/m:/x"}, []string{"/mnt/v virtiofs 101"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			opts := finderOptions{procFS: p.dir, guestOf: byCgroup, exclude: regexp.MustCompile("^/mnt/c$|^/srv")}
			for _, s := range tc.named {
				n, err := ParseNamed(s)
				if err != nil {
					t.Fatal(err)
				}
				opts.named = append(opts.named, n)
			}
			if diff := cmp.Diff(tc.want, list(t, newFinder(opts), 0)); diff != "" {
				t.Errorf("mounts differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMountInfoThatIsTooLongIsCutOffAfterALine(t *testing.T) {
	p := newProcTree(t)
	text := mountInfo(100, diskRoot, "0:31 / /a virtiofs a rw", "0:32 / /b virtiofs b rw")
	p.write(1, "mountinfo", text)
	for limit, want := range map[int]int{len(text): 3, len(text) - 1: 2, 1: 0, 0: 0, len(text) + 1: 3} {
		var r infoReader
		got, err := r.read(p.dir+"/1", limit, nil)
		if err != nil || len(got) != want {
			t.Errorf("of %d bytes: %d mounts, %v; want %d", limit, len(got), err, want)
		}
	}
	long := strings.Repeat(text, 1+(200<<10)/len(text))
	p.write(1, "mountinfo", long)
	var r infoReader
	if got, err := r.read(p.dir+"/1", maxHomeInfo, nil); err != nil || len(got) != strings.Count(long, "\n") {
		t.Errorf("of a long file: %d mounts, %v", len(got), err)
	}
	if err := os.Remove(p.dir + "/1/mountinfo"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.read(p.dir+"/1", maxHomeInfo, nil); !kernel.Gone(err) {
		t.Errorf("of a process that is gone: %v", err)
	}
}

func TestMountsThatExpireAreLeftAlone(t *testing.T) {
	for options, listed := range map[string]bool{
		"rw,fd=7,pgrp=1,timeout=300,minproto=5,maxproto=5,direct": false,
		"rw,fd=7,pgrp=1,timeout=0,minproto=5,maxproto=5,direct":   true,
	} {
		p := newProcTree(t)
		text := "21 1 8:1 / / rw - ext4 /dev/sda rw\n" +
			"30 21 0:30 / /mnt/nas rw - autofs systemd-1 " + options + "\n" +
			"31 30 0:31 / /mnt/nas rw - nfs4 nas:/x rw\n"
		p.write(1, "mountinfo", text)
		for _, named := range [][]Named{nil, {{Path: "/mnt/nas"}}} {
			found, err := newFinder(finderOptions{procFS: p.dir, named: named}).find(0)
			if want := listed || named != nil; err != nil || (len(found) == 1) != want {
				t.Errorf("%s, named %v: %v, %v", options, named, found, err)
			}
		}
	}
}

func TestSubmountHasNoTag(t *testing.T) {
	p := newProcTree(t)
	text := "21 1 8:1 / / rw - ext4 /dev/sda rw\n" +
		"30 21 0:30 / /mnt/vfs rw - virtiofs share rw\n" +
		"31 30 0:31 / /mnt/vfs/nas rw - virtiofs share rw\n" +
		"32 21 0:32 / /mnt/vfs2 rw - virtiofs other rw\n"
	p.write(1, "mountinfo", text)
	list, err := newFinder(finderOptions{procFS: p.dir}).find(0)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, f := range list {
		got[f.path] = f.id.Tag
	}
	want := map[string]string{"/mnt/vfs": "share", "/mnt/vfs/nas": "", "/mnt/vfs2": "other"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
}

func TestADeviceIsNumberedAsTheKernelDoes(t *testing.T) {
	for device, want := range map[string]uint64{
		"0:39": 39, "254:1": 254<<20 | 1, "4095:1048575": 1<<32 - 1,
		"": 0, "39": 0, "4096:0": 0, "0:1048576": 0, "a:b": 0, "-1:1": 0,
	} {
		if got := superblock(device); got != want {
			t.Errorf("%q is %d, want %d", device, got, want)
		}
	}
}
