package fsprobe

import (
	"strings"
	"testing"

	"github.com/virt-exporter/virt_exporter/collector/kernel"
)

func ownMounts(t *testing.T, lines ...string) []kernel.Mount {
	t.Helper()
	mounts, err := kernel.ParseMountInfo([]byte(mountInfo(100, lines...)), nil)
	if err != nil {
		t.Fatal(err)
	}
	return reachable(mounts)
}

func TestPickReference(t *testing.T) {
	const kataRoot = "0:22 /c / virtiofs kataShared rw"
	for _, tc := range []struct {
		name       string
		lines      []string
		probed     string
		label, dir string
	}{
		{"a machine", []string{diskRoot, "254:1 / /var ext4 /dev/vdb rw"}, "", "local", "/"},
		{"a machine whose disk is itself named", []string{diskRoot}, "254:0", "local", "/"},
		{"a container", []string{"0:30" + overlayRoot, "254:0 /d /data ext4 /dev/vda rw"}, "254:0", "local", "/"},
		{"a container on a directory", []string{"254:0 /var/lib/lxc/c/rootfs / ext4 /dev/vda rw"}, "", "local", "/"},
		{"a root that is passed through", []string{kataRoot, "254:2 / /disk xfs /dev/vdb rw", "254:1 / /home xfs /dev/vdb rw", "254:3 / /d xfs /dev/vdc rw"}, "", "local", "/home"},
		{"only other disks", []string{kataRoot, "254:4 / /boot ext4 /dev/vdb rw", "254:2 / /disk xfs /dev/vdb rw", "254:3 / /d xfs /dev/vdc rw"}, "", "local", "/d"},
		{"a disk that is probed", []string{kataRoot, "254:2 / /home xfs /dev/vdb rw", "0:40 / /run tmpfs tmpfs rw"}, "254:2", "tmpfs", "/run"},
		{"parts of disks", []string{kataRoot, "254:2 /x /home xfs /dev/vdb rw", "0:40 / /run tmpfs tmpfs rw", "0:41 / /dev/shm tmpfs shm rw"}, "", "tmpfs", "/dev/shm"},
		{"nothing", []string{kataRoot, "0:40 / /elsewhere tmpfs tmpfs rw"}, "", "", ""},
		{"no mounts", nil, "", "", ""},
	} {
		label, dir := pickReference(ownMounts(t, tc.lines...), map[string]bool{tc.probed: true})
		if label != tc.label || dir != tc.dir {
			t.Errorf("%s: got %s %s, want %s %s", tc.name, label, dir, tc.label, tc.dir)
		}
	}
}

func TestReferenceLabel(t *testing.T) {
	own := ownMounts(t, "0:30"+overlayRoot, "254:1 / /mnt/blk ext4 /dev/vdb rw", "0:31 / /mnt/v virtiofs share rw", "0:32 / /dev/shm tmpfs shm rw", "0:33 / /net autofs systemd-1 rw")
	for _, tc := range []struct{ dir, want, err string }{
		{"/", "local", ""},
		{"/var/tmp", "local", ""},
		{"/mnt/blk/ref", "local", ""},
		{"/dev/shm", "tmpfs", ""},
		{"/mnt/v/x", "", "/mnt/v/x is on virtiofs"},
		{"/net/a", "", "/net/a is on autofs"},
	} {
		got, err := referenceLabel(own, tc.dir)
		if got != tc.want || (err != nil) != (tc.err != "") || err != nil && !strings.Contains(err.Error(), tc.err) {
			t.Errorf("%s: got %q, %v", tc.dir, got, err)
		}
	}
	if _, err := referenceLabel(nil, "/a"); err == nil || !strings.Contains(err.Error(), "no file system") {
		t.Errorf("without mounts: %v", err)
	}
}
