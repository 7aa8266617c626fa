package fsprobe

import (
	"bytes"
	"os"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/virt-exporter/virt_exporter/collector/kernel"
)

// resident is a process and the namespace that it was in when it was last looked
// at. Few ever change it, and those do so when they begin.
type resident struct {
	ino    uint64 // of its directory: another when the number is another's
	id     uint64 // of the namespace; 0 if that is not to be told
	denied bool
	gen    uint64 // the walk that saw it last
	next   time.Duration
}

// walk lists the namespaces and the first few processes of each. Where the home
// namespace cannot be told from others no other is taken.
func (s *namespaces) walk(now time.Duration) {
	s.gen++
	home, err := s.of(s.homeDir)
	s.denied = err != nil && kernel.Denied(err)
	if s.denied && s.homeDir == s.procFS+"/1" {
		home = s.ofKernel()
	}
	if home == 0 {
		return
	}
	all, refused := 0, 0
	_ = s.files.Subdirs(s.procFS, "", func(e kernel.Entry) {
		if e.Name[0] < '1' || e.Name[0] > '9' {
			return
		}
		pid, err := strconv.ParseInt(string(e.Name), 10, 32)
		if err != nil {
			return
		}
		r := s.look(int32(pid), e, now)
		if all++; r.denied {
			refused++
		}
		if r.id != 0 && r.id != home {
			s.saw(r.id, int32(pid))
		}
	})
	s.denied = 2*refused > all // even root is refused by a few, as by those of another security module's
	for pid, r := range s.residents {
		if r.gen != s.gen {
			delete(s.residents, pid)
		}
	}
}

// look returns where a process is. One that is new is asked a second time soon:
// an engine starts it before it makes the namespace.
func (s *namespaces) look(pid int32, e kernel.Entry, now time.Duration) resident {
	r, known := s.residents[pid]
	if known = known && r.ino == e.Ino; known && now < r.next {
		r.gen = s.gen
		s.residents[pid] = r
		return r
	}
	s.path = append(append(append(s.path[:0], s.procFS...), '/'), e.Name...)
	id, err := s.of(string(s.path))
	r = resident{ino: e.Ino, id: id, denied: kernel.Denied(err), gen: s.gen, next: s.again(now, known)}
	if known || len(s.residents) < maxResidents {
		s.residents[pid] = r
	}
	return r
}

// again returns when to look again at what is seen at now, and was known before
// or is new. Not all are looked at at once.
func (s *namespaces) again(now time.Duration, known bool) time.Duration {
	if !known {
		return now + rereadSoon
	}
	s.turn = (s.turn + 1) % 32
	return now + reread + time.Duration(s.turn)*rereadWhile
}

// of returns the mount namespace of a process, 0 if it is not to be told.
func (s *namespaces) of(procDir string) (uint64, error) {
	n, err := unix.Readlink(procDir+"/ns/mnt", s.link)
	if err != nil {
		return 0, err
	}
	number, ok := bytes.CutPrefix(s.link[:n], []byte("mnt:["))
	if !ok {
		return 0, nil
	}
	id, _ := strconv.ParseUint(string(bytes.TrimSuffix(number, []byte("]"))), 10, 64)
	return id, nil
}

// ofKernel returns the mount namespace of the kernel's own threads, which is that of
// process 1, 0 if they cannot be seen. Process 1 may be closed even to root.
func (s *namespaces) ofKernel() uint64 {
	if !s.kernelThreads() {
		return 0
	}
	home, _ := s.of(s.procFS + "/2")
	return home
}

// kernelThreads reports whether process 2 is kthreadd, as it is of each host: no PID
// namespace but the first has threads of the kernel.
func (s *namespaces) kernelThreads() bool {
	b, err := s.files.ReadTaskOnce(s.procFS, 2, "comm")
	return err == nil && string(bytes.TrimSpace(b)) == "kthreadd"
}

// foreign reports whether the processes are those of a PID namespace other than the
// host's. Where process 1 is hidden, that cannot be said.
func (s *namespaces) foreign() bool {
	_, err := os.Stat(s.procFS + "/1/mountinfo")
	return err == nil && !s.kernelThreads()
}

// saw notes a process of a namespace: the oldest few, as far as numbers tell.
func (s *namespaces) saw(id uint64, pid int32) {
	ns := s.byID[id]
	if ns == nil {
		if len(s.byID) >= maxNamespaces {
			return
		}
		ns = &namespace{id: id}
		s.byID[id] = ns
	}
	if ns.gen != s.gen {
		ns.gen, ns.pids, ns.alive = s.gen, ns.pids[:0], false
	}
	ns.alive = ns.alive || pid == ns.pid
	if at, _ := slices.BinarySearch(ns.pids, pid); at < maxCandidates {
		ns.pids = slices.Insert(ns.pids[:min(len(ns.pids), maxCandidates-1)], at, pid)
	}
}
