package fsprobe

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/kernel"
	"github.com/virt-exporter/virt_exporter/collector/model"
)

const (
	maxNamespaces = 4096
	maxCandidates = 4       // processes of a namespace that are tried
	maxResidents  = 1 << 16 // processes whose namespace is remembered

	// A namespace is read again after reread. One that is new is read a second
	// time soon: an engine makes it before it mounts anything in it.
	reread      = 2 * time.Minute
	rereadSoon  = 10 * time.Second
	rereadWhile = time.Second // by so much later each next one, so that not all are read at once
)

// namespaces are the mount namespaces of other processes, with what was found in
// those of guests. Both where a process is and what is mounted there are looked at
// only now and then.
type namespaces struct {
	procFS, homeDir string
	within          kernel.CgroupNamespace // of this process
	files           *kernel.Files
	path, link      []byte
	denied          bool // most processes do not let us see where they are
	gen, turn       uint64
	byID            map[uint64]*namespace
	residents       map[int32]resident
}

// namespace is one of them.
type namespace struct {
	id   uint64
	gen  uint64 // the walk that saw it last
	pids []int32

	pid     int32    // through which it is reached
	alive   bool     // that process is still in it
	cgroups []string // where that process is, in each hierarchy
	read    bool     // it was read before
	next    time.Duration
	known   bool // it is a guest's, who is called
	name    model.Name

	found, named []found
}

func newNamespaces(procFS, homeDir string, within kernel.CgroupNamespace) namespaces {
	return namespaces{
		procFS: procFS, homeDir: homeDir, within: within, files: kernel.NewFiles(0),
		link: make([]byte, 64), byID: make(map[uint64]*namespace), residents: make(map[int32]resident),
	}
}

// ofGuests returns the namespaces of guests, in the order of their processes.
func (s *namespaces) ofGuests() []*namespace {
	var list []*namespace
	for _, ns := range s.byID {
		if ns.known {
			list = append(list, ns)
		}
	}
	slices.SortFunc(list, func(a, b *namespace) int { return cmp.Compare(a.pid, b.pid) })
	return list
}

// update brings all namespaces up to date.
func (s *namespaces) update(now time.Duration, f *finder) {
	s.walk(now)
	for id, ns := range s.byID {
		if ns.gen != s.gen {
			delete(s.byID, id)
			continue
		}
		s.refresh(ns, now, f)
	}
}

// refresh finds out whose namespace it is, and what is mounted in it when that is
// a guest's.
func (s *namespaces) refresh(ns *namespace, now time.Duration, f *finder) {
	due := now >= ns.next || !ns.alive
	if due {
		s.choose(ns, f)
	}
	name, known := guestIn(ns.cgroups, f.guestOf)
	if !due && known == ns.known && name == ns.name {
		return
	}
	ns.known, ns.name = known, name
	ns.found, ns.named = nil, nil
	if known {
		s.readMounts(ns, f)
	}
	ns.next = s.again(now, ns.read)
	ns.read = true
}

// choose picks the process through which a namespace is looked at: the first that
// is a guest's. What somebody has sent into a guest's from outside is not.
func (s *namespaces) choose(ns *namespace, f *finder) {
	ns.pid, ns.cgroups = 0, nil
	for _, pid := range ns.pids {
		cgroups := s.cgroupsOf(pid)
		if ns.pid == 0 {
			ns.pid, ns.cgroups = pid, cgroups
		}
		if _, ok := guestIn(cgroups, f.guestOf); ok {
			ns.pid, ns.cgroups = pid, cgroups
			return
		}
	}
}

// guestIn returns the guest of a process that is in these cgroups. The processes
// of a hypervisor may have a mount namespace too, but it is not the machine's.
func guestIn(cgroups []string, guestOf func(string) (model.Name, bool)) (model.Name, bool) {
	for _, path := range cgroups {
		if name, ok := guestOf(path); ok {
			return name, name.Kind == model.Container
		}
	}
	return model.Name{}, false
}

// cgroupsOf returns the paths of a process's cgroups from the root of each
// hierarchy.
func (s *namespaces) cgroupsOf(pid int32) []string {
	b, err := s.files.ReadTaskOnce(s.procFS, pid, "cgroup")
	if err != nil {
		return nil
	}
	var c kernel.ProcCgroup
	if kernel.ParseProcCgroup(b, &c) != nil {
		return nil
	}
	return s.within.Paths(c)
}

// readMounts reads what is mounted, by a process whose root is that of the
// namespace: one that has changed its root sees a part.
func (s *namespaces) readMounts(ns *namespace, f *finder) {
	for _, pid := range append([]int32{ns.pid}, ns.pids...) {
		dir := s.procFS + "/" + strconv.Itoa(int(pid))
		all, err := f.info.read(dir, maxGuestInfo, f.guestScratch[:0])
		if err == nil && slices.ContainsFunc(all, func(m kernel.Mount) bool { return m.Mountpoint == "/" }) {
			ns.pid = pid
			s.keepMounts(ns, f, all, dir+"/root")
			clear(all)
			f.guestScratch = all
			return
		}
	}
}

// maxGuestMounts is how many mounts of a guest are listed, and as many of one of
// its namespaces: what is mounted in it, and where, its tenant decides.
const maxGuestMounts = 64

// keepMounts keeps what may be listed.
func (s *namespaces) keepMounts(ns *namespace, f *finder, all []kernel.Mount, root string) {
	wanted := f.wants(ns.name)
	if !wanted && !slices.ContainsFunc(all, func(m kernel.Mount) bool { _, ok := f.listed(&m); return ok }) {
		return
	}
	mounts := reachable(all)
	for i := range mounts {
		if id, ok := f.listed(&mounts[i]); ok {
			if len(ns.found) == maxGuestMounts {
				f.dropped++
				continue
			}
			ns.found = append(ns.found, found{name: ns.name, root: root, mount: keepMount(mounts[i]), id: id})
		}
	}
	if wanted {
		ns.named = f.pickNamed(nil, mounts, ns.name, root)
		for i := range ns.named {
			ns.named[i].mount = keepMount(ns.named[i].mount)
		}
	}
}
