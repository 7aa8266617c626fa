package collector

import (
	"strings"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// host is everything that one scrape knows.
type host struct {
	node     *model.Node
	guests   []*model.Guest
	mounts   []*model.Mount
	sources  []*health
	placed   map[place]bool          // the mounts
	seen     map[model.Name]int      // the place in guests
	byCgroup map[string]*model.Guest // containers, while virtual machines are placed
	kin      kin                     // virtual machines, which several sources know
	measured overlay                 // what programs in the kernel saw of guests
	nodeNow  model.Node              // the machine, with what was allocated of it
	here     []*model.Guest          // the guests that run on this machine
	units    []model.Unit            // its cgroups that are no guest's
}

// view is what one source read for this scrape.
type view struct {
	source  string
	reading model.Reading

	// answered is false while it is not known what the source has to say: it is
	// late, or was cut short. One that is not available has answered: nothing.
	answered bool
	health   *health
}

// lists reports whether the source was read and lists guests.
func (v *view) lists() bool { return v.answered && v.reading.Guests != nil && !v.reading.Partial }

// merge puts the readings of all sources together, as of now. The views stand in
// the order of the openers.
func (h *host) merge(views []view, now time.Duration) {
	h.node = nil
	h.guests = h.guests[:0]
	h.mounts = h.mounts[:0]
	h.sources = h.sources[:0]
	if h.seen == nil {
		h.seen = make(map[model.Name]int)
	}
	clear(h.seen)
	if h.byCgroup == nil {
		h.byCgroup = make(map[string]*model.Guest)
	}
	clear(h.byCgroup)
	if h.placed == nil {
		h.placed = make(map[place]bool)
	}
	clear(h.placed)
	h.kin.begin(views, now)
	for i := range views {
		v := &views[i]
		h.sources = append(h.sources, v.health)
		if v.reading.Node != nil && h.node == nil {
			h.node = v.reading.Node
		}
		h.putMounts(&v.reading)
		for j := range v.reading.Guests {
			if g := &v.reading.Guests[j]; g.Kind == model.VM {
				h.kin.meet(i, g)
			} else {
				h.add(g, v.health)
			}
		}
	}
	for _, m := range h.kin.merge() {
		h.place(&m.guest)
		h.add(&m.guest, m.health)
	}
	h.putMeasured(views, now)
	h.keyMounts()
	h.putRequests(views)
	for i := range views {
		if views[i].source == sourceFSProbe {
			h.putProbes(views[i].reading.ShareProbes)
		}
	}
	h.allocate(views)
}

// add lists a guest. One that an earlier source has given under the same name
// is left out: two series of one name would spoil the whole exposition. What a
// later source alone knows of a container, its state, is added to it.
func (h *host) add(g *model.Guest, health *health) {
	at, taken := h.seen[g.Name]
	if !taken {
		h.seen[g.Name] = len(h.guests)
		h.guests = append(h.guests, g)
		return
	}
	if first := h.guests[at]; g.Kind == model.Container && g.Runtime == libvirtLXC && first.State == "" {
		first.State = g.State
		return
	}
	health.duplicates++
}

// libvirtLXC is the runtime of the containers that both cgroups and libvirt show.
const libvirtLXC = "libvirt-lxc"

// place finds the container in which a virtual machine runs, if it runs in one:
// its cgroup is that container's or below it. Its pod is the machine's too.
func (h *host) place(vm *model.Guest) {
	if vm.Within == "" || vm.Info.Parent != "" {
		return
	}
	if len(h.byCgroup) == 0 {
		for _, g := range h.guests {
			if g.Kind == model.Container && g.Info.Cgroup != "" && !g.Ended {
				h.byCgroup[g.Info.Cgroup] = g
			}
		}
	}
	for path := vm.Within; path != ""; path = path[:max(strings.LastIndexByte(path, '/'), 0)] {
		around := h.byCgroup[path]
		if around == nil {
			continue
		}
		vm.Info.Parent = around.String()
		if vm.Info.KubePod == "" {
			vm.Info.KubeNamespace, vm.Info.KubePod = around.Info.KubeNamespace, around.Info.KubePod
		}
		return
	}
}

// within reports whether the cgroup at path is dir or lies below it.
func within(path, dir string) bool {
	return dir != "" && len(path) >= len(dir) && path[:len(dir)] == dir && (len(path) == len(dir) || path[len(dir)] == '/')
}

// allocate adds up what the virtual machines of this host were given, where that
// of each is known: a part of it would say that there is room.
func (h *host) allocate(views []view) {
	listed := false
	for i := range views {
		listed = listed || views[i].lists() && (views[i].source == sourceVMM || views[i].source == sourceLibvirt)
	}
	if h.node == nil || !listed {
		return
	}
	cpus, memory := model.Some(0), model.Some(0)
	for _, g := range h.guests {
		if g.Kind != model.VM || g.VMHost != "" || g.Ended || g.State == model.ShutOff || g.State == model.Crashed {
			continue
		}
		cpus, memory = sum(cpus, g.CPU.CPUs), sum(memory, g.Memory.BalloonMaximum)
	}
	h.nodeNow = *h.node
	h.nodeNow.VCPUsAllocated, h.nodeNow.MemoryAllocated = cpus, memory
	h.node = &h.nodeNow
}

// sum is absent unless both are there.
func sum(a, b model.Opt) model.Opt {
	if a == (model.Opt{}) || b == (model.Opt{}) {
		return model.Opt{}
	}
	return a.Plus(b)
}
