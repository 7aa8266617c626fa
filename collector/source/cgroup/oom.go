package cgroup

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/virt-exporter/virt_exporter/collector/identity"
	"github.com/virt-exporter/virt_exporter/collector/kernel"
	"github.com/virt-exporter/virt_exporter/collector/model"
)

const (
	// keepEnded is how long the OOM events of a guest outlive it: without
	// them nobody could be paged for a container that died of one.
	keepEnded = 15 * time.Minute

	// recall is how long the path of a guest that is gone is still known, for
	// records of the kernel's log that come late.
	recall = time.Minute
)

// oomState counts the OOM events of a guest.
type oomState struct {
	oom, kills                counter
	removed                   uint64 // v1: kills in sub-cgroups that are gone
	logged, loggedThen        uint64 // kills that the kernel's log told of, and at the last reading of the files
	readGen                   uint64 // the last reading of memory.events
	carriedOOM, carriedKilled uint64 // of earlier guests of this name
}

func (g *guest) ooms() uint64 { return g.oom.carriedOOM + g.oom.oom.value }

// oomKills is the count of the memory controller or of the kernel's log,
// whichever knows more: the log outlives the cgroup, but is rate-limited.
func (g *guest) oomKills() uint64 {
	return g.oom.carriedKilled + max(g.oom.kills.value, g.oom.logged)
}

// ended is what is kept of a guest that is gone.
type ended struct {
	until     time.Duration
	outer     string // the name of the guest around it
	cgroup    string // of a virtual machine, which others know by it
	oom, kill uint64
}

// recent is the name that a path had a moment ago.
type recent struct {
	name  model.Name
	until time.Duration
}

// keepOOM keeps the events of a guest that has just ended.
func (s *Source) keepOOM(g *guest) {
	if g.name.Guest == "" {
		return
	}
	s.recent[g.node.path] = recent{g.name, s.now + recall}
	if oom, kill := g.ooms(), g.oomKills(); oom > 0 || kill > 0 {
		s.ended[g.name] = &ended{
			until: s.now + keepEnded, outer: g.outerName(), cgroup: cgroupOfVM(g.name.Kind, g.node.path), oom: oom, kill: kill,
		}
	}
}

// carryOOM hands the events of an earlier guest of this name to g.
func (s *Source) carryOOM(g *guest) {
	if e, ok := s.ended[g.name]; ok && e.outer == g.outerName() {
		g.oom.carriedOOM += e.oom
		g.oom.carriedKilled += e.kill
		delete(s.ended, g.name)
	}
}

// outerName is the name of the guest around g: guests of one name in different
// places are not one another's successors.
func (g *guest) outerName() string {
	if g.parent == nil {
		return ""
	}
	return g.parent.name.String()
}

// appendEnded adds the guests that are gone but for their OOM events.
func (s *Source) appendEnded(out []model.Guest) []model.Guest {
	for path, r := range s.recent {
		if s.now > r.until {
			delete(s.recent, path)
		}
	}
	for name, e := range s.ended {
		if s.now > e.until {
			delete(s.ended, name)
			continue
		}
		g := model.Guest{Name: name, Ended: true, Info: model.Info{Cgroup: e.cgroup}}
		g.Memory.Events.OOMKill = model.Some(float64(e.kill))
		if e.oom > 0 {
			g.Memory.Events.OOM = model.Some(float64(e.oom))
		}
		out = append(out, g)
	}
	return out
}

// kernelLog reads /dev/kmsg without ever waiting: the only witness of a
// container that is OOM-killed and removed between two readings.
type kernelLog struct {
	fd  int
	buf [8 << 10]byte // the kernel's largest record
}

// openKernelLog opens the log at its end: what was before is not ours to count.
func openKernelLog(rootfs string) (*kernelLog, error) {
	path := filepath.Join(rootfs, "dev/kmsg")
	if st, err := os.Stat(path); err != nil {
		return nil, err
	} else if st.Mode()&os.ModeCharDevice == 0 {
		return nil, errors.New("not a device")
	}
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	if _, err := unix.Seek(fd, 0, unix.SEEK_END); err != nil {
		_ = unix.Close(fd)
		return nil, &os.PathError{Op: "seek", Path: path, Err: err}
	}
	return &kernelLog{fd: fd}, nil
}

func (l *kernelLog) close() {
	if l != nil {
		_ = unix.Close(l.fd)
	}
}

// each calls f for every OOM kill logged since the last call.
func (l *kernelLog) each(f func(kernel.OOMKill)) {
	const most = 10_000 // records: a log that grows faster than it is read
	for range most {
		n, err := unix.Read(l.fd, l.buf[:])
		switch {
		case err == unix.EPIPE || err == unix.EINTR:
			continue // overtaken by the ring: the next read is at its oldest
		case err != nil || n == 0:
			return
		}
		if kill, ok := kernel.ParseKmsgOOM(l.buf[:n]); ok {
			f(kill)
		}
	}
}

// readKernelLog counts the kills that the kernel's log tells of, for the guests
// that are known. It comes before the walk, which lets go of those that died of
// them. Where nobody is known yet, the walk may find a guest that was born since
// the last one, and lives.
func (s *Source) readKernelLog() {
	if s.log != nil {
		s.log.each(func(k kernel.OOMKill) { s.logged(k.TaskMemcg) })
	}
}

// placeKills counts the kills of those whom the log told of and nobody knew,
// once the walk has been made.
func (s *Source) placeKills() {
	for _, path := range s.unplaced {
		if !s.loggedLive(path) {
			s.loggedPast(path)
		}
	}
	s.unplaced = s.unplaced[:0]
}

// logged counts a kill in the cgroup at path.
func (s *Source) logged(path string) {
	if !s.loggedLive(path) {
		s.unplaced = append(s.unplaced, path)
	}
}

// loggedLive counts a kill for the guest that is at path and those around it,
// and reports whether there is one.
func (s *Source) loggedLive(path string) bool {
	n := s.find(path)
	if n.owner == nil {
		return false
	}
	for g := n.owner; g != nil; g = g.parent {
		g.oom.logged++
	}
	return true
}

// loggedPast counts a kill for the guest that was at path or was never seen.
func (s *Source) loggedPast(path string) {
	for end := 1; end <= len(path); end++ {
		if end < len(path) && path[end] != '/' {
			continue
		}
		if s.loggedGone(path[:end]) {
			return
		}
	}
}

// loggedGone counts a kill for the guest that was at path, and reports whether
// there was one. The outermost is asked first: what lies inside it may imitate
// another's path.
func (s *Source) loggedGone(path string) bool {
	if r, ok := s.recent[path]; ok {
		s.killedEnded(r.name, path)
		return true
	}
	m, ok := identity.FromPath(path)
	if !ok || m.Helper {
		return false
	}
	if m.Foreign() {
		return true // its files may not be touched now, and its path is not its name
	}
	if who := s.resolver.Resolve(path, m); !who.Pause && who.Kind == m.Kind {
		s.killedEnded(model.Name{Kind: who.Kind, Runtime: valid(who.Runtime), Guest: valid(who.Name)}, path)
	}
	return true
}

// killedEnded counts a kill for the guest of that name, which was at path.
func (s *Source) killedEnded(name model.Name, path string) {
	if g, ok := s.names[name]; ok {
		g.oom.carriedKilled++ // its successor is already there
		return
	}
	e, ok := s.ended[name]
	if !ok {
		e = &ended{cgroup: cgroupOfVM(name.Kind, path)}
		s.ended[name] = e
	}
	e.kill++
	e.until = s.now + keepEnded
}

// cgroupOfVM is path where it is that of a virtual machine: other sources may
// call the machine by another name.
func cgroupOfVM(kind model.Kind, path string) string {
	if kind != model.VM {
		return ""
	}
	return valid(path)
}

// find returns the deepest known directory at or above path.
func (s *Source) find(path string) *node {
	n := s.root
	for rest := strings.TrimPrefix(path, "/"); rest != ""; {
		name, after, _ := strings.Cut(rest, "/")
		c, ok := n.children[name]
		if !ok {
			break
		}
		n, rest = c, after
	}
	return n
}
