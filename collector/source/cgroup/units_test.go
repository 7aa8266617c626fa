package cgroup

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

const podPath = "/kubepods/burstable/pod1d1f1a4c-21a4-4c54-a2dc-0c1b36eb3cb8"

// units reads once, 15 seconds after the last time.
func (f *fake) units(s *Source) map[string]model.Unit {
	f.t.Helper()
	f.now += 15 * time.Second
	r, err := s.Read(context.Background())
	if err != nil {
		f.t.Fatal(err)
	}
	found := make(map[string]model.Unit)
	for _, u := range r.Units {
		if _, twice := found[u.Path]; twice {
			f.t.Errorf("%s is there twice", u.Path)
		}
		found[u.Path] = u
	}
	return found
}

// unitNames returns the names of units by their paths.
func unitNames(units map[string]model.Unit) map[string]string {
	names := make(map[string]string)
	for path, u := range units {
		names[path] = u.Name
	}
	return names
}

func TestUnitsAreWhatIsTheHostsOwn(t *testing.T) {
	f := newFake(t)
	guests := []string{
		"/docker/" + id("aa"), podPath + "/" + id("bb"), "/lxc.payload.c1", "/system.slice/docker-" + id("cc") + ".scope", scope,
		"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + id("dd") + ".scope",
	}
	for _, path := range guests {
		f.cgroup(path)
		f.events(path, 1, 0)
	}
	for _, path := range []string{
		"/init.scope", "/lxc.payload.c1/system.slice/x.service", guests[0] + "/system.slice/cron.service", "/lxc.monitor.c1",
		"/system.slice/ssh.service", "/system.slice/ssh.service/below", "/system.slice/run-u7.service", "/system.slice/run-r1.scope",
		"/system.slice/dev-hugepages.mount", "/system.slice/system-getty.slice/getty@tty1.service", "/system.slice/libpod-conmon-" + id("ee") + ".scope",
		"/user.slice/user-1000.slice/session-3.scope", "/user.slice/user-1000.slice/user@1000.service/app.slice/x.service",
		"/user.slice/user-1001.slice/session-4.scope", "/batch.slice/night.service", "/jobs/7",
		`/machine.slice/machine-qemu\x2d2\x2dgone.scope`,
	} {
		f.cgroup(path)
	}
	f.events(`/machine.slice/machine-qemu\x2d2\x2dgone.scope`, 0, 0)
	want := map[string]string{
		"/":                                "-.slice",
		"/docker":                          "/docker",
		"/kubepods":                        "/kubepods",
		"/kubepods/burstable":              "/kubepods/burstable",
		podPath:                            podPath,
		"/machine.slice":                   "machine.slice",
		"/init.scope":                      "init.scope",
		"/lxc.monitor.c1":                  "/lxc.monitor.c1",
		"/jobs":                            "/jobs",
		"/batch.slice":                     "batch.slice",
		"/system.slice":                    "system.slice",
		"/user.slice":                      "user.slice",
		"/batch.slice/night.service":       "night.service",
		"/system.slice/ssh.service":        "ssh.service",
		"/system.slice/system-getty.slice": "system-getty.slice",
		"/user.slice/user-1000.slice":      "user-1000.slice",
		"/user.slice/user-1001.slice":      "user-1001.slice",
		"/user.slice/user-1000.slice/user@1000.service":            "user-1000.slice",
		"/user.slice/user-1000.slice/user@1000.service/user.slice": "user-1000.slice",
	}
	s := f.open()
	if diff := cmp.Diff(want, unitNames(f.units(s))); diff != "" {
		t.Errorf("units differ (-want +got):\n%s", diff)
	}
	for _, path := range guests { // with the last guest go the directories that only held guests
		f.remove("sys/fs/cgroup" + path)
	}
	for path := range want {
		if strings.Count(path, "/") > 2 || path == "/kubepods/burstable" {
			delete(want, path)
		}
	}
	if diff := cmp.Diff(want, unitNames(f.units(s))); diff != "" {
		t.Errorf("units without guests differ (-want +got):\n%s", diff)
	}
}

func TestUnitNames(t *testing.T) {
	for path, want := range map[string]string{
		"":                                       "-.slice",
		"/docker":                                "/docker",
		"/a/b":                                   "/a/b",
		"/init.scope":                            "init.scope",
		"/x.scope/y":                             "x.scope",
		"/run-u1.service":                        "-.slice",
		"/system.slice/a.service":                "a.service",
		"/system.slice/a.service/b":              "/system.slice/a.service/b",
		"/system.slice/run-u1.service/b":         "system.slice",
		"/system.slice/run-r1.scope":             "system.slice",
		"/system.slice/b.slice/c.slice":          "c.slice",
		"/user.slice":                            "user.slice",
		"/user.slice/evil.service":               "user.slice",
		"/user.slice/user-7.slice":               "user-7.slice",
		"/user.slice/user-7.slice/a.slice":       "user-7.slice",
		"/user.slice/user-7.slice/ssh.service/b": "user-7.slice",
		"/\xff.slice":                            "\uFFFD.slice",
		"/" + strings.Repeat("a/", 4000):         ("/" + strings.Repeat("a/", 4000))[:maxUnitName],
	} {
		if got := unitName(path); got != want {
			t.Errorf("%.60q is named %.60q, want %.60q", path, got, want)
		}
	}
}

func TestAUnitIsReadAsTheKernelHasIt(t *testing.T) {
	f := newFake(t)
	path := "/system.slice/backup.service"
	f.cgroup(path)
	f.write("sys/fs/cgroup"+path+"/io.stat", "8:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=7 dios=7\n253:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0\n")
	f.write("sys/fs/cgroup"+path+"/cpu.weight", "900\n")
	f.cpuset("/system.slice", "0-1")
	f.mkdir("sys/dev/block")
	f.mkdir("sys/block/sda")
	f.mkdir("sys/block/dm-0/slaves/sda")
	for link, to := range map[string]string{"8:0": "sda", "253:0": "dm-0"} {
		if err := symlink("../../block/"+to, f.path("sys/dev/block/"+link)); err != nil {
			t.Fatal(err)
		}
	}
	s := f.open()
	units := f.units(s)
	want := model.Unit{
		Path: path, Name: "backup.service", Usage: model.Some(1), Memory: model.Some(4096), Weight: model.Some(900), CPUs: model.CPUSet{0b11},
		IO: []model.DeviceIO{{
			Device: "sda", Layer: model.LayerHost,
			Read:  model.Operations{Requests: model.Some(1), Bytes: model.Some(4096)},
			Write: model.Operations{Requests: model.Some(2), Bytes: model.Some(8192)},
		}},
	}
	if diff := cmp.Diff(want, units[path], cmp.AllowUnexported(model.Opt{})); diff != "" {
		t.Errorf("unit differs (-want +got):\n%s", diff)
	}
	root := model.Unit{Path: "/", Name: "-.slice", CPUs: model.CPUSet{0b1111}}
	if diff := cmp.Diff(root, units["/"], cmp.AllowUnexported(model.Opt{})); diff != "" {
		t.Errorf("root differs (-want +got):\n%s", diff)
	}
	f.remove("sys/fs/cgroup" + path)
	f.cgroup(path) // started anew
	if u := f.units(s)[path]; u.Usage != model.Some(1) || len(u.IO) > 0 {
		t.Errorf("unit when it was started anew: %+v", u)
	}
}

func TestUnitsOfV1(t *testing.T) {
	f := newFakeV1(t)
	file := func(controller, name, text string) {
		f.write("sys/fs/cgroup/"+controller+"/system.slice/a.service/"+name, text)
	}
	file("cpu", "cpu.shares", "2048\n")
	file("cpuacct", "cpuacct.usage", "3000000000\n")
	file("memory", "memory.usage_in_bytes", "1000\n")
	file("blkio", "blkio.throttle.io_service_bytes_recursive", "8:0 Read 4096\n8:0 Write 8192\nTotal 12288\n")
	file("blkio", "blkio.throttle.io_serviced_recursive", "8:0 Read 1\n8:0 Write 2\nTotal 3\n")
	file("cpuset", "cpuset.effective_cpus", "3\n")
	want := model.Unit{
		Path: "/system.slice/a.service", Name: "a.service", Usage: model.Some(3), Memory: model.Some(1000), Weight: model.Some(200), CPUs: model.CPUSet{0b1000},
		IO: []model.DeviceIO{{
			Device: "8:0", Layer: model.LayerHost,
			Read:  model.Operations{Requests: model.Some(1), Bytes: model.Some(4096)},
			Write: model.Operations{Requests: model.Some(2), Bytes: model.Some(8192)},
		}},
	}
	if diff := cmp.Diff(want, f.units(f.open())[want.Path], cmp.AllowUnexported(model.Opt{})); diff != "" {
		t.Errorf("unit differs (-want +got):\n%s", diff)
	}
}

func TestAUnitOfAHybridHostIsTakenWhereItHasMore(t *testing.T) {
	f := newFakeV1(t)
	f.write("sys/fs/cgroup/unified/cgroup.controllers", "\n")
	set := func(v1, v2 int) {
		f.write("sys/fs/cgroup/cpuacct/system.slice/cpuacct.usage", itoa(v1)+"000000000\n")
		f.charged("/unified/system.slice", v2*1_000_000, "")
	}
	set(0, 0)
	s := f.open()
	for _, step := range []struct{ v1, v2, want int }{{0, 0, 0}, {1, 3, 3}, {9, 4, 4}, {9, 5, 5}} {
		set(step.v1, step.v2)
		want(t, "usage", f.units(s)["/system.slice"].Usage, float64(step.want))
	}
}

func TestUnitsSayNothingOfWhatCanBeSeenOfGuests(t *testing.T) {
	f := newFake(t)
	s := f.open()
	f.units(s)
	before := slices.Clone(s.features.list(s.now, s.opts.Recheck))
	f.cgroup("/system.slice/a.service")
	f.units(s)
	if diff := cmp.Diff(before, s.features.list(s.now, s.opts.Recheck)); diff != "" {
		t.Errorf("features differ (-without +with units):\n%s", diff)
	}
}

func TestUnitsAreLimited(t *testing.T) {
	const services = 10_000
	f := newFake(t)
	for i := range services {
		f.mkdir(fmt.Sprintf("sys/fs/cgroup/system.slice/a%05d.service", i))
	}
	f.cgroup(podPath + "/" + id("bb"))
	s := f.open(func(o *Options) { o.OpenFiles = 100 })
	units := f.units(s)
	if len(units) != maxUnits+1 {
		t.Errorf("%d units", len(units))
	}
	for _, path := range []string{"/", "/system.slice", "/kubepods", "/kubepods/burstable"} {
		if units[path].Name == "" {
			t.Errorf("%s is left out", path)
		}
	}
	const others = 4 // /system.slice, /kubepods, /kubepods/burstable and the pod
	if n := s.dropped["units"]; n != services+others-maxUnits {
		t.Errorf("%d are counted as left out", n)
	}
	f.cgroup("/system.slice/a.service") // sorts first
	f.mkdir("sys/fs/cgroup/zz.slice")
	again := f.units(s)
	kept := 0
	for path := range units {
		if _, ok := again[path]; ok {
			kept++
		}
	}
	if kept != maxUnits || again["/zz.slice"].Name == "" {
		t.Errorf("%d of %d units were kept", kept, maxUnits)
	}
	f.units(s)
	if n := s.dropped["units"]; n != services+others+1-maxUnits+1 {
		t.Errorf("%d are counted as left out after two more came", n)
	}
	if s.files.Open() > 100 {
		t.Errorf("%d files are open", s.files.Open())
	}
}

func TestOneUsersOrPodsDirectoriesPushNoServiceOut(t *testing.T) {
	f := newFake(t)
	f.mkdir("sys/fs/cgroup/system.slice/ssh.service")
	for i := range maxUnits {
		f.mkdir(fmt.Sprintf("sys/fs/cgroup/kubepods/pod%08x-21a4-4c54-a2dc-0c1b36eb3cb8/%064x", i, i))
		f.mkdir(fmt.Sprintf("sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/app.slice/%d/libpod-%064x.scope", i, maxUnits+i))
	}
	s := f.open(func(o *Options) { o.MaxGuests = 10_000 })
	units := f.units(s)
	for _, path := range []string{"/system.slice/ssh.service", "/user.slice/user-1000.slice"} {
		if units[path].Name == "" {
			t.Errorf("%s is left out", path)
		}
	}
	if len(units) != maxUnits+1 {
		t.Errorf("%d units", len(units))
	}
}

func TestFilesOfUnitsThatAreGoneAreClosed(t *testing.T) {
	f := newFake(t)
	s := f.open()
	f.units(s)
	none := s.files.Open()
	for _, path := range []string{"/a.slice/a.service", "/b", "/docker/" + id("aa")} {
		f.cgroup(path)
	}
	f.units(s)
	if s.files.Open() <= none {
		t.Fatal("no file was kept open")
	}
	for _, path := range []string{"/a.slice", "/b", "/docker"} {
		f.remove("sys/fs/cgroup" + path)
	}
	if got := slices.Collect(maps.Keys(f.units(s))); len(got) != 1 {
		t.Errorf("units are %v", got)
	}
	if n := s.files.Open(); n != none {
		t.Errorf("%d files are open, want %d", n, none)
	}
	f.cgroup("/c")
	f.units(s)
	if err := s.Close(); err != nil || s.files.Open() != none && s.files.Open() != 0 {
		t.Errorf("%d files are open after closing, %v", s.files.Open(), err)
	}
}

func TestADirectoryThatBecomesAGuestIsNoUnit(t *testing.T) {
	f := newFake(t)
	path := "/other/" + id("aa")
	f.mkdir("sys/fs/cgroup" + path)
	s := f.open()
	if units := f.units(s); units["/other"].Name == "" || units[path].Name != "" {
		t.Errorf("units are %v", unitNames(units))
	}
	vm := "/vm"
	f.cgroup(vm)
	if units := f.units(s); units[vm].Name == "" {
		t.Errorf("units are %v", unitNames(units))
	}
	n := s.find(vm)
	m, _ := s.resolver.Lookup(vm)
	m.Kind, m.Runtime, m.ID = model.Container, "docker", id("bb")
	s.admit(n, m)
	if units := f.units(s); units[vm].Name != "" || n.unit != nil {
		t.Errorf("units with a guest among them are %v", unitNames(units))
	}
}

func TestAReadingThatWasCutShortGivesNoUnits(t *testing.T) {
	f, s, _ := one(t)
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	f.now += time.Second
	if r, err := s.Read(ended); err == nil || r.Units != nil {
		t.Errorf("units are %v, %v", r.Units, err)
	}
	if units := f.units(s); units["/docker"].Name == "" {
		t.Errorf("units are %v", unitNames(units))
	}
}

func TestGarbageInAUnitsFilesIsAProblemOfThatFile(t *testing.T) {
	f := newFake(t)
	path := "/system.slice/a.service"
	f.cgroup(path)
	f.write("sys/fs/cgroup"+path+"/memory.current", "x\n")
	s := f.open()
	f.now += time.Second
	r, err := s.Read(context.Background())
	if err == nil || !strings.Contains(err.Error(), path+"/memory.current") {
		t.Errorf("error is %v", err)
	}
	last := r.Units[len(r.Units)-1]
	want(t, "usage", last.Usage, 1)
	wantAbsent(t, "memory", last.Memory)
}

func TestAUnitsQuotaIsNotReadAgainForTheGuestsBelow(t *testing.T) {
	f := newFake(t)
	path := podPath + "/" + id("bb")
	for _, dir := range []string{"/kubepods", "/kubepods/burstable", podPath, path} {
		f.cgroup(dir)
		f.charged(dir, 5, "nr_periods 5\nnr_throttled 1\nthrottled_usec 1000000\n")
	}
	s := f.open(func(o *Options) { o.OpenFiles = 0 })
	f.read(s)
	f.charge()
	f.idle = true // charging opens files too
	opened := watchOpens(t, f.root)
	want(t, "throttled on all levels", f.read(s)[id("bb")[:12]].CPU.Throttled, 4)
	read := 0
	for name, times := range opened() {
		if times > 1 {
			t.Errorf("%s was opened %d times", strings.TrimPrefix(name, f.root), times)
		}
		if strings.HasSuffix(name, "/cpu.stat") {
			read++
		}
	}
	if read != 4 {
		t.Errorf("cpu.stat was read of %d directories, want 4", read)
	}
}

func TestAGuestThatFoundNoRoomIsNoService(t *testing.T) {
	f := newFake(t)
	f.cgroup("/system.slice/systemd-nspawn@x.service")
	f.cgroup("/system.slice/ssh.service")
	s := f.open(func(o *Options) { o.MaxGuests = 0 })
	want := map[string]string{"/": "-.slice", "/system.slice": "system.slice", "/system.slice/ssh.service": "ssh.service"}
	if diff := cmp.Diff(want, unitNames(f.units(s))); diff != "" {
		t.Errorf("units differ (-want +got):\n%s", diff)
	}
}

func TestUnitsThatStayAllocateNothing(t *testing.T) {
	f := newFake(t)
	for i := range 20 {
		path := fmt.Sprintf("/system.slice/a%d.service", i)
		f.cgroup(path)
		f.write("sys/fs/cgroup"+path+"/io.stat", "8:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=7 dios=7\n")
	}
	s := f.open()
	f.units(s)
	f.units(s)
	if n := testing.AllocsPerRun(10, func() { s.readUnits() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
