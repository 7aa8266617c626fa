package bpf

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/virt-exporter/virt_exporter/collector/kernel"
	"github.com/virt-exporter/virt_exporter/collector/model"
)

// sampler looks 99 times a second at who waits for each CPU and who runs on it. It
// takes the place of sched where every switch is too much. Of a part of which n looks
// were had about 1/sqrt(n) is chance; how long single waits were it cannot say, and
// waits of real-time threads it does not see. A quota's share it sees up to Linux
// 6.17; later what a quota holds stays unexplained. See c/sampler.bpf.c.
type sampler struct {
	objects *ebpf.Collection
	blamed  *matrix
	waited  *words   // how often each slot was seen to wait
	counted []uint64 // what that had
	waits   *waits
	ns      uint64 // of all guests

	online   string      // the file that lists the CPUs there are
	events   map[int]int // file descriptor of each CPU's clock
	lookedAt time.Duration
}

const (
	looksPerSecond = 99 // no divisor of anything that the kernel does periodically
	mostPeriods    = 3  // for which one look stands, after an interrupt that was late
)

// onlineEvery is how often CPUs are looked for that have come or gone. One that was
// away for a shorter time is not looked at any more until the exporter starts anew.
const onlineEvery = time.Minute

func openSampler(e *env) (program, error) {
	s := &sampler{
		waits: newWaits(), online: filepath.Join(e.opts.SysFS, "devices/system/cpu/online"), events: make(map[int]int),
	}
	return s, s.open(e)
}

func (s *sampler) reload(e *env, read func() error) (bool, error) {
	next := &sampler{online: s.online, events: make(map[int]int)}
	return renew(s, next, e, read, func() { next.waits, next.ns, next.lookedAt = s.waits, s.ns, s.lookedAt })
}

func (s *sampler) open(e *env) (err error) {
	slots := e.opts.Slots
	s.objects, err = e.object(loadSampler, e.places.hierarchies.cpu, func(spec *ebpf.CollectionSpec) error {
		spec.Maps["blamed"].MaxEntries = uint32(slots * slots)
		spec.Maps["waited"].MaxEntries = uint32(slots)
		return errors.Join(
			spec.Variables["slots"].Set(uint32(slots)),
			spec.Variables["most"].Set(uint64(mostPeriods*time.Second/looksPerSecond)),
			spec.Variables["unified"].Set(b2u(e.places.hierarchies.cpu.v2)),
		)
	})
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = s.close() // the first error says why
		}
	}()
	s.blamed, s.counted = newMatrix(s.objects.Maps["blamed"], slots, 1), make([]uint64, slots)
	if s.waited, err = mapWords(s.objects.Maps["waited"]); err != nil {
		return err
	}
	return s.watch()
}

// watch has each CPU looked at that is there.
func (s *sampler) watch() error {
	b, err := os.ReadFile(s.online)
	if err != nil {
		return fmt.Errorf("looking for CPUs: %w", err)
	}
	there, err := kernel.ParseCPUSet(b, nil)
	if err != nil {
		return fmt.Errorf("%s: %w", s.online, err)
	}
	var errs []error
	for cpu := range 64 * len(there) {
		if _, ok := s.events[cpu]; ok || !has(there, cpu) {
			continue
		}
		fd, err := s.clock(cpu)
		if errors.Is(err, unix.ENODEV) {
			continue // gone just now
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("looking at CPU %d: %w", cpu, err))
			continue
		}
		s.events[cpu] = fd
	}
	for cpu, fd := range s.events {
		if !has(there, cpu) {
			errs = append(errs, unix.Close(fd))
			delete(s.events, cpu)
		}
	}
	return errors.Join(errs...)
}

func has(set model.CPUSet, cpu int) bool {
	return cpu/64 < len(set) && set[cpu/64]&(1<<(cpu%64)) != 0
}

// clock starts a clock of a CPU that runs the program, and goes on until the file
// descriptor is closed.
func (s *sampler) clock(cpu int) (fd int, err error) {
	attr := unix.PerfEventAttr{
		Type: unix.PERF_TYPE_SOFTWARE, Config: unix.PERF_COUNT_SW_CPU_CLOCK, Size: unix.PERF_ATTR_SIZE_VER1,
		Sample: looksPerSecond, Bits: unix.PerfBitFreq | unix.PerfBitDisabled,
	}
	fd, err = unix.PerfEventOpen(&attr, -1, cpu, -1, unix.PERF_FLAG_FD_CLOEXEC)
	if err != nil {
		return -1, fmt.Errorf("opening its clock: %w", err)
	}
	err = unix.IoctlSetInt(fd, unix.PERF_EVENT_IOC_SET_BPF, s.objects.Programs["sample"].FD())
	if err == nil {
		err = unix.IoctlSetInt(fd, unix.PERF_EVENT_IOC_ENABLE, 0)
	}
	if err != nil {
		return -1, errors.Join(fmt.Errorf("setting the program of its clock: %w", err), unix.Close(fd))
	}
	return fd, nil
}

func (s *sampler) read(now time.Duration, p *places) (err error) {
	s.waits.sweep(now) // what it drops has been reported
	eachVictim(p, s.blamed.side, func(slot, used int, who part) {
		times := atomic.LoadUint64(&s.waited.words[slot])
		changed := times != s.counted[slot]
		s.counted[slot] = times
		e := s.blamed.take(slot, used, changed, func(other int, ns uint64) {
			s.ns += ns
			s.waits.add(now, who, p.slots.owner(uint16(other)), ns)
		})
		if e != nil {
			err = e // each is the same
		}
	})
	err = errors.Join(err, s.blamed.release())
	if err != nil || now-s.lookedAt < onlineEvery {
		return err
	}
	s.lookedAt = now
	return allRead(s.watch())
}

func (s *sampler) report(g *guest, to *model.MeasuredGuest) {
	if g.placed {
		to.Waits = s.waits.report(g, to.Waits)
	}
}

// sawWaited returns the seconds that guests were seen to wait.
func (s *sampler) sawWaited() float64 { return float64(s.ns) / 1e9 }

func (s *sampler) status(time.Duration, *model.Program) {}

func (s *sampler) stop() error {
	var errs []error
	for cpu, fd := range s.events {
		errs = append(errs, unix.Close(fd))
		delete(s.events, cpu)
	}
	return errors.Join(errs...)
}

func (s *sampler) close() error {
	errs := []error{s.stop()}
	if s.waited != nil {
		errs = append(errs, s.waited.unmap())
		s.waited = nil
	}
	if s.objects != nil {
		s.objects.Close()
		s.objects = nil
	}
	return errors.Join(errs...)
}
