package vmm

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/kernel"
)

// Ages of a process. A young one may still become another program by exec, and
// whoever starts a virtual machine wants to see it now.
const (
	young     = 10 * time.Second
	youngStep = 30 * time.Second // how often one is looked at in the minutes after
	grown     = 2 * time.Minute
)

// scan brings the list of processes up to date. A scan that could not be ended
// lets go of nobody.
func (s *Source) scan(ctx context.Context) error {
	s.look = s.look[:0]
	s.args.waited = 0
	defer func() { s.tables = socketTables{} }()
	err := s.files.Subdirs(s.opts.ProcFS, "", func(e kernel.Entry) {
		if pid, ok := parsePID(e.Name); ok {
			s.listed(pid, e.Ino)
		}
	})
	if err != nil {
		return fmt.Errorf("listing %s: %w", s.opts.ProcFS, err)
	}
	for pid, p := range s.processes {
		if p.seen != s.gen {
			s.removeProcess(p)
			delete(s.processes, pid)
		}
	}
	if err := s.examineAll(ctx); err != nil {
		return err
	}
	s.adoptOrphans()
	s.settleNames()
	s.scannedAt = s.now
	return nil
}

// listed notes one process. Its directory has another inode when the number is
// another process's by now, and sometimes when it is not.
func (s *Source) listed(pid int32, ino uint64) {
	p, known := s.processes[pid]
	if !known {
		p = &process{pid: pid}
		s.processes[pid] = p
	}
	if !known || p.ino != ino || s.now >= p.next {
		s.look = append(s.look, p)
	}
	p.ino, p.seen = ino, s.gen
}

// parsePID reads the name of a directory in /proc, most of whose other entries
// begin with a letter.
func parsePID(name []byte) (int32, bool) {
	if len(name) == 0 || len(name) > 9 { // pid_max is at most 2^22
		return 0, false
	}
	var pid int32
	for _, c := range name {
		if c < '0' || c > '9' {
			return 0, false
		}
		pid = pid*10 + int32(c-'0')
	}
	return pid, true
}

// examineAll looks at the processes of s.look, parents before their children.
func (s *Source) examineAll(ctx context.Context) error {
	kept := s.look[:0]
	for _, p := range s.look {
		if ctx.Err() != nil {
			for _, q := range s.look {
				q.next = 0 // look again
			}
			return fmt.Errorf("looking for virtual machines: %w", context.Cause(ctx))
		}
		if s.meetProcess(p) {
			kept = append(kept, p)
		}
	}
	slices.SortFunc(kept, byAge)
	for _, p := range kept {
		s.examine(p)
	}
	clear(s.look)
	return nil
}

// byAge orders processes so that parents stand before their children.
func byAge(a, b *process) int {
	return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.pid, b.pid))
}

// nextLook returns when a process that is of no interest is looked at again.
// Those that are grown are spread over the interval.
func (s *Source) nextLook(start uint64) time.Duration {
	switch age := s.now - time.Duration(start)*tick; {
	case age < young:
		return s.now
	case age < grown:
		return s.now + youngStep
	}
	s.turn = (s.turn + 61) % 256
	return s.now + s.opts.Recheck + s.opts.Recheck*time.Duration(s.turn)/256
}

// tick is the unit of times in /proc/PID/stat: USER_HZ is 100 wherever Go runs.
const tick = 10 * time.Millisecond
