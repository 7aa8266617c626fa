package fsprobe

import (
	"sync"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// lookAgain is how often mounts are looked for between scrapes: their helpers
// must know which mount is meant.
const lookAgain = 15 * time.Second

// loop starts one cycle after the other, each when it is due.
func (s *Source) loop() {
	defer close(s.ended)
	for {
		t, wait := s.due()
		if t == nil {
			timer := time.NewTimer(wait)
			select {
			case <-s.kick:
			case <-timer.C:
			case <-s.closing:
				timer.Stop()
				return
			}
			timer.Stop()
			continue
		}
		released := make(chan struct{})
		release := sync.OnceFunc(func() { close(released) })
		s.cycles.Go(func() { s.cycle(t, release) })
		select {
		case <-released:
		case <-s.closing:
			return
		}
	}
}

// due returns the target whose turn it is, or how long to wait for one.
func (s *Source) due() (*target, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.find(now)
	var first *target
	for _, t := range s.listed {
		if t.probed && !t.running && (first == nil || t.next.Before(first.next)) {
			first = t
		}
	}
	if first == nil {
		return nil, lookAgain
	}
	if wait := first.next.Sub(now); wait > 0 {
		return nil, min(wait, lookAgain)
	}
	// Who did not answer is first asked without a reference: it may have been that.
	first.looks = now.Before(first.measure) || first.waits.times > 0
	if !first.looks && s.pressed() {
		first.skip(model.SkipPressure)
		first.looks, first.measure = true, now.Add(s.opts.Interval)
	}
	first.running = true
	return first, 0
}
