package fsprobe

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
	"github.com/virt-exporter/virt_exporter/collector/source"
	"github.com/virt-exporter/virt_exporter/collector/source/fsprobe/probe"
)

// Source lists passthrough mounts and probes them. Its goroutine begins with New
// and ends with Close.
type Source struct {
	opts  Options
	start func(name string) (Helper, error)

	mu          sync.Mutex
	closed      bool
	finder      *finder
	around      source.Surroundings
	surrounded  bool // it was told what is around
	targets     map[key]*target
	listed      []*target          // in the order in which they were found
	lingering   map[model.Name]int // helpers of mounts that are gone, by whose they were
	named       []Named            // by the operator
	dropped     uint64             // mounts that found no room
	began       time.Time          // from which the finder's time counts
	foundAt     time.Time
	stale       bool // what there is to find has changed since
	findErr     error
	cannotStart error // why a helper could not be started
	random      *rand.Rand

	references   []probe.Reference
	referredAt   time.Time // when they were chosen
	referenceErr error     // why there is none

	kick    chan struct{} // holds one when something is due earlier than was thought
	closing chan struct{}
	ended   chan struct{} // the loop has returned
	cycles  sync.WaitGroup
}

// New starts to look for mounts and to probe them.
func New(opts Options) (*Source, error) {
	if opts.Interval == 0 {
		opts.Interval = DefaultInterval
	}
	if opts.Timeout == 0 {
		opts.Timeout = DefaultTimeout
	}
	if opts.MaxMounts == 0 {
		opts.MaxMounts = DefaultMaxMounts
	}
	s := &Source{
		opts: opts, start: opts.Start,
		targets: make(map[key]*target), lingering: make(map[model.Name]int), began: time.Now(), stale: true, random: opts.Random,
		kick: make(chan struct{}, 1), closing: make(chan struct{}), ended: make(chan struct{}),
	}
	if s.start == nil {
		s.start = startProcess
	}
	if s.random == nil {
		s.random = rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	}
	f, err := s.newFinder()
	if err != nil {
		return nil, fmt.Errorf("finding mounts: %w", err)
	}
	s.finder = f
	go s.loop()
	return s, nil
}

// Name returns fsprobe.
func (s *Source) Name() string { return "fsprobe" }

// Surrounded takes the guests whose mounts, and the directories that, are looked
// at too.
func (s *Source) Surrounded(around source.Surroundings) {
	s.mu.Lock()
	defer s.mu.Unlock()
	changed := !slices.Equal(s.around.Shared, around.Shared) || !maps.Equal(s.around.Containers, around.Containers)
	s.around = around
	changed = changed || !s.surrounded
	s.surrounded = true
	if changed {
		s.stale = true
		s.wake()
	}
}

// Read gives the mounts that are there now and what the last cycles have shown.
// It touches no mount and waits for none.
func (s *Source) Read(context.Context) (model.Reading, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.find(now)
	var r model.Reading
	for _, t := range s.listed {
		if t.share {
			if t.probed {
				r.ShareProbes = append(r.ShareProbes, t.showShare(now))
			}
			continue
		}
		r.Mounts = append(r.Mounts, t.show(now))
	}
	for reason, n := range map[string]uint64{"max_mounts": s.dropped, "guest_mounts": s.finder.dropped} {
		if n > 0 {
			if r.Dropped == nil {
				r.Dropped = make(map[string]uint64)
			}
			r.Dropped[reason] = n
		}
	}
	r.Features = s.features()
	if s.findErr != nil {
		return r, fmt.Errorf("finding mounts: %w", s.findErr)
	}
	return r, nil
}

// features say whether mounts can be probed, and whether those of containers are
// seen.
func (s *Source) features() []model.Feature {
	start, reference, guests := model.Feature{Name: "fs_probe"}, model.Feature{Name: "fs_reference"}, model.Feature{Name: "fs_guest_mounts"}
	if s.cannotStart != nil {
		start.Reason = model.NoPermission
		start.Remedy = "let the exporter start its own program from /proc/self/exe as a helper: " + s.cannotStart.Error()
	}
	switch {
	case s.finder.homeless:
		guests.Reason = model.ForeignPIDNamespace
		guests.Remedy = "run in the host's PID namespace (docker run --pid=host, hostPID: true), to see mounts of the host and of containers"
	case s.finder.denied():
		guests.Reason = model.NoPermission
		guests.Remedy = "run as root, or with CAP_SYS_PTRACE, to see the mounts of containers"
	}
	if s.referenceErr != nil {
		reference.Reason = model.NotConfigured
		reference.Remedy = "give --fsprobe.reference a directory of a disk or of memory: " + s.referenceErr.Error()
	}
	if len(s.listed) == 0 {
		return []model.Feature{guests} // the others were not tried
	}
	return []model.Feature{start, reference, guests}
}

// Close ends the helpers. One that hangs is left to the kernel.
func (s *Source) Close() error {
	s.mu.Lock()
	again := s.closed
	s.closed = true
	s.mu.Unlock()
	if again {
		return nil
	}
	close(s.closing)
	<-s.ended
	s.mu.Lock()
	var helpers []Helper
	for _, t := range s.targets {
		if t.helper != nil {
			helpers = append(helpers, t.helper)
			t.helper = nil
		}
	}
	s.mu.Unlock()
	var wait sync.WaitGroup
	for _, h := range helpers {
		wait.Go(func() { h.Stop(grace) })
	}
	wait.Wait()
	s.cycles.Wait()
	return nil
}

// grace is the time that a helper gets to remove what it has written.
const grace = 250 * time.Millisecond

// jitter returns a number between -1 and 1.
func (s *Source) jitter() float64 { return 2*s.random.Float64() - 1 }

// wake has the loop look at what is due.
func (s *Source) wake() {
	select {
	case s.kick <- struct{}{}:
	default:
	}
}
