package vmm

import (
	"bytes"
	"cmp"
	"fmt"
	"strconv"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/identity"
	"github.com/virt-exporter/virt_exporter/collector/kernel"
	"github.com/virt-exporter/virt_exporter/collector/model"
)

// thread is the last reading of one thread, in nanoseconds.
type thread struct {
	tid       int32
	process   *process
	file      kernel.File // its schedstat; open, it can only ever be this thread's
	component model.Component
	vcpu      bool
	settled   bool // its name will not change any more
	next      time.Duration
	run, wait uint64
	delay     uint64 // on block I/O, in ticks
	guestBase uint64 // ticks in guest mode that do not count
	seen      uint64 // the last reading that listed it
}

// settleAfter is the age at which a thread has the name that it keeps: a
// hypervisor names a thread when it has made it.
const settleAfter = 5 * time.Second

// readThreads reads what the threads of a process ran and waited.
func (s *Source) readThreads(m *machine, p *process) {
	if err := s.listThreads(p.taskDir); err != nil {
		if !kernel.Gone(err) {
			s.problems.Add(fmt.Errorf("listing the threads of %s/%d: %w", s.opts.ProcFS, p.pid, err))
		}
		return
	}
	for _, tid := range s.tids {
		s.readThread(m, p, tid)
	}
	kept := p.threads[:0]
	for _, t := range p.threads {
		if t.seen != s.gen {
			s.dropThread(t)
			continue
		}
		kept = append(kept, t)
	}
	clear(p.threads[len(kept):])
	p.threads = kept
}

// maxThreads bounds what one process can make the exporter read.
const maxThreads = 16384

// taskDir returns the directory of the threads of a process.
func (s *Source) taskDir(pid int32) string {
	return s.pathOf(pid, "task")
}

// pathOf returns the path of what is called name in the directory of a process.
func (s *Source) pathOf(pid int32, name string) string {
	return s.opts.ProcFS + "/" + strconv.Itoa(int(pid)) + "/" + name
}

func (s *Source) listThreads(dir string) error {
	s.tids = s.tids[:0]
	return s.files.Subdirs(dir, "", func(e kernel.Entry) {
		if tid, ok := parsePID(e.Name); ok && len(s.tids) < maxThreads {
			s.tids = append(s.tids, tid)
		}
	})
}

func (s *Source) readThread(m *machine, p *process, tid int32) {
	t := s.threads[tid]
	if t != nil && t.process == p {
		now, ok := s.schedstat(t)
		if ok && now.RunNsec >= t.run && now.WaitNsec >= t.wait {
			s.credit(m, t, now)
			s.reconsider(m, t)
			return
		}
	}
	if t != nil {
		s.forget(t) // it has exited, and the number is another's by now
	}
	t = &thread{tid: tid, process: p, component: p.component}
	s.meet(m, t)
}

// meet takes up a thread that was not known. What it did before counts if it
// did that since the last reading of its process.
func (s *Source) meet(m *machine, t *thread) {
	now, ok := s.schedstat(t)
	if !ok {
		return
	}
	st, ok := s.threadStat(t)
	if !ok {
		s.files.Close(&t.file)
		return
	}
	s.threads[t.tid] = t
	t.process.threads = append(t.process.threads, t)
	s.classify(m, t, &st)
	t.delay = st.BlkioDelayTicks
	fresh := !t.process.base
	if t.process.readAt != 0 {
		fresh = time.Duration(st.StartTicks+1)*tick >= t.process.readAt
	}
	t.guestBase = st.GuestTicks
	if fresh {
		t.delay, t.guestBase = 0, 0
		s.credit(m, t, now)
	}
	t.run, t.wait, t.seen = now.RunNsec, now.WaitNsec, s.gen
}

// credit adds what a thread did since its last reading to the machine.
func (s *Source) credit(m *machine, t *thread, now kernel.Schedstat) {
	part := &m.parts[t.component]
	part.run += now.RunNsec - t.run
	part.wait += now.WaitNsec - t.wait
	t.process.accounted += now.RunNsec - t.run
	t.process.countShare(now.RunNsec-t.run, now.WaitNsec-t.wait)
	t.run, t.wait, t.seen = now.RunNsec, now.WaitNsec, s.gen
	if s.delayacct {
		if st, ok := s.threadStat(t); ok && st.BlkioDelayTicks > t.delay {
			m.delay += st.BlkioDelayTicks - t.delay
			t.delay = st.BlkioDelayTicks
		}
	}
}

// classify says what a thread does, by its name and by its guest time.
func (s *Source) classify(m *machine, t *thread, st *kernel.ThreadStat) {
	t.settled = s.now-time.Duration(st.StartTicks)*tick > settleAfter
	t.next = s.now + s.opts.Recheck
	if t.process.component == mixed {
		comm := s.comm
		leader := t.tid == m.main.pid
		t.component, t.vcpu = identity.ThreadComponent(m.vm.Runtime, string(comm), leader)
		if !t.vcpu && st.GuestTicks > 0 {
			t.vcpu, t.component, m.byTime = true, model.VCPU, true
		}
		if t.vcpu && t.seen != 0 {
			// What it ran so far was taken for another component's, and is no
			// part of the vCPUs' run: neither is its guest time.
			m.guestBase += st.GuestTicks - min(st.GuestTicks, t.guestBase)
		}
		if t.vcpu {
			m.noteAccelerator(comm)
		}
		m.roundRobin = m.roundRobin || t.vcpu && bytes.HasPrefix(comm, []byte("ALL CPUs"))
	}
	m.parts[t.component].seen, m.parts[t.component].threads = true, true
}

// noteAccelerator takes what QEMU uses from the name of a vCPU's thread: its
// arguments may name several, and it takes the first that works.
func (m *machine) noteAccelerator(comm []byte) {
	_, name, ok := bytes.Cut(comm, []byte("/"))
	accelerator := ""
	switch {
	case !ok || m.vm.Runtime != "qemu":
		return
	case string(name) == "KVM":
		accelerator = "kvm"
	case string(name) == "TCG":
		accelerator = "tcg"
	}
	m.told = cmp.Or(accelerator, m.told)
	if accelerator != "" && accelerator != m.vm.Accelerator {
		m.vm.Accelerator, m.accounted = accelerator, accountingUnknown
		m.describe()
	}
}

// reconsider looks again at a thread that was not known for a vCPU: it may have
// got its name, or spent its first time in guest mode, since.
func (s *Source) reconsider(m *machine, t *thread) {
	if t.vcpu || t.process.component != mixed {
		return
	}
	due := t.next
	if m.missing {
		due += youngStep - s.opts.Recheck
	}
	if t.settled && s.now < due {
		return
	}
	if st, ok := s.threadStat(t); ok {
		s.classify(m, t, &st)
	}
}

// schedstat reads what a thread ran and waited. A process's own is that of its
// leader alone, hence one for each thread.
func (s *Source) schedstat(t *thread) (kernel.Schedstat, bool) {
	b, err := s.files.ReadTask(&t.file, s.opts.ProcFS, t.tid, "schedstat")
	var st kernel.Schedstat
	if err == nil {
		st, err = kernel.ParseSchedstat(b)
	}
	switch {
	case err == nil:
		s.features.saw(featureThreads, s.now)
		return st, true
	case kernel.Gone(err):
		if t.tid == t.process.pid {
			s.missSchedstat()
		}
	case kernel.Denied(err):
		s.features.lacks(featureThreads, model.NoPermission, s.now)
	default:
		s.problems.Add(fmt.Errorf("reading %s/%d/schedstat: %w", s.opts.ProcFS, t.tid, err))
	}
	s.files.Close(&t.file)
	return st, false
}

// missSchedstat notes that this kernel has no such file, if it has none for
// process 1 either.
func (s *Source) missSchedstat() {
	if _, err := s.files.ReadTaskOnce(s.opts.ProcFS, 1, "schedstat"); kernel.Gone(err) {
		s.features.lacks(featureThreads, model.NotSupported, s.now)
	}
}

// threadStat reads /proc/PID/task/TID/stat: below /proc/TID stand the sums of
// the whole process. The thread's name is in s.comm until the next file is read.
func (s *Source) threadStat(t *thread) (kernel.ThreadStat, bool) {
	var st kernel.ThreadStat
	b, err := s.files.ReadTaskOnce(t.process.taskDir, t.tid, "stat")
	if err == nil {
		err = kernel.ParseThreadStat(b, &st)
	}
	if err != nil {
		if !kernel.Gone(err) && !kernel.Denied(err) {
			s.problems.Add(fmt.Errorf("reading %s/%d/stat: %w", t.process.taskDir, t.tid, err))
		}
		return st, false
	}
	s.comm, _ = kernel.ThreadComm(b)
	return st, true
}

// hasVCPU reports whether a process has a thread by the name of a vCPU.
func (s *Source) hasVCPU(p *process, runtime string) bool {
	if s.listThreads(s.taskDir(p.pid)) != nil {
		return false
	}
	for _, tid := range s.tids {
		b, err := s.files.ReadTaskOnce(s.opts.ProcFS, tid, "comm")
		if err != nil {
			continue
		}
		if _, vcpu := identity.ThreadComponent(runtime, string(bytes.TrimSuffix(b, []byte{'\n'})), tid == p.pid); vcpu {
			return true
		}
	}
	return false
}

// dropThread forgets a thread. What it did stays with its machine.
func (s *Source) dropThread(t *thread) {
	s.files.Close(&t.file)
	if s.threads[t.tid] == t {
		delete(s.threads, t.tid)
	}
}

// forget is dropThread for one whose process stays.
func (s *Source) forget(t *thread) {
	s.dropThread(t)
	t.seen = 0
}
