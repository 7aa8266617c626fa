package fsprobe

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/identity"
	"github.com/virt-exporter/virt_exporter/collector/kernel"
	"github.com/virt-exporter/virt_exporter/collector/model"
)

// found is a mount that is listed. It stands for all mounts of its superblock,
// unless the operator has named more of them.
type found struct {
	name  model.Name   // whose mount namespace it is in; zero for this machine itself
	root  string       // through which it is reached: PROCFS/PID/root; empty for the exporter's own namespace
	path  string       // the mountpoint, or the directory below it that the operator has named; valid UTF-8
	mount kernel.Mount // without SuperOptions
	id    identity.Passthrough
	named bool
}

// finderOptions say where to look for mounts.
type finderOptions struct {
	procFS  string
	rootFS  string // where the host's root is mounted; another than / says that the exporter is in a container of it
	within  kernel.CgroupNamespace
	exclude *regexp.Regexp // mountpoints to leave out, unless they are named; nil for none
	named   []Named

	// container says that what is listed for this machine itself is a container's:
	// there, a directory of the host's own file system is passed through as well.
	container bool

	// guestOf returns the guest whose cgroup, or one below it, has that path; nil
	// if mounts of guests are not looked for.
	guestOf func(cgroup string) (model.Name, bool)
}

// finder finds mounts. It reads files of the kernel's below procFS and touches
// nothing else. It is not for concurrent use.
type finder struct {
	finderOptions
	homeDir               string // the process whose mounts are this machine's
	homeRoot              string // of found
	homeless              bool   // that is no host's process
	info                  infoReader
	scratch, guestScratch []kernel.Mount
	spaces                namespaces
	dropped               uint64           // mounts of guests that were left out, each time they were
	picked                map[string]place // of the superblocks that were listed last, by device
}

// place is where a superblock was listed.
type place struct {
	name       model.Name
	mountpoint string
	id         uint64
}

// newFinder returns a finder. This machine's mounts are those of the exporter
// itself, or, where its procfs or its root are elsewhere, and so the exporter in a
// container of it, those of process 1: without the host's processes, none.
func newFinder(opts finderOptions) *finder {
	opts.procFS = path.Clean(opts.procFS)
	f := &finder{finderOptions: opts, homeDir: opts.procFS + "/self"}
	if opts.procFS != "/proc" || path.Clean("/"+opts.rootFS) != "/" {
		f.homeDir = opts.procFS + "/1"
		f.homeRoot = f.homeDir + "/root"
	}
	f.spaces = newNamespaces(opts.procFS, f.homeDir, opts.within)
	f.homeless = f.homeRoot != "" && f.spaces.foreign()
	return f
}

// find lists the mounts that are passed through: what is named first, then this
// machine's, then those of guests, in the order of their names. What is unmounted
// when nobody uses it is left out, unless it is named. The error says
// that this machine's own could not be read; of guests whatever can be read is
// listed. now may count from anywhere.
func (f *finder) find(now time.Duration) ([]found, error) {
	all := f.scratch[:0]
	if !f.homeless {
		var err error
		if all, err = f.info.read(f.homeDir, maxHomeInfo, all); err != nil {
			return nil, err
		}
	}
	defer func() { // keep the room, not what was in it
		clear(all)
		f.scratch = all
	}()
	home := reachable(all)
	atHome := make(map[string]bool, len(home))
	for i := range home {
		atHome[home[i].Device] = true
	}
	list := f.pickNamed(nil, home, model.Name{}, f.homeRoot)
	var more []found
	expires := expiring(all)
	for i := range home {
		if id, ok := f.classify(&home[i]); ok && !expires[home[i].Parent] {
			if id.Tag != "" && submount(&home[i], home) {
				id.Tag = "" // it is another file system of the host than the one that has the tag
			}
			more = append(more, found{root: f.homeRoot, path: home[i].Mountpoint, mount: home[i], id: id})
		}
	}
	if f.guestOf != nil {
		f.spaces.update(now, f)
		of := make(map[model.Name]int)
		for _, ns := range f.spaces.ofGuests() {
			list = append(list, ns.named...)
			for i := range ns.found {
				switch {
				case atHome[ns.found[i].mount.Device]:
				case of[ns.name] == maxGuestMounts:
					f.dropped++
				default:
					of[ns.name]++
					more = append(more, ns.found[i])
				}
			}
		}
	}
	list = onePerPath(list)
	list = append(list, onePerSuperblock(more, list, f.picked)...)
	f.picked = make(map[string]place, len(list))
	for i := range list {
		m := &list[i]
		if m.mount = keepMount(m.mount); !m.named {
			m.path = m.mount.Mountpoint
			f.picked[m.mount.Device] = place{m.name, m.path, m.mount.ID}
		}
	}
	return list, nil
}

// submount reports whether a mount is one that the kernel made within another of
// the same tag, where the host has mounted something else in the directory that
// it gives (virtiofsd --announce-submounts).
func submount(m *kernel.Mount, all []kernel.Mount) bool {
	return slices.ContainsFunc(all, func(o kernel.Mount) bool {
		return o.ID == m.Parent && o.FSType == m.FSType && o.Source == m.Source && o.Device != m.Device
	})
}

// expiring returns the automount points, by mount id, whose mounts are unmounted
// when nobody uses them for a while. To probe what is mounted there is to use it.
func expiring(mounts []kernel.Mount) map[uint64]bool {
	points := make(map[uint64]bool)
	for i := range mounts {
		if m := &mounts[i]; m.FSType == "autofs" && !strings.Contains(m.SuperOptions+",", ",timeout=0,") {
			points[m.ID] = true
		}
	}
	return points
}

// here returns this machine's mounts that can be reached.
func (f *finder) here() ([]kernel.Mount, error) {
	if f.homeless {
		return nil, nil
	}
	mounts, err := f.info.read(f.homeDir, maxHomeInfo, nil)
	return reachable(mounts), err
}

// own returns the mounts that the exporter's own process can reach, for choosing
// what to compare with.
func (f *finder) own() ([]kernel.Mount, error) {
	mounts, err := f.info.read(f.procFS+"/self", maxHomeInfo, nil)
	if err != nil && kernel.Gone(err) { // a procfs of somewhere else
		mounts, err = f.info.read(f.homeDir, maxHomeInfo, nil)
	}
	return reachable(mounts), err
}

// denied reports whether the exporter may not see which mount namespaces most
// processes, or process 1 as this machine's, are in: then mounts of guests are
// missing.
func (f *finder) denied() bool { return f.spaces.denied }

// classify says what a mount of this machine passes through, if it is to be
// listed.
func (f *finder) classify(m *kernel.Mount) (identity.Passthrough, bool) {
	id, ok := f.listed(m)
	if !ok && f.container && mayShow(m.Mountpoint) && !f.excluded(m) {
		return identity.BindFromMount(facts(m))
	}
	return id, ok
}

// listed says what a mount passes through, if it is to be listed.
func (f *finder) listed(m *kernel.Mount) (identity.Passthrough, bool) {
	in := facts(m)
	id, ok := identity.PassthroughFromMount(in)
	if !ok || identity.IsContainerRoot(in) || !mayShow(m.Mountpoint) || f.excluded(m) {
		return identity.Passthrough{}, false
	}
	return id, true
}

func (f *finder) excluded(m *kernel.Mount) bool {
	return f.exclude != nil && f.exclude.MatchString(m.Mountpoint)
}

// pickNamed appends those of the named mounts that are in one mount namespace.
// An automount point is none: to touch it is to mount.
func (f *finder) pickNamed(list []found, mounts []kernel.Mount, name model.Name, root string) []found {
	for _, n := range f.named {
		if !n.of(name) {
			continue
		}
		if m, _, ok := lookUp(mounts, n.Path); ok && m.FSType != "autofs" {
			list = append(list, found{name: name, root: root, path: n.Path, mount: m, id: identity.AnyMount(facts(&m)), named: true})
		}
	}
	return list
}

// wants reports whether a mount of that guest is named.
func (f *finder) wants(name model.Name) bool {
	return slices.ContainsFunc(f.named, func(n Named) bool { return n.of(name) })
}
