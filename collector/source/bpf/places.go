package bpf

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/cilium/ebpf"

	"github.com/virt-exporter/virt_exporter/collector/kernel"
	"github.com/virt-exporter/virt_exporter/collector/model"
	"github.com/virt-exporter/virt_exporter/collector/source"
)

// What a place says besides the slot: see c/slots.h.
const (
	placeVictim  = 1 << 16
	placeThreads = 1 << 17
	placeRoot    = 1 << 18
)

// places says who has which slot, and tells the kernel which cgroups and threads are
// whose.
type places struct {
	procfs      string
	within      kernel.CgroupNamespace // of this process
	hierarchies hierarchies
	threads     *ebpf.Map
	threaded    map[uint32]uint32 // what is in that map

	slots   slots
	guests  map[model.Name]*guest
	byLabel map[string]*guest
	units   map[string]*unit // by name
	homes   map[int32]string // cgroup of each process of a virtual machine, in the hierarchy of the CPU controller
	changed func() error     // what the programs keep of places is not true any more
	untold  bool             // that could not be told yet

	// Guests that found no slot: now, and in all.
	turnedAway map[model.Name]bool
	full       bool // there cannot be more slots for now
	unplaced   int
	lacking    int // slots that they and units would have had
	noSlot     uint64
}

// kept is how long a guest that is not listed keeps its slots: a source that was late
// once must not cost what was counted.
const kept = time.Minute

// mostPlaces and mostThreads bound the maps.
const (
	mostPlaces  = 16384
	mostThreads = 16384
)

func newPlaces(opts Options) (*places, error) {
	p := &places{
		procfs: opts.ProcFS, within: opts.Within, hierarchies: findHierarchies(opts.SysFS),
		slots:    newSlots(opts.Slots),
		threaded: make(map[uint32]uint32), guests: make(map[model.Name]*guest), byLabel: make(map[string]*guest),
		units: make(map[string]*unit), homes: make(map[int32]string),
	}
	for _, h := range p.hierarchies.all() {
		m, err := ebpf.NewMap(&ebpf.MapSpec{Name: "places", Type: ebpf.Hash, KeySize: 8, ValueSize: 4, MaxEntries: mostPlaces})
		if err != nil {
			p.close()
			return nil, fmt.Errorf("making the map of places: %w", err)
		}
		h.places = m
	}
	m, err := ebpf.NewMap(&ebpf.MapSpec{Name: "threads", Type: ebpf.Hash, KeySize: 4, ValueSize: 4, MaxEntries: mostThreads})
	if err != nil {
		p.close()
		return nil, fmt.Errorf("making the map of threads: %w", err)
	}
	p.threads = m
	return p, nil
}

func (p *places) close() {
	for _, h := range p.hierarchies.all() {
		if h.places != nil {
			_ = h.places.Close() // of a map there is nothing to lose
		}
	}
	if p.threads != nil {
		_ = p.threads.Close()
	}
}

// put places the guests and units that are there now.
func (p *places) put(now time.Duration, around source.Surroundings) error {
	paths, threads := p.arrange(now, around)
	wanted := make(map[*hierarchy]map[uint64]uint32)
	for _, h := range p.hierarchies.all() {
		wanted[h] = make(map[uint64]uint32, len(h.placed))
		for path, place := range paths {
			if id, ok := h.number(path); ok && len(wanted[h]) < mostPlaces {
				wanted[h][id] = place
				p.found(h, path, p.slots.owner(uint16(place)).guest)
			}
		}
	}
	return p.tell(wanted, threads)
}

// found notes that a guest's own cgroup is in a hierarchy: of one that is not, nothing
// can be counted by it, and that is not 0.
func (p *places) found(h *hierarchy, path string, g *guest) {
	if g == nil || path != g.about.Cgroup {
		return
	}
	g.placed = g.placed || h == p.hierarchies.cpu && g.about.Kind == model.Container
	g.inIO = g.inIO || h == p.hierarchies.io
	g.inMemory = g.inMemory || h == p.hierarchies.memory
}

// arrange returns the place of each cgroup, by its path, and of each thread that has
// one of its own.
func (p *places) arrange(now time.Duration, around source.Surroundings) (paths map[string]uint32, threads map[uint32]uint32) {
	p.meet(now, around)
	paths, threads = map[string]uint32{"/": slotOther | placeRoot}, make(map[uint32]uint32)
	holds := holders(around.Guests)
	for _, u := range around.Units {
		if slot, ok := p.unit(u, holds[u.Path]); ok {
			paths[u.Path] = slot
		}
	}
	p.each(func(g *guest) {
		if g.about.Cgroup != "" {
			paths[g.about.Cgroup] = g.place()
		}
		if n := len(g.about.Threads.Processes) + len(g.about.Threads.VCPUs); len(threads)+n <= mostThreads {
			g.putThreads(threads)
		}
	})
	p.house(paths)
	return paths, threads
}

// place is that of the guest's cgroup.
func (g *guest) place() uint32 {
	if g.about.Kind == model.VM {
		return uint32(g.helpers) | placeVictim | placeThreads
	}
	return uint32(g.slot) | placeVictim
}

// putThreads notes the threads of a virtual machine.
func (g *guest) putThreads(threads map[uint32]uint32) {
	for _, pid := range g.about.Threads.Processes {
		threads[uint32(pid)] = uint32(g.helpers) | placeVictim
	}
	g.placed = g.placed || len(g.about.Threads.VCPUs) > 0
	for _, tid := range g.about.Threads.VCPUs {
		threads[uint32(tid)] = uint32(g.slot) | placeVictim
	}
}

// meet takes who is there. Guests that are not listed any more keep their slots for a
// while.
func (p *places) meet(now time.Duration, around source.Surroundings) {
	p.dismissGone(now, around.Guests)
	turnedAway := make(map[model.Name]bool)
	p.unplaced, p.lacking = 0, 0
	for i := range around.Guests {
		about := &around.Guests[i]
		g := p.guests[about.Name]
		if g == nil {
			if g = p.admit(about); g == nil {
				p.unplaced++
				p.lacking += slotsOf(about)
				if p.slots.most < mostSlots && !p.full {
					continue // there will be more
				}
				if turnedAway[about.Name] = true; !p.turnedAway[about.Name] {
					p.noSlot++
				}
				continue
			}
		}
		g.about, g.seenAt = *about, now
	}
	for name, g := range p.guests {
		if now-g.seenAt > kept {
			p.dismiss(now, name, g)
		}
	}
	p.turnedAway = turnedAway
	for _, g := range p.guests {
		g.inner = g.inner[:0]
	}
	for _, g := range p.guests {
		if around := p.byLabel[g.about.Parent]; around != nil {
			g.around = around // who was inside stays inside, also while nobody says so
		}
		if g.around != nil && !g.around.gone {
			g.around.inner = append(g.around.inner, g)
		}
	}
	p.retireUnits(now, around.Units)
}

// dismissGone takes their slots from guests that are not listed and whose cgroup is not
// there any more: where containers come and go all the time, slots are needed.
func (p *places) dismissGone(now time.Duration, listed []source.Guest) {
	there := make(map[model.Name]bool, len(listed))
	for i := range listed {
		there[listed[i].Name] = true
	}
	for name, g := range p.guests {
		if there[name] || g.about.Cgroup == "" {
			continue
		}
		exists := false
		for _, h := range p.hierarchies.all() {
			_, ok := h.number(g.about.Cgroup)
			exists = exists || ok
		}
		if !exists {
			p.dismiss(now, name, g)
		}
	}
}

// slotsOf is how many slots a guest has.
func slotsOf(about *source.Guest) int {
	if about.Kind == model.VM {
		return 2
	}
	return 1
}

// admit gives a new guest its slots; nil if there are none.
func (p *places) admit(about *source.Guest) *guest {
	g := &guest{about: *about}
	g.owner = owner{cause: model.CauseNeighbour, culprit: about.String(), guest: g}
	var ok bool
	if g.slot, ok = p.slots.take(&g.owner); !ok {
		return nil
	}
	if about.Kind == model.VM {
		if g.helpers, ok = p.slots.take(&g.owner); !ok {
			p.slots.give(g.slot)
			return nil
		}
	}
	p.guests[about.Name], p.byLabel[g.culprit] = g, g
	return g
}

// dismiss takes a guest's slots from it.
func (p *places) dismiss(now time.Duration, name model.Name, g *guest) {
	g.gone, g.goneAt = true, now
	p.slots.retire(now, g.slot)
	if g.helpers != 0 {
		p.slots.retire(now, g.helpers)
	}
	delete(p.guests, name)
	delete(p.byLabel, g.culprit)
}

// each calls f for all guests, those that were seen last at the end: of two that have
// one cgroup, under an old name and a new one, the new one is true.
func (p *places) each(f func(*guest)) {
	var newest time.Duration
	for _, g := range p.guests {
		newest = max(newest, g.seenAt)
	}
	for _, g := range p.guests {
		if g.seenAt != newest {
			f(g)
		}
	}
	for _, g := range p.guests {
		if g.seenAt == newest {
			f(g)
		}
	}
}

// holders returns the cgroups directly in which there are guests'.
func holders(guests []source.Guest) map[string]bool {
	dirs := make(map[string]bool)
	for i := range guests {
		if path := guests[i].Cgroup; path != "" {
			dirs[filepath.Dir(path)] = true
		}
	}
	return dirs
}

// engines reports whether nothing but guests is in a directory that holds some: an
// engine's own, or the slice of a kubelet's pods. What is found there and is no guest's
// is that of one that has not been found yet.
func engines(path string) bool {
	name := filepath.Base(path)
	return path != "/" && !strings.HasSuffix(name, ".slice") && !strings.HasSuffix(name, ".service") || strings.HasPrefix(name, "kubepods") || name == "machine.slice"
}

// unit returns the place of a unit. Those that only hold others have none: what runs
// in them directly is the next one's above.
func (p *places) unit(u model.Unit, holdsGuests bool) (uint32, bool) {
	if u.Name == "" {
		return 0, false
	}
	own := p.units[u.Name]
	if own == nil {
		own = &unit{owner: owner{cause: model.CauseSystem, culprit: u.Name}}
		var ok bool
		if own.slot, ok = p.slots.take(&own.owner); !ok {
			p.lacking++
			return 0, false
		}
		p.units[u.Name] = own
	}
	if holdsGuests && engines(u.Path) {
		own.cause, own.culprit = model.CauseNeighbour, model.OtherCulprits
	}
	place := uint32(own.slot)
	if u.Path == "/" {
		place |= placeRoot
	}
	return place, true
}

// retireUnits takes the slots of units that are gone.
func (p *places) retireUnits(now time.Duration, units []model.Unit) {
	there := make(map[string]bool, len(units))
	for i := range units {
		there[units[i].Name] = true
	}
	for name, u := range p.units {
		if !there[name] {
			p.slots.retire(now, u.slot)
			delete(p.units, name)
		}
	}
}

// house marks where processes of virtual machines run: their cgroup may be another's,
// a session's for one, and there the threads tell who is who.
func (p *places) house(paths map[string]uint32) {
	seen := make(map[int32]bool, len(p.homes))
	for _, g := range p.guests {
		for _, pid := range g.about.Threads.Processes {
			seen[pid] = true
			home := p.homes[pid]
			if home == "" { // not known, or it could not be read
				home = p.cgroupOf(pid)
				p.homes[pid] = home
			}
			if !strings.HasPrefix(home, "/") || (g.about.Cgroup != "" && below(home, g.about.Cgroup)) {
				continue
			}
			place := covering(paths, home)
			if home != "/" {
				place &^= placeRoot
			}
			paths[home] = place | placeThreads
		}
	}
	for pid := range p.homes {
		if !seen[pid] {
			delete(p.homes, pid)
		}
	}
}

// covering returns the place of the cgroup at path, or of the nearest above it. The
// root has one.
func covering(paths map[string]uint32, path string) uint32 {
	for {
		if place, ok := paths[path]; ok || path == "/" {
			return place
		}
		path = filepath.Dir(path)
	}
}

// below reports whether the cgroup at path is dir or lies below it.
func below(path, dir string) bool {
	return len(path) >= len(dir) && path[:len(dir)] == dir && (len(path) == len(dir) || path[len(dir)] == '/' || dir == "/")
}

// cgroupOf returns the path of a process's cgroup from the root of the hierarchy of the
// CPU controller, empty if it cannot be told.
func (p *places) cgroupOf(pid int32) string {
	b, err := os.ReadFile(filepath.Join(p.procfs, strconv.Itoa(int(pid)), "cgroup"))
	if err != nil {
		return "" // it is gone
	}
	var c kernel.ProcCgroup
	if kernel.ParseProcCgroup(b, &c) != nil {
		return ""
	}
	if p.hierarchies.cpu.v2 {
		return p.within.UnifiedPath(c)
	}
	return p.within.CPUPath(c)
}

// tell brings what is in the kernel's maps up to date. Whatever was changed there is
// told to the programs, also when something else could not be.
func (p *places) tell(wanted map[*hierarchy]map[uint64]uint32, threads map[uint32]uint32) error {
	var errs []error
	for h, places := range wanted {
		changed, err := bring(h.places, h.placed, places)
		p.untold = p.untold || changed
		if err != nil {
			errs = append(errs, fmt.Errorf("placing the cgroups of %s: %w", h.root, err))
		}
	}
	changed, err := bring(p.threads, p.threaded, threads)
	p.untold = p.untold || changed
	if err != nil {
		errs = append(errs, fmt.Errorf("placing threads: %w", err))
	}
	if p.untold && p.changed != nil {
		if err := p.changed(); err != nil {
			return errors.Join(append(errs, err)...)
		}
		p.untold = false
	}
	return errors.Join(errs...)
}

// bring makes the kernel's map, which holds is, hold wanted.
func bring[K comparable](m *ebpf.Map, is, wanted map[K]uint32) (changed bool, err error) {
	for k := range is {
		if _, ok := wanted[k]; !ok {
			if err := m.Delete(k); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
				return changed, err
			}
			delete(is, k)
			changed = true
		}
	}
	for k, place := range wanted {
		if had, ok := is[k]; ok && had == place {
			continue
		}
		if err := m.Put(k, place); err != nil {
			return changed, err
		}
		is[k] = place
		changed = true
	}
	return changed, nil
}
