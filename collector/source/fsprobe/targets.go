package fsprobe

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/identity"
	"github.com/virt-exporter/virt_exporter/collector/kernel"
	"github.com/virt-exporter/virt_exporter/collector/model"
	"github.com/virt-exporter/virt_exporter/collector/source"
	"github.com/virt-exporter/virt_exporter/collector/source/fsprobe/probe"
)

// newFinder returns what finds this machine's mounts.
func (s *Source) newFinder() (*finder, error) {
	expr, err := exclude(s.opts.Exclude)
	if err != nil {
		return nil, fmt.Errorf("what is excluded: %w", err)
	}
	opts := finderOptions{procFS: s.opts.ProcFS, rootFS: s.opts.RootFS, within: s.opts.Within, exclude: expr, guestOf: s.guestOf}
	for _, name := range s.opts.Mounts {
		n, err := ParseNamed(name)
		if err != nil {
			return nil, err
		}
		s.named = append(s.named, n)
	}
	opts.named = s.named
	f := newFinder(opts)
	own, err := f.own()
	if errors.Is(err, os.ErrNotExist) {
		return nil, &source.Unavailable{Reason: model.NotMounted, Remedy: "mount procfs, and give its path with --path.procfs", Err: err}
	}
	if err != nil {
		return nil, err
	}
	if root, _, ok := lookUp(own, "/"); ok && f.homeRoot == "" {
		f.container = identity.IsContainerRoot(facts(&root))
	}
	return f, nil
}

// nameHolders has the mounts listed that hold a path which the operator wants
// probed, and that are not found by themselves. A path in a directory that is
// given to machines is probed there.
func (s *Source) nameHolders() {
	files := slices.Concat(s.opts.ReadFiles, s.opts.WriteDirs)
	if len(files) == 0 || !s.surrounded && time.Since(s.began) < firstWithin {
		return // what is given to machines is told in a moment
	}
	here, err := s.finder.here()
	if err != nil {
		return // so will be the mounts
	}
	s.finder.named = slices.Clone(s.named)
	for _, file := range files {
		m, _, ok := lookUp(here, file)
		elsewhere := slices.ContainsFunc(s.around.Shared, func(dir string) bool { return below(file, dir) }) ||
			slices.ContainsFunc(s.named, func(n Named) bool {
				on, _, _ := lookUp(here, n.Path)
				return n.Runtime == "" && below(file, n.Path) && on.ID == m.ID
			})
		if _, listed := s.finder.classify(&m); ok && !listed && !elsewhere {
			s.finder.named = append(s.finder.named, Named{Path: strings.Clone(m.Mountpoint)})
		}
	}
}

// guestOf returns the guest whose cgroup, or one below it, has that path.
func (s *Source) guestOf(cgroup string) (model.Name, bool) {
	for p := cgroup; p != "" && p != "/"; p = p[:max(strings.LastIndexByte(p, '/'), 0)] {
		if name, ok := s.around.Containers[p]; ok {
			return name, true
		}
	}
	return model.Name{}, false
}

// find looks for what there is to probe, now and then. It is called with the
// lock.
func (s *Source) find(now time.Time) {
	if !s.stale && now.Sub(s.foundAt) < lookAgain {
		return
	}
	s.stale, s.foundAt = false, now
	s.nameHolders()
	list, err := s.finder.find(now.Sub(s.began))
	if s.findErr = err; err != nil {
		return // what was there is still looked after
	}
	seen := make(map[key]bool)
	s.listed = s.listed[:0]
	for i := range list {
		m := &list[i]
		s.list(key{Name: m.name, path: m.path, mountID: m.mount.ID}, *m, seen, now)
	}
	for _, dir := range s.around.Shared {
		if e := s.finder.exclude; s.finder.homeless || e != nil && e.MatchString(dir) {
			continue
		}
		s.list(key{path: dir, share: true}, found{path: dir, root: s.finder.homeRoot}, seen, now)
	}
	for k, t := range s.targets {
		if !seen[k] {
			s.drop(t)
		}
	}
	s.admit()
	s.reference(now)
	for _, t := range s.listed {
		t.request = s.requestFor(t)
	}
}

// list puts a target on the list, a new one if it was not there before.
func (s *Source) list(k key, f found, seen map[key]bool, now time.Time) {
	if seen[k] {
		return
	}
	seen[k] = true
	t := s.targets[k]
	if t == nil {
		spread := min(s.opts.Interval, firstWithin)
		t = &target{key: k, next: now.Add(time.Duration(s.random.Float64() * float64(spread))), interval: s.opts.Interval}
		s.targets[k] = t
	}
	t.found = f
	s.listed = append(s.listed, t)
}

// firstWithin is the time in which a new target is first probed.
const firstWithin = 10 * time.Second

// drop forgets a target that is not there any more. A cycle that is under way
// ends by itself. A helper that hangs with a mount that nobody can reach any more
// keeps its place among those that there may be.
func (s *Source) drop(t *target) {
	delete(s.targets, t.key)
	h := t.helper
	if h == nil {
		return
	}
	t.helper = nil
	s.lingering[t.Name]++
	s.cycles.Go(func() {
		h.Stop(grace)
		select {
		case <-h.Gone():
			s.note(func() { s.lingering[t.Name]-- })
		case <-s.closing:
		}
	})
}

// admit decides what is probed where there is more than may be: what was first,
// as long as it is there. What strangers decide has a part of the room, and each
// guest a part of that: whoever can mount in his container can mount a lot, and
// have all of it hang, and whoever can start a process can call it a machine that
// is given directories.
func (s *Source) admit() {
	r := room{all: s.opts.MaxMounts, foreign: max(s.opts.MaxMounts/2, 1), of: make(map[model.Name]int)}
	for name, n := range s.lingering {
		if n == 0 {
			delete(s.lingering, name)
		}
		r.take(name, name != (model.Name{}), n)
	}
	for _, t := range s.listed {
		if t.probed && !t.refused {
			r.take(t.Name, t.foreign(), 1)
		}
	}
	for _, t := range s.listed {
		switch {
		case t.probed:
		case r.has(t):
			t.probed = true
			r.take(t.Name, t.foreign(), 1)
		case !t.leftOut:
			t.leftOut = true
			s.dropped++
		}
	}
}

// foreign reports whether strangers decide that it is there.
func (t *target) foreign() bool { return t.share || t.Name != (model.Name{}) && !t.found.named }

// room is what is left of the places.
type room struct {
	all, foreign int
	of           map[model.Name]int // that guests have
}

func (r *room) take(name model.Name, foreign bool, n int) {
	r.all -= n
	if foreign {
		r.foreign -= n
		r.of[name] += n
	}
}

func (r *room) has(t *target) bool {
	switch {
	case r.all <= 0:
		return false
	case !t.foreign():
		return true
	}
	return r.foreign > 0 && (t.share || r.of[t.Name] < maxPerGuest)
}

// maxPerGuest is how many mounts of one guest are probed that nobody has named.
const maxPerGuest = 4

// reference chooses what mounts are compared with, now and then.
func (s *Source) reference(now time.Time) {
	if len(s.listed) == 0 || !s.referredAt.IsZero() && now.Sub(s.referredAt) < chooseAgain {
		return
	}
	own, err := s.finder.own()
	if err != nil {
		return
	}
	probed := make(map[string]bool)
	for _, t := range s.listed {
		probed[t.found.mount.Device] = true
	}
	s.referredAt = now
	s.references, s.referenceErr = chooseReferences(own, s.opts.References, probed)
}

// chooseAgain is the time from one choice of references to the next.
const chooseAgain = 5 * time.Minute

// chooseReferences returns the directories to compare with: those that the
// operator names, else one that is chosen. probed are the devices of mounts that
// are themselves probed.
func chooseReferences(own []kernel.Mount, named []string, probed map[string]bool) ([]probe.Reference, error) {
	if len(named) == 0 {
		label, dir := pickReference(own, probed)
		if dir == "" {
			return nil, errors.New("there is no local file system to compare with: name a directory with --fsprobe.reference")
		}
		return []probe.Reference{{Label: label, Dir: dir}}, nil
	}
	var refs []probe.Reference
	for _, dir := range named {
		label, err := referenceLabel(own, dir)
		if err != nil {
			return nil, err
		}
		for _, r := range refs {
			if r.Label == label {
				return nil, fmt.Errorf("%s and %s are both %s: name one", r.Dir, dir, label)
			}
		}
		refs = append(refs, probe.Reference{Label: label, Dir: dir})
	}
	return refs, nil
}

// requestFor returns what is asked of a target's helper.
func (s *Source) requestFor(t *target) probe.Request {
	r := probe.Request{
		Target: probe.Target{Root: t.found.root, Path: t.path, MountID: t.mountID, Device: t.found.mount.Device},
		Pairs:  DefaultPairs, Warmup: warmup, Gap: DefaultGap, Most: most,
	}
	if t.Name == (model.Name{}) {
		r.ReadFile = s.ofTarget(t, s.opts.ReadFiles)
		r.WriteDir = s.ofTarget(t, s.opts.WriteDirs)
	}
	if t.share {
		r.Follow = true // it is written by whoever made the machine
	} else {
		r.References = s.references
	}
	return r
}

// ofTarget returns the first of the paths that is in a directory that is probed,
// and in none below it that is probed too. What is given to machines may itself be
// on a mount that is passed through: there both are.
func (s *Source) ofTarget(t *target, paths []string) string {
	for _, p := range paths {
		if !below(p, t.path) {
			continue
		}
		deeper := slices.ContainsFunc(s.listed, func(o *target) bool {
			return (o.share == t.share || t.found.named) && o.Name == t.Name && len(o.path) > len(t.path) && below(p, o.path)
		})
		if !deeper {
			return p
		}
	}
	return ""
}
