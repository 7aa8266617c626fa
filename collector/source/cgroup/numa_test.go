package cgroup

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// nodes returns the bytes on each NUMA node.
func nodes(g model.Guest) map[string]float64 {
	got := make(map[string]float64)
	for _, n := range g.Memory.NUMA {
		got[n.Node] = n.Bytes.Or(-1)
	}
	return got
}

func TestMemoryOfAVirtualMachineByNode(t *testing.T) {
	f, s, path := one(t)
	f.libvirtVM(plainVM, "")
	placed := func(bytes int) {
		for _, dir := range []string{plainVM, path} {
			f.write("sys/fs/cgroup"+dir+"/memory.numa_stat", fmt.Sprintf("anon N0=%d N1=200\nfile N0=5 N1=0\n", bytes))
		}
	}
	placed(100)
	if got := nodes(f.read(s)["tiny1"]); len(got) != 0 {
		t.Errorf("nodes on a host that has one: %v", got)
	}
	f.write("sys/devices/system/node/online", "0-1\n")
	s = f.open(func(o *Options) { o.Recheck = 4 * time.Minute })
	guests := f.read(s)
	if diff := cmp.Diff(map[string]float64{"0": 105, "1": 200}, nodes(guests["tiny1"])); diff != "" {
		t.Errorf("nodes differ (-want +got):\n%s", diff)
	}
	if got := nodes(guests["web"]); guests["web"].Guest == "" || len(got) != 0 {
		t.Errorf("nodes of a container: %v", got)
	}
	for range 5 {
		f.read(s) // the second time may be near
	}
	seen := make(map[float64]bool)
	for i := range 8 {
		placed(1000 + i)
		seen[nodes(f.read(s)["tiny1"])["0"]] = true
	}
	if len(seen) < 2 || len(seen) > 3 {
		t.Errorf("%d values in eight readings of 15 seconds, want one a minute: %v", len(seen), seen)
	}
	f.remove("sys/fs/cgroup" + plainVM + "/memory.numa_stat")
	for range 5 {
		guests = f.read(s)
	}
	if got := nodes(guests["tiny1"]); len(got) != 0 {
		t.Errorf("nodes when there is no such file: %v", got)
	}
}

func TestMemoryByNodeOnCgroupV1(t *testing.T) {
	f := newFakeV1(t)
	f.write("sys/devices/system/node/online", "0-1\n")
	f.vmV1(plainVM)
	page := float64(os.Getpagesize())
	if diff := cmp.Diff(map[string]float64{"0": 2 * page, "1": 3 * page}, nodes(f.read(f.open())["tiny1"])); diff != "" {
		t.Errorf("nodes differ (-want +got):\n%s", diff)
	}
}
