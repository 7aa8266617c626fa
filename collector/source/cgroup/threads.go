package cgroup

import (
	"context"
	"fmt"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/kernel"
)

// thread is the last reading of one thread of a guest, in nanoseconds. The
// kernel forgets a thread's times when it exits; the guest it was added to
// does not.
type thread struct {
	file      kernel.File // its schedstat; open, it can only ever be this thread's
	guest     *guest      // the innermost guest that it runs in
	run, wait uint64
	delay     uint64 // on block I/O, in ticks; 0 where the kernel does not account it
	seen      uint64 // the last reading that saw it
}

// readThreads adds what all threads of all guests ran and waited since the
// last reading. It visits every cgroup and every thread once, also where
// guests lie inside guests.
func (s *Source) readThreads(ctx context.Context) error {
	if s.features.foreignThreads() {
		return nil
	}
	for i := range s.guests {
		g := s.guests[(s.first+i)%len(s.guests)]
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("reading threads: %w", context.Cause(ctx))
		}
		s.readGuestThreads(g)
	}
	s.dropExited()
	return nil
}

func (s *Source) readGuestThreads(g *guest) {
	if s.readOwned(g, g.node) {
		g.cpu.readAt = s.now
		g.cpu.readGen = s.gen
	}
}

// readOwned reads the threads of n and of the directories below that hold no
// guest of their own. It is false if some of them could not be listed.
func (s *Source) readOwned(g *guest, n *node) bool {
	tids, whole := s.listThreads(n)
	for _, tid := range tids {
		s.readThread(g, tid)
	}
	for _, c := range n.children {
		if c.owner == g && !s.readOwned(g, c) {
			whole = false
		}
	}
	return whole
}

// listThreads returns the threads of a directory. cgroup.threads of v2 and
// tasks of v1 list them all at once, so that no process need be looked into.
func (s *Source) listThreads(n *node) (tids []int32, ok bool) {
	s.tids, ok = s.tids[:0], true
	for i, h := range s.layout.walked {
		if !n.in(i) {
			continue
		}
		var b []byte
		var err error
		if h.v2 {
			b, err = s.files.Read(&n.tids, h.root, n.path, "cgroup.threads")
		} else {
			// Never kept open: v1 gives a reader the list that it made at the
			// first read for as long as somebody reads.
			b, err = s.files.ReadOnce(h.root, n.path, "tasks")
		}
		if err == nil {
			s.tids, err = kernel.ParsePIDs(b, s.tids)
		}
		switch {
		case err == nil:
			if len(s.tids) > 0 {
				return s.tids, true
			}
		case kernel.Gone(err), kernel.Unsupported(err):
		case kernel.Denied(err):
			s.refuse(featureThreads)
			ok = false
		default:
			ok = false
			s.fail(fmt.Errorf("listing the threads of %s%s: %w", h.root, n.path, err))
		}
	}
	return s.tids, ok
}

func (s *Source) readThread(g *guest, tid int32) {
	t, known := s.threads[tid]
	if known {
		now, ok := s.schedstat(t, tid)
		if ok && now.RunNsec >= t.run && now.WaitNsec >= t.wait {
			s.credit(g, t, tid, now)
			return
		}
		s.dropThread(tid, t) // it has exited, and the number may be another's by now
	}
	t = &thread{}
	if now, ok := s.schedstat(t, tid); ok {
		s.threads[tid] = t
		s.meet(g, t, tid, now)
	}
}

// schedstat reads what a thread ran and waited. A process's own schedstat is
// that of its leader alone, hence one for each thread.
func (s *Source) schedstat(t *thread, tid int32) (kernel.Schedstat, bool) {
	b, err := s.files.ReadTask(&t.file, s.opts.ProcFS, tid, "schedstat")
	var st kernel.Schedstat
	if err == nil {
		s.features.saw(featureThreads)
		st, err = kernel.ParseSchedstat(b)
	}
	switch {
	case err == nil:
		return st, true
	case kernel.Gone(err):
	case kernel.Denied(err):
		s.refuse(featureThreads)
	default:
		s.fail(fmt.Errorf("reading %s/%d/schedstat: %w", s.opts.ProcFS, tid, err))
	}
	s.files.Close(&t.file)
	return st, false
}

// meet takes up a thread that was not known. What it did before counts only if
// it did it in this guest: a thread that is older than the guest's last
// reading was moved here from elsewhere.
func (s *Source) meet(g *guest, t *thread, tid int32, now kernel.Schedstat) {
	t.guest, t.seen = g, s.gen
	t.run, t.wait = now.RunNsec, now.WaitNsec
	st, ok := s.stat(tid)
	if !ok {
		return
	}
	started := st.StartTicks
	t.delay = st.BlkioDelayTicks
	if g.cpu.readAt == 0 && (g.startedAt == 0 || started < g.startedAt) {
		g.startedAt, g.firstPID = started, tid
	}
	since := g.cpu.readAt
	if since == 0 {
		since = s.prevWalkAt // the guest was not there yet
	}
	if since == 0 || (g.atStart && g.cpu.readAt == 0) {
		return
	}
	if time.Duration(started+1)*tick >= since {
		for p := g; p != nil; p = p.parent {
			p.cpu.run += now.RunNsec
			p.cpu.wait += now.WaitNsec
			p.cpu.delay += t.delay
		}
	}
}

// credit adds what a thread did since the last reading. If it has moved to
// another guest meanwhile, only those count it that held it before and after.
func (s *Source) credit(g *guest, t *thread, tid int32, now kernel.Schedstat) {
	delayed := s.delayed(t, tid)
	for p := g; p != nil; p = p.parent {
		if t.guest == g || t.guest.within(p) {
			p.cpu.run += now.RunNsec - t.run
			p.cpu.wait += now.WaitNsec - t.wait
			p.cpu.delay += delayed - t.delay
		}
	}
	t.delay = delayed
	t.guest, t.seen = g, s.gen
	t.run, t.wait = now.RunNsec, now.WaitNsec
	if g.firstPID == 0 {
		g.firstPID = tid
	}
}

// dropExited forgets the threads that are gone. Those of a guest that was not
// reached in this reading are kept.
func (s *Source) dropExited() {
	for tid, t := range s.threads {
		if t.seen != s.gen && (t.guest.ended || t.guest.cpu.readGen == s.gen) {
			s.dropThread(tid, t)
		}
	}
}

func (s *Source) dropThread(tid int32, t *thread) {
	s.files.Close(&t.file)
	delete(s.threads, tid)
}

// tick is the unit of start times in /proc: USER_HZ is 100 wherever Go runs.
const tick = 10 * time.Millisecond

// stat reads what schedstat does not say of a thread: when it started.
func (s *Source) stat(tid int32) (kernel.ThreadStat, bool) {
	var st kernel.ThreadStat
	b, err := s.files.ReadTaskOnce(s.opts.ProcFS, tid, "stat")
	if err != nil {
		return st, false
	}
	if err := kernel.ParseThreadStat(b, &st); err != nil {
		s.fail(fmt.Errorf("reading %s/%d/stat: %w", s.opts.ProcFS, tid, err))
		return st, false
	}
	return st, true
}

// delayed returns how long a thread was blocked on block I/O, in ticks. It
// costs another file for every thread, so it is read only where the kernel
// accounts it.
func (s *Source) delayed(t *thread, tid int32) uint64 {
	if !s.delayacct {
		return t.delay
	}
	st, ok := s.stat(tid)
	if !ok {
		return t.delay
	}
	return max(st.BlkioDelayTicks, t.delay)
}
