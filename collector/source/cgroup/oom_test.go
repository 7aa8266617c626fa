package cgroup

import (
	"fmt"
	"testing"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

func (f *fake) oomKills(path string, oom, kills int) {
	f.t.Helper()
	f.write("sys/fs/cgroup"+path+"/memory.events", fmt.Sprintf("low 1\nhigh 2\nmax 3\noom %d\noom_kill %d\n", oom, kills))
}

func TestOOMKillsOutliveTheirGuestForFifteenMinutes(t *testing.T) {
	f, s, path := one(t)
	f.oomKills(path, 1, 2)
	want(t, "kills", f.read(s)["web"].Memory.Events.OOMKill, 2)
	f.remove("sys/fs/cgroup" + path)
	g := f.read(s)["web"]
	if !g.Ended {
		t.Fatalf("the guest is not marked as ended: %+v", g)
	}
	want(t, "kills of the guest that is gone", g.Memory.Events.OOMKill, 2)
	want(t, "ooms of the guest that is gone", g.Memory.Events.OOM, 1)
	wantAbsent(t, "low events", g.Memory.Events.Low)

	t.Run("and go on counting if the name returns", func(t *testing.T) {
		f.cgroup(path)
		f.oomKills(path, 0, 1)
		g := f.read(s)["web"]
		want(t, "kills", g.Memory.Events.OOMKill, 3)
		if g.Ended {
			t.Error("the guest that is back is marked as ended")
		}
		f.remove("sys/fs/cgroup" + path)
		f.read(s)
	})
	f.now += 16 * time.Minute
	if guests := f.read(s); len(guests) != 0 {
		t.Errorf("guests after 16 minutes: %v", guests)
	}
}

func TestKillsBeforeTheExporterStartedAreNotCounted(t *testing.T) {
	f := newFake(t)
	path := "/docker/" + id("aa")
	f.cgroup(path)
	f.oomKills(path, 5, 5)
	s := f.open()
	want(t, "kills", f.read(s)[id("aa")[:12]].Memory.Events.OOMKill, 0)
	f.oomKills(path, 6, 7)
	want(t, "kills", f.read(s)[id("aa")[:12]].Memory.Events.OOMKill, 2)
}

func TestTheKernelsLogKnowsOfContainersThatAreGoneAtOnce(t *testing.T) {
	f, s, path := one(t)
	log := func(path string) func() { return func() { s.logged(path) } }
	tests := []struct {
		name  string
		do    func()
		guest string
		want  float64
	}{
		{"the log is ahead of the controller", log(path + "/sub"), "web", 1},
		{"the controller has counted it too", func() { f.oomKills(path, 1, 1) }, "web", 1},
		{"and another one", func() { f.oomKills(path, 2, 2) }, "web", 2},
		{"a container that no reading saw", func() { f.docker(id("dd"), "brief"); log("/docker/" + id("dd"))() }, "brief", 1},
		{"the same again", log("/docker/" + id("dd")), "brief", 2},
		{"the log comes after the end", func() {
			f.remove("sys/fs/cgroup" + path)
			f.read(s)
			log(path)()
		}, "web", 3},
		{"what lies inside a container imitates another", log("/docker/" + id("ee") + "/docker/" + id("dd")), "brief", 2},
		{"no container", log("/system.slice/sshd.service"), "brief", 2},
		{"the root", log("/"), "brief", 2},
		{"garbage", log("garbage"), "brief", 2},
	}
	for _, tt := range tests {
		tt.do()
		want(t, tt.name, f.read(s)[tt.guest].Memory.Events.OOMKill, tt.want)
	}
}

func TestAPodRemembersTheKillsOfItsContainers(t *testing.T) {
	f := newFake(t)
	pod := "/kubepods/pod1d1f1a4c-21a4-4c54-a2dc-0c1b36eb3cb8"
	path := func(prefix string) string { return pod + "/" + id(prefix) }
	f.cgroup(path("aa"))
	f.cgroup(path("bb"))
	f.oomKills(pod, 0, 9)
	s := f.open()
	f.read(s)
	f.oomKills(pod, 1, 10) // one in a container that is gone before it is read
	f.remove("sys/fs/cgroup" + path("aa"))
	want(t, "kills", f.read(s)[id("aa")[:12]].Memory.Events.OOMKill, 1)
	f.read(s)
	want(t, "kills later", f.read(s)[id("aa")[:12]].Memory.Events.OOMKill, 1)
	f.oomKills(pod, 1, 11)
	f.oomKills(path("bb"), 1, 1)
	want(t, "kills that a container has counted", f.read(s)[id("bb")[:12]].Memory.Events.OOMKill, 1)
	want(t, "kills of the other", f.read(s)[id("aa")[:12]].Memory.Events.OOMKill, 1)
}

func TestIOOfStackedDevicesIsCountedOnceAndLimitsAreRead(t *testing.T) {
	f, s, path := one(t)
	f.mkdir("sys/devices/virtual/block/dm-0/slaves/sda")
	f.mkdir("sys/devices/pci/block/sda")
	f.mkdir("sys/dev/block")
	for dev, target := range map[string]string{"253:0": "../../devices/virtual/block/dm-0", "8:0": "../../devices/pci/block/sda"} {
		if err := symlink(target, f.path("sys/dev/block/"+dev)); err != nil {
			t.Fatal(err)
		}
	}
	f.write("sys/fs/cgroup"+path+"/io.stat", "253:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0 dios=0\n8:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0 dios=0\n")
	f.write("sys/fs/cgroup"+path+"/io.max", "8:0 rbps=max wbps=1048576 riops=max wiops=50\n")
	g := f.read(s)["web"]
	if len(g.IO) != 1 || g.IO[0].Device != "sda" || g.IO[0].Layer != model.LayerHost {
		t.Fatalf("I/O is %+v", g.IO)
	}
	want(t, "bytes", g.IO[0].Write.Bytes, 20)
	g = f.read(s)["web"]
	want(t, "limit", g.IO[0].WriteLimit.BytesPerSecond, 1<<20)
	want(t, "limit", g.IO[0].WriteLimit.RequestsPerSecond, 50)
	wantAbsent(t, "no limit", g.IO[0].ReadLimit.BytesPerSecond)
}

// A volume that lies on a partition: the kernel counts at the disk.
func TestIOOfAVolumeOnAPartitionIsCountedOnce(t *testing.T) {
	f, s, path := one(t)
	f.mkdir("sys/devices/virtual/block/dm-0/slaves")
	f.write("sys/devices/pci/block/sda/sda3/partition", "3\n")
	f.mkdir("sys/dev/block")
	for link, target := range map[string]string{
		"sys/dev/block/253:0":                        "../../devices/virtual/block/dm-0",
		"sys/dev/block/8:0":                          "../../devices/pci/block/sda",
		"sys/devices/virtual/block/dm-0/slaves/sda3": "../../../../pci/block/sda/sda3",
	} {
		if err := symlink(target, f.path(link)); err != nil {
			t.Fatal(err)
		}
	}
	f.write("sys/fs/cgroup"+path+"/io.stat", "253:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0 dios=0\n8:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0 dios=0\n")
	if g := f.read(s)["web"]; len(g.IO) != 1 || g.IO[0].Device != "sda" {
		t.Errorf("I/O is %+v", g.IO)
	}
}

func TestAKillInAContainerThatIsNewAndLivesCountsOnce(t *testing.T) {
	f, s, _ := one(t)
	path := "/docker/" + id("ee")
	f.cgroup(path)
	f.docker(id("ee"), "fresh")
	f.oomKills(path, 1, 1)
	s.logged(path) // it was born, and lost a process, since the last walk
	want(t, "kills", f.read(s)["fresh"].Memory.Events.OOMKill, 1)
	want(t, "kills later", f.read(s)["fresh"].Memory.Events.OOMKill, 1)
}
