package cgroup

import (
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
	delay     uint64        // on block I/O, in ticks; 0 where the kernel does not account it
	at        time.Duration // not later than that reading
	ranAfter  time.Duration // not later than the end of its last run that was seen
	seen      uint64        // the last reading that saw it
}

// readThread adds what one thread did. It is false if it could not be read.
func (s *Source) readThread(g *guest, n *node, tid int32) bool {
	t, known := s.threads[tid]
	if known {
		if t.seen == s.gen {
			return true // it moved while we read, or another hierarchy has shown it
		}
		if t.guest != g && t.guest.idle && t.guest.within(g) && len(s.layout.walked) > 1 {
			return true // another hierarchy has it in a guest that was left alone
		}
		now, ok := s.schedstat(t, tid)
		if ok && now.RunNsec >= t.run && now.WaitNsec >= t.wait {
			s.credit(g, t, now, s.delayed(t, tid))
			s.remember(g, n, tid)
			return true
		}
		s.dropThread(tid, t) // it has exited, and the number may be another's by now
	}
	t = &thread{}
	now, ok := s.schedstat(t, tid)
	if ok {
		s.threads[tid] = t
		s.meet(g, n, t, tid, now)
		s.remember(g, n, tid)
	}
	return ok
}

// remember keeps a thread through which to look into the guest, if its oldest
// has gone. What an engine itself runs beside the guest (nspawn's supervisor)
// sees the host instead.
func (s *Source) remember(g *guest, n *node, tid int32) {
	if g.firstPID == 0 && !n.skip {
		g.firstPID = tid
	}
}

// schedstat reads what a thread ran and waited. A process's own schedstat is
// that of its leader alone, hence one for each thread.
func (s *Source) schedstat(t *thread, tid int32) (kernel.Schedstat, bool) {
	b, err := s.files.ReadTask(&t.file, s.opts.ProcFS, tid, "schedstat")
	var st kernel.Schedstat
	if err == nil {
		s.features.saw(featureThreads, s.now)
		st, err = kernel.ParseSchedstat(b)
	}
	switch {
	case err == nil:
		return st, true
	case kernel.Gone(err):
	case kernel.Denied(err):
		s.refuse(featureThreads)
	default:
		s.problems.Add(fmt.Errorf("reading %s/%d/schedstat: %w", s.opts.ProcFS, tid, err))
	}
	s.files.Close(&t.file)
	return st, false
}

// meet takes up a thread that was not known. What it did before counts only if
// it did it in this guest: a thread that is older than the guest's last
// reading was moved here from elsewhere.
func (s *Source) meet(g *guest, n *node, t *thread, tid int32, now kernel.Schedstat) {
	t.guest, t.seen, t.at = g, s.gen, g.cpu.at
	t.run, t.wait = now.RunNsec, now.WaitNsec
	st, ok := s.stat(tid)
	if !ok {
		return
	}
	started := st.StartTicks
	t.delay = st.BlkioDelayTicks
	if g.startedAt == 0 {
		g.startedGen = s.gen // the first reading that saw a thread decides
	}
	if g.startedGen == s.gen && (g.startedAt == 0 || started < g.startedAt) {
		g.startedAt = started
		if !n.skip {
			g.firstPID = tid
		}
	}
	since := g.cpu.readAt
	if since == 0 {
		since = s.prevWalkAt // the guest was not there yet
		if s.walkedAt != s.now {
			since = s.walkedAt // this walk was cut
		}
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
//
// A thread cannot run for longer than the time that has passed. One that seems
// to have done so has taken the number of its process's leader by exec, with a
// past of its own that was counted under its own number. A past shorter than
// the interval cannot be told and counts twice.
func (s *Source) credit(g *guest, t *thread, now kernel.Schedstat, delayed uint64) {
	run, wait := now.RunNsec-t.run, now.WaitNsec-t.wait
	if run > 0 || wait > 0 {
		if !s.possible(t, run, run+wait) {
			run, wait = 0, 0
		}
		t.ranAfter = t.at // it ran between the two readings
	}
	for p := g; p != nil; p = p.parent {
		if t.guest == g || t.guest.within(p) {
			p.cpu.run += run
			p.cpu.wait += wait
			p.cpu.delay += delayed - t.delay
		}
	}
	t.guest, t.seen, t.at, t.delay = g, s.gen, g.cpu.at, delayed
	t.run, t.wait = now.RunNsec, now.WaitNsec
}

// possible reports whether a thread may have run so long since it was last
// read, and run and waited so long since it last ran: the kernel adds a wait as
// a whole when it ends. The clock is asked only if the time at which this
// guest's reading began is not enough.
func (s *Source) possible(t *thread, run, spent uint64) bool {
	// A CPU without ticks brings the run time of what it runs up to date only
	// once a second.
	const late = time.Second + 100*time.Millisecond
	least := max(t.at+time.Duration(run), t.ranAfter+time.Duration(spent)) - late
	return least <= t.guest.cpu.at || least <= s.opts.Now()
}

// dropExited forgets the threads that are gone. Those of a guest that was not
// reached in this reading are kept.
func (s *Source) dropExited() {
	for tid, t := range s.threads {
		if t.seen != s.gen && (t.guest.ended || t.guest.cpu.sweptGen == s.gen) {
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
		s.problems.Add(fmt.Errorf("reading %s/%d/stat: %w", s.opts.ProcFS, tid, err))
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
