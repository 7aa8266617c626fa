package vmm

import (
	"fmt"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/identity"
	"github.com/virt-exporter/virt_exporter/collector/kernel"
	"github.com/virt-exporter/virt_exporter/collector/model"
)

// process is one process of the host. Nearly all are of no interest, and
// nothing but the first fields is ever set of them.
type process struct {
	pid, ppid  int32
	ino        uint64        // of its directory in /proc
	seen       uint64        // the last scan that listed it
	next       time.Duration // when to look at it again, if it is of no interest
	start      uint64        // ticks since boot
	guestTicks uint64
	comm       string
	kernel     bool          // a thread of the kernel's own
	metAt      time.Duration // when it was first looked at
	metOld     bool          // and whether it had been there for longer, see isOld
	knownAt    time.Duration // when it was first known what it is; 0 while it is not
	uid        uint32        // effective user, of those that were described
	leftOut    bool          // it runs a machine for which there was no room
	askedAt    time.Duration // when its arguments were first asked for; 0 for never

	vm    *machine        // whose it is
	helps bool            // it serves a machine, if it is not known which
	help  identity.Helper // what is known of that

	*usage // of those that have a machine
}

// usage is what must be remembered of a process of a machine.
type usage struct {
	taskDir   string          // of its threads
	component model.Component // of all its threads; unset (-1) where they differ
	threads   []*thread
	share     *served // that it serves; nil if it serves none, or it is not known which
	files     fileCount

	stat, status kernel.File

	alive     bool          // it was there at the last reading
	readAt    time.Duration // the last reading of it; 0 for never
	base      bool          // what it did before its first reading does not count
	lastTicks uint64        // CPU time of the whole process, as last read
	total     uint64        // ticks that count
	accounted uint64        // nanoseconds of them that its threads have shown
	residual  uint64        // the largest rest: what threads ran that were never read again
}

// zombie is the state of a process that has ended and still has its number.
const zombie = 'Z'

// mixed is the component of a process whose threads tell what they do.
const mixed model.Component = -1

// setComm keeps the name if it is the same, as it is of nearly all.
func (p *process) setComm(comm []byte) {
	if p.comm != string(comm) {
		p.comm = string(comm)
	}
}

// readProcess reads the times of a process and of its threads. It is false if
// the process is gone.
func (s *Source) readProcess(m *machine, p *process) bool {
	p.alive = false
	b, err := s.files.ReadTask(&p.stat, s.opts.ProcFS, p.pid, "stat")
	if err != nil {
		if !kernel.Gone(err) {
			s.problems.Add(fmt.Errorf("reading %s/%d/stat: %w", s.opts.ProcFS, p.pid, err))
		}
		return false
	}
	var st kernel.ThreadStat
	if err := kernel.ParseThreadStat(b, &st); err != nil {
		s.problems.Add(fmt.Errorf("reading %s/%d/stat: %w", s.opts.ProcFS, p.pid, err))
		return false
	}
	if st.StartTicks != p.start || st.State == zombie {
		return false // another has its number, or nobody has fetched its exit status
	}
	now := s.opts.Now()
	ticks := st.UserTicks + st.SystemTicks
	switch {
	case p.readAt == 0 && p.base:
	case ticks > p.lastTicks:
		p.total += ticks - p.lastTicks
	}
	p.lastTicks = max(ticks, p.lastTicks)
	if p == m.main {
		if comm, _ := kernel.ThreadComm(b); p.comm != string(comm) {
			p.setComm(comm)
			m.unread, p.askedAt = true, s.now // it may be another program by now: describe it again
		}
		m.noteMain(&st)
	}
	s.readThreads(m, p)
	p.readAt, p.alive = now, true
	s.closeAccount(m, p)
	return true
}

// isOld reports whether what started then was there at the scan before this one
// and was not known for what it is, or was there before the exporter: what it
// did before does not count, so that neither is read as a burst.
func (s *Source) isOld(startTicks uint64) bool {
	return s.scannedAt == 0 || time.Duration(startTicks+1)*tick < s.scannedAt
}

// closeAccount books the CPU time that no thread has shown: of threads that
// came and went between readings, or exited after their last one. The kernel
// gives the total in ticks, hence it is a high-water mark.
func (s *Source) closeAccount(m *machine, p *process) {
	if len(p.threads) == 0 {
		return // its threads cannot be read: at least the first is always there
	}
	total := p.total * uint64(tick)
	const rounding = 2 * uint64(tick) // the kernel cuts off user and system time
	if rest := total - min(total, p.accounted); rest > p.residual+rounding {
		c := p.component
		switch {
		case c == mixed && p == m.main:
			c = model.Worker
		case c == mixed:
			c = model.Other
		}
		m.parts[c].run += rest - p.residual
		p.countShare(rest-p.residual, 0)
		m.parts[c].seen = true
		p.residual = rest
	}
}

func (s *Source) closeFiles(p *process) {
	if p.usage != nil {
		s.files.Close(&p.stat)
		s.files.Close(&p.status)
	}
}

// removeProcess lets go of a process, and of the machine that it runs.
func (s *Source) removeProcess(p *process) {
	m := p.vm
	p.vm, p.helps = nil, false
	delete(s.orphans, p)
	if m == nil {
		return
	}
	s.closeFiles(p)
	for _, t := range p.threads {
		s.dropThread(t)
	}
	total := p.total
	p.usage = nil
	if m.main == p {
		s.end(m)
		return
	}
	m.leave(p, total)
}
