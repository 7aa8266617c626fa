package bpf

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cilium/ebpf/btf"

	"github.com/virt-exporter/virt_exporter/collector/kernel"
	"github.com/virt-exporter/virt_exporter/collector/model"
	"github.com/virt-exporter/virt_exporter/collector/source"
)

// Options say what is measured.
type Options struct {
	ProcFS, SysFS string
	Mode          string   // how waits for a CPU are measured, see Modes; empty means Full
	Without       []string // programs that are not loaded, see ProgramNames
	Slots         int      // most guests and units that are told apart, a multiple of 64; 0 means the default

	Within kernel.CgroupNamespace // in which the exporter is; the zero value for none
}

// The modes.
const (
	Full    = "full"    // every switch of threads is seen
	Sampled = "sampled" // who runs and who waits is looked at 99 times a second
)

// Modes returns the ways to measure waits for a CPU.
func Modes() []string { return []string{Full, Sampled} }

// defaultSlots takes 2 MiB of kernel memory for who kept whom waiting; it is four
// times as much for twice as many. They become more by whole steps when they do not
// suffice.
const defaultSlots, slotStep, mostSlots = 512, 256, 2048

// Check reports which option is wrong.
func (o Options) Check() error {
	if o.Mode != "" && !slices.Contains(Modes(), o.Mode) {
		return fmt.Errorf("there is no mode %q: want one of %s", o.Mode, strings.Join(Modes(), ", "))
	}
	for _, name := range o.Without {
		if !slices.Contains(ProgramNames(), name) {
			return fmt.Errorf("there is no program %q: want one of %s", name, strings.Join(ProgramNames(), ", "))
		}
	}
	if n := o.Slots; n != 0 && (n < 64 || n > mostSlots || n%64 != 0) {
		return fmt.Errorf("%d slots: want a multiple of 64 up to %d", n, mostSlots)
	}
	return nil
}

// Source has programs in the kernel and reads what they count. Its goroutine, which
// places new guests as soon as they are known, begins with New and ends with Close.
type Source struct {
	opts  Options
	began time.Time
	types func() (*btf.Spec, error) // of the kernel

	mu        sync.Mutex // for what follows
	places    *places
	programs  []*loaded
	triedAt   time.Duration
	growAfter time.Duration // programs are not given more slots again before
	putErr    error
	coverage  source.Coverage
	out       model.Reading

	news    chan source.Surroundings
	closing chan struct{}
	once    sync.Once
	ended   chan struct{}
}

// New loads the programs that this kernel lets us load. It fails if that is none.
func New(opts Options) (*Source, error) {
	if opts.Mode == "" {
		opts.Mode = Full
	}
	if opts.Slots == 0 {
		opts.Slots = defaultSlots
	}
	if err := opts.Check(); err != nil {
		return nil, err
	}
	if err := mayLoad(opts.ProcFS); err != nil {
		return nil, err
	}
	p, err := newPlaces(opts)
	if err != nil {
		return nil, unavailable(err, "making maps")
	}
	s := &Source{
		opts: opts, began: time.Now(), types: btf.LoadKernelSpec, places: p,
		news: make(chan source.Surroundings, 1), closing: make(chan struct{}), ended: make(chan struct{}),
	}
	p.changed = s.placesChanged
	s.programs = programsOf(opts)
	if err := s.load(); err != nil {
		p.close()
		return nil, err
	}
	go s.place()
	return s, nil
}

// Name returns bpf.
func (s *Source) Name() string { return "bpf" }

// Surrounded takes who is there. The newest is what counts.
func (s *Source) Surrounded(around source.Surroundings) {
	for {
		select {
		case s.news <- around:
			return
		default:
		}
		select {
		case <-s.news:
		default:
		}
	}
}

// place puts guests into their places as soon as they are known, until the source is
// closed.
func (s *Source) place() {
	defer close(s.ended)
	for {
		select {
		case <-s.closing:
			return
		case around := <-s.news:
			s.put(around)
		}
	}
}

// put places who is there. A panic must not end the exporter: it is an error of every
// reading from then on.
func (s *Source) put(around source.Surroundings) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() {
		if p := recover(); p != nil {
			s.putErr = fmt.Errorf("placing guests has panicked: %v", p)
		}
	}()
	s.putErr = s.places.put(s.now(), around)
}

func (s *Source) now() time.Duration { return time.Since(s.began) }

// placesChanged lets the programs forget what they keep of places.
func (s *Source) placesChanged() error {
	var errs []error
	for _, l := range s.programs {
		if c, ok := l.program.(interface{ placesChanged() error }); ok {
			errs = append(errs, c.placesChanged())
		}
	}
	return errors.Join(errs...)
}

// Read takes what was counted since the last reading.
func (s *Source) Read(context.Context) (model.Reading, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	s.retry(now)
	errs := []error{s.putErr, s.grow(now)}
	complete := true
	for _, l := range s.programs {
		if l.program == nil {
			continue
		}
		if err := l.program.read(now, s.places); err != nil {
			errs = append(errs, fmt.Errorf("reading what program %s has counted: %w", l.name, err))
			var after afterwards
			complete = complete && errors.As(err, &after)
		}
	}
	if complete { // else what was counted for one slot's owner would be the next one's
		s.places.slots.recover(now)
	}
	s.report(now)
	return s.out, errors.Join(errs...)
}

// afterwards is an error of a reading that has read all there was for slots.
type afterwards struct{ error }

func (e afterwards) Unwrap() error { return e.error }

// allRead marks an error, if there is one, as such.
func allRead(err error) error {
	if err == nil {
		return nil
	}
	return afterwards{err}
}

// report says what the readings so far have shown.
func (s *Source) report(now time.Duration) {
	out := &s.out
	out.Measured, out.Requests = out.Measured[:0], out.Requests[:0]
	out.Programs, out.Features = out.Programs[:0], out.Features[:0]
	for _, g := range s.places.guests {
		g.clear()
		for _, l := range s.programs {
			if l.program != nil {
				l.program.report(g, &g.measured)
			}
		}
		out.Measured = append(out.Measured, g.measured)
	}
	for _, l := range s.programs {
		if !l.wanted {
			continue
		}
		out.Features = append(out.Features, l.feature())
		p := model.Program{Name: l.name, Loaded: l.program != nil}
		if l.program != nil {
			l.program.status(now, &p)
			if saw, ok := l.program.(observer); ok {
				p.Coverage = s.cover(now, saw)
				p.Lost = append(p.Lost, model.Lost{Reason: "no_slot", Count: model.Some(float64(s.places.noSlot))})
			}
			if r, ok := l.program.(interface {
				requests([]model.Requests) []model.Requests
			}); ok {
				out.Requests = r.requests(out.Requests)
			}
		}
		out.Programs = append(out.Programs, p)
	}
}

// clear empties what was said of the guest, and keeps the memory.
func (g *guest) clear() {
	m := &g.measured
	*m = model.MeasuredGuest{
		Name: g.about.Name, Waits: m.Waits[:0], IO: m.IO[:0], VMMExits: m.VMMExits[:0], KVMExits: m.KVMExits[:0],
	}
}

// Close takes the programs out of the kernel.
func (s *Source) Close() error {
	s.once.Do(func() { close(s.closing) })
	<-s.ended
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, l := range s.programs {
		errs = append(errs, l.unload())
	}
	s.places.close()
	return errors.Join(errs...)
}
