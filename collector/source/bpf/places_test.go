package bpf

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/virt-exporter/virt_exporter/collector/kernel"
	"github.com/virt-exporter/virt_exporter/collector/model"
	"github.com/virt-exporter/virt_exporter/collector/source"
)

func container(name, cgroup, parent string) source.Guest {
	return source.Guest{Name: model.Name{Kind: model.Container, Runtime: "docker", Guest: name}, Cgroup: cgroup, Parent: parent}
}

func machine(name, cgroup string, processes, vcpus []int32) source.Guest {
	return source.Guest{
		Name: model.Name{Kind: model.VM, Runtime: "qemu", Guest: name}, Cgroup: cgroup,
		Threads: model.Threads{Processes: processes, VCPUs: vcpus},
	}
}

// fakeHost is a host with cgroups of v2 and processes, without a kernel to tell.
type fakeHost struct {
	*testing.T
	dir string
	*places
	around source.Surroundings
}

func newFakeHost(t *testing.T) *fakeHost {
	dir := t.TempDir()
	h := &fakeHost{T: t, dir: dir}
	h.file("sys/fs/cgroup/cgroup.controllers", "cpu io memory\n")
	h.places = &places{
		procfs: filepath.Join(dir, "proc"), hierarchies: findHierarchies(filepath.Join(dir, "sys")), slots: newSlots(64),
		guests: make(map[model.Name]*guest), byLabel: make(map[string]*guest), units: make(map[string]*unit), homes: make(map[int32]string),
	}
	return h
}

func (h *fakeHost) file(name, text string) {
	h.Helper()
	name = filepath.Join(h.dir, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		h.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		h.Fatal(err)
	}
}

func (h *fakeHost) process(pid int32, cgroup string) {
	h.file(filepath.Join("proc", strconv.Itoa(int(pid)), "cgroup"), "0::"+cgroup+"\n")
}

func (h *fakeHost) slotOf(name string) uint32 {
	for n, g := range h.guests {
		if n.Guest == name {
			return uint32(g.slot)
		}
	}
	h.Fatalf("%s has no slot", name)
	return 0
}

func (h *fakeHost) helpersOf(name string) uint32 {
	for n, g := range h.guests {
		if n.Guest == name {
			return uint32(g.helpers)
		}
	}
	h.Fatalf("%s has no slot", name)
	return 0
}

func TestPlacesOfCgroups(t *testing.T) {
	h := newFakeHost(t)
	h.around = source.Surroundings{
		Guests: []source.Guest{container("web", "/docker/1", ""), machine("vm", "/machine.slice/vm.scope", []int32{100, 101}, []int32{102, 103})},
		Units: []model.Unit{
			{Path: "/", Name: "-.slice"},
			{Path: "/machine.slice"},
			{Path: "/system.slice", Name: "system.slice"},
			{Path: "/system.slice/x.slice", Name: "system.slice"},
		},
	}
	h.process(100, "/machine.slice/vm.scope/emulator")
	h.process(101, "/system.slice/helper.service") // of its own, outside
	paths, threads := h.arrange(time.Second, h.around)
	system := uint32(h.units["system.slice"].slot)
	helpers, vcpus := h.helpersOf("vm")|placeVictim, h.slotOf("vm")|placeVictim
	if diff := cmp.Diff(map[string]uint32{
		"/":                            uint32(h.units["-.slice"].slot) | placeRoot,
		"/docker/1":                    h.slotOf("web") | placeVictim,
		"/machine.slice/vm.scope":      helpers | placeThreads,
		"/system.slice":                system,
		"/system.slice/x.slice":        system,
		"/system.slice/helper.service": system | placeThreads,
	}, paths); diff != "" {
		t.Errorf("places (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[uint32]uint32{100: helpers, 101: helpers, 102: vcpus, 103: vcpus}, threads); diff != "" {
		t.Errorf("threads (-want +got):\n%s", diff)
	}
}

func TestMachineWithoutCgroupIsToldByItsThreads(t *testing.T) {
	h := newFakeHost(t)
	h.process(100, "/user.slice/session-1.scope")
	h.process(200, "/")
	h.around.Guests = []source.Guest{machine("a", "", []int32{100}, []int32{101}), machine("b", "", []int32{200}, nil)}
	paths, _ := h.arrange(time.Second, h.around)
	if diff := cmp.Diff(map[string]uint32{
		"/":                           slotOther | placeRoot | placeThreads,
		"/user.slice/session-1.scope": slotOther | placeThreads,
	}, paths); diff != "" {
		t.Errorf("places (-want +got):\n%s", diff)
	}
}

// On Kubernetes the exporter has a cgroup namespace of its own, from which the paths of
// others begin with where it is.
func TestMachineWithoutCgroupFromWithinACgroupNamespace(t *testing.T) {
	const pod = "/kubepods/burstable/pod2/b"
	for name, change := range map[string]func(*fakeHost){
		"v2": func(h *fakeHost) {
			h.within = kernel.CgroupNamespace{Unified: "/kubepods/burstable/pod1/a"}
			h.process(100, "/../../pod2/b")
		},
		"v1": func(h *fakeHost) {
			h.hierarchies.cpu = &hierarchy{root: "/sys/fs/cgroup/cpu"}
			h.within = kernel.CgroupNamespace{CPU: "/kubepods/burstable/pod1/a"}
			h.file("proc/100/cgroup", "2:cpuacct,cpu:/../../pod2/b\n1:memory:/x\n0::/\n")
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newFakeHost(t)
			change(h)
			compute := container("compute", pod, "")
			vm := machine("vm", "", []int32{100}, []int32{101})
			vm.Parent = compute.String()
			h.around.Guests = []source.Guest{compute, vm}
			paths, _ := h.arrange(time.Second, h.around)
			if diff := cmp.Diff(map[string]uint32{
				"/": slotOther | placeRoot,
				pod: h.slotOf("compute") | placeVictim | placeThreads,
			}, paths); diff != "" {
				t.Errorf("places (-want +got):\n%s", diff)
			}
		})
	}
}

func TestGuestKeepsItsSlotForAWhile(t *testing.T) {
	h := newFakeHost(t)
	h.file("sys/fs/cgroup/docker/1/cgroup.procs", "")
	h.around.Guests = []source.Guest{container("web", "/docker/1", "")}
	h.arrange(time.Second, h.around)
	slot := h.slotOf("web")
	h.arrange(time.Second+kept, source.Surroundings{})
	if got := h.slotOf("web"); got != slot {
		t.Errorf("slot %d after it was not listed once, want %d", got, slot)
	}
	paths, _ := h.arrange(2*time.Second+kept, source.Surroundings{})
	if _, ok := paths["/docker/1"]; ok || len(h.guests) != 0 {
		t.Errorf("a guest that is gone has a place: %v", paths)
	}
}

func TestGuestWhoseCgroupIsGoneLosesItsSlotAtOnce(t *testing.T) {
	h := newFakeHost(t)
	h.around.Guests = []source.Guest{container("web", "/docker/1", "")}
	h.arrange(time.Second, h.around)
	h.arrange(2*time.Second, source.Surroundings{})
	if len(h.guests) != 0 {
		t.Errorf("%d guests have slots", len(h.guests))
	}
}

// What is in an engine's directory and is no guest's is a guest's that has not been
// found yet, and no service's of the host.
func TestUnitsThatHoldNothingButGuests(t *testing.T) {
	for path, want := range map[string]model.Cause{
		"/docker": model.CauseNeighbour, "/kubepods.slice/kubepods-pod1.slice": model.CauseNeighbour, "/machine.slice": model.CauseNeighbour,
		"/system.slice": model.CauseSystem, "/": model.CauseSystem,
	} {
		h := newFakeHost(t)
		h.around.Guests = []source.Guest{container("web", filepath.Join(path, "1"), "")}
		h.around.Units = []model.Unit{{Path: path, Name: "unit"}}
		h.arrange(time.Second, h.around)
		if got := h.units["unit"].cause; got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}

// The name of a container may be found late.
func TestNewNameTakesTheCgroupOver(t *testing.T) {
	h := newFakeHost(t)
	h.arrange(time.Second, source.Surroundings{Guests: []source.Guest{container("0123456789ab", "/docker/1", "")}})
	paths, _ := h.arrange(2*time.Second, source.Surroundings{Guests: []source.Guest{container("web", "/docker/1", "")}})
	if got, want := paths["/docker/1"], h.slotOf("web")|placeVictim; got != want {
		t.Errorf("place %#x, want %#x", got, want)
	}
}

func TestGuestsWithoutASlotAreCounted(t *testing.T) {
	h := newFakeHost(t)
	h.slots = newSlots(slotsReserved + 2)
	h.arrange(time.Second, source.Surroundings{Guests: []source.Guest{container("a", "/a", ""), machine("b", "/b", nil, nil), container("c", "/c", "")}})
	if h.unplaced != 1 || len(h.guests) != 2 {
		t.Errorf("%d guests without a slot and %d with one, want 1 and 2", h.unplaced, len(h.guests))
	}
}

func TestWhoIsWhose(t *testing.T) {
	h := newFakeHost(t)
	outer := container("outer", "/lxc/outer", "")
	h.arrange(time.Second, source.Surroundings{Guests: []source.Guest{
		outer, container("inner", "/lxc/outer/docker/1", outer.String()), container("beside", "/lxc/outer/docker/2", outer.String()), container("other", "/docker/3", ""),
	}})
	by := make(map[string]*guest)
	for n, g := range h.guests {
		by[n.Guest] = g
	}
	for _, tt := range []struct {
		victim, ran string
		want        model.Cause
	}{
		{"inner", "inner", model.CauseSelf},
		{"inner", "outer", model.CauseSelf},
		{"outer", "inner", model.CauseSelf},
		{"inner", "beside", model.CauseNeighbour},
		{"outer", "other", model.CauseNeighbour},
		{"other", "outer", model.CauseNeighbour},
	} {
		if got, _ := by[tt.ran].causeOf(by[tt.victim]); got != tt.want {
			t.Errorf("%s waits while %s runs: %s, want %s", tt.victim, tt.ran, got, tt.want)
		}
	}
	var parts []string
	by["outer"].eachPart(func(p part) { parts = append(parts, p.about.Guest) })
	if len(parts) != 3 {
		t.Errorf("the figures of outer are those of %v", parts)
	}
}

func TestParentsThatNameEachOtherEnd(t *testing.T) {
	h := newFakeHost(t)
	a, b := container("a", "/a", "container/docker/b"), container("b", "/b", "container/docker/a")
	h.arrange(time.Second, source.Surroundings{Guests: []source.Guest{a, b}})
	for _, g := range h.guests {
		g.eachPart(func(part) {})
		_, _ = g.causeOf(g)
	}
}
