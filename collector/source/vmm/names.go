package vmm

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	"github.com/virt-exporter/virt_exporter/collector/identity"
	"github.com/virt-exporter/virt_exporter/collector/kernel"
	"github.com/virt-exporter/virt_exporter/collector/model"
)

// settleNames names the machines that have no name yet, the oldest first: of
// those that are called alike it keeps the name.
func (s *Source) settleNames() {
	for _, m := range slices.Clone(s.machines) { // one that turns out to be none is taken out
		late := m.unread && s.readLate(m)
		if m.main.vm == nil {
			continue
		}
		if m.name.Guest == "" || late {
			s.releaseName(m)
			s.giveName(m)
			m.describe()
		}
	}
}

// readLate asks again for arguments for which nobody could wait. It is true
// when they are there.
func (s *Source) readLate(m *machine) bool {
	in, whole := s.describe(m.main)
	if !whole {
		return false
	}
	m.unread = false
	vm, ok := identity.VMFromProcess(in)
	if !ok {
		s.removeProcess(m.main)
		return false
	}
	vm.Accelerator = cmp.Or(m.told, vm.Accelerator)
	if vm.Accelerator != m.vm.Accelerator {
		m.accounted = accountingUnknown
	}
	m.vm = vm
	s.knowSockets(m)
	return true
}

func (s *Source) giveName(m *machine) {
	name := model.Name{Kind: model.VM, Runtime: m.vm.Runtime, Guest: s.plainName(m)}
	if holder, taken := s.names[name]; taken && s.hasEnded(holder) {
		s.releaseName(holder)
	} else if taken {
		s.collisions++
		if m.claim() < holder.claim() {
			s.rename(holder, s.distinct(holder, name))
		} else {
			name = s.distinct(m, name)
		}
	}
	s.rename(m, name)
}

// claim is the order in which machines may claim a name, whoever was first: what
// a tenant calls a process must not cost the host's machine its name.
func (m *machine) claim() int {
	switch _, _, inside := container(m.within); {
	case inside:
		return 2
	case m.main.uid != 0 && !givenByHost(m.own):
		return 1
	}
	return 0
}

func (s *Source) rename(m *machine, name model.Name) {
	m.name = name
	s.names[name] = m
}

// hasEnded reports whether a machine has ended but its parent has not noticed.
func (s *Source) hasEnded(m *machine) bool {
	b, err := s.files.ReadTask(&m.main.stat, s.opts.ProcFS, m.main.pid, "stat")
	var st kernel.ThreadStat
	return kernel.Gone(err) || err == nil && kernel.ParseThreadStat(b, &st) == nil && st.State == zombie
}

// plainName is what a person calls the machine: its pod where Kata runs it, the
// name that it was given, or the container that it is.
func (s *Source) plainName(m *machine) string {
	if m.who = s.pod(m); m.who.KubePod != "" {
		return m.who.KubeNamespace + "/" + m.who.KubePod
	}
	if m.vm.Name != "" {
		return m.vm.Name
	}
	if path, match, ok := container(m.within); ok && !match.Foreign() {
		if who := s.resolver.Resolve(path, match); who.Name != "" {
			m.vm.ID, m.vm.Image = who.ID, who.Image
			return who.Name
		}
	}
	return m.shortID()
}

// container returns the part of a cgroup's path that is the directory of a
// container, the innermost: below it an engine may make others.
func container(path string) (own string, m identity.Match, ok bool) {
	for end := len(path); end > 0; end = strings.LastIndexByte(path[:end], '/') {
		if m, ok := identity.FromPath(path[:end]); ok && m.Kind == model.Container && !m.Helper {
			return path[:end], m, true
		}
	}
	return "", identity.Match{}, false
}

// pod asks containerd's and CRI-O's files about a sandbox of Kata, whose id is
// that of the pod's first container.
func (s *Source) pod(m *machine) identity.Who {
	const idLength = 64
	if len(m.vm.ID) != idLength || strings.Trim(m.vm.ID, "0123456789abcdef") != "" {
		return identity.Who{}
	}
	for _, engine := range []string{"containerd", "crio"} {
		who := s.resolver.Resolve("/"+m.vm.ID, identity.Match{Kind: model.Container, Runtime: engine, ID: m.vm.ID})
		if who.KubePod != "" {
			return who
		}
	}
	return identity.Who{}
}

// distinct adds to a name what tells m apart.
func (s *Source) distinct(m *machine, name model.Name) model.Name {
	plain := name.Guest
	for _, suffix := range []string{m.shortID(), m.digest()} {
		name.Guest = plain + "~" + suffix
		if _, taken := s.names[name]; !taken {
			return name
		}
	}
	for _, taken := s.names[name]; taken; _, taken = s.names[name] {
		name.Guest += "~"
	}
	return name
}

func (s *Source) releaseName(m *machine) {
	if s.names[m.name] == m {
		delete(s.names, m.name)
	}
}

// shortID is what tells machines of one name apart: the first 12 characters of
// their id or UUID, or where they have none, of a digest that no two share.
func (m *machine) shortID() string {
	for _, id := range []string{m.vm.ID, m.vm.UUID} {
		if id != "" && id != m.vm.Name {
			return identity.ShortID(id)
		}
	}
	return identity.ShortID(m.digest())
}

// digest stands for the process.
func (m *machine) digest() string {
	sum := sha256.Sum256([]byte(strconv.Itoa(int(m.main.pid)) + "/" + strconv.FormatUint(m.main.start, 10)))
	return hex.EncodeToString(sum[:])
}
