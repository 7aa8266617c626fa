package fsprobe

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/identity"
	"github.com/virt-exporter/virt_exporter/collector/model"
	"github.com/virt-exporter/virt_exporter/collector/source/fsprobe/probe"
)

// Job is one measurement, outside of the exporter's round.
type Job struct {
	Path       string        // a directory: a mountpoint or one below it
	References []string      // directories to compare with; none: chosen as the exporter does
	ReadFile   string        // for tier 1, below the same mount; empty: none
	WriteDir   string        // for tier 2, below the same mount; empty: none
	Pairs      int           // of each operation; 0 means DefaultPairs
	Gap        time.Duration // between two operations; 0 means DefaultGap
	Timeout    time.Duration // for one operation; 0 means DefaultTimeout

	ProcFS string                            // empty: /proc
	Start  func(name string) (Helper, error) // nil starts this program anew
}

// What a cycle is made of.
const (
	DefaultPairs = 15
	DefaultGap   = time.Millisecond
	warmup       = 3
)

// ReferenceLocal is the label of a reference on a disk of this machine.
const ReferenceLocal = refLocal

// Measured is what a Job has shown.
type Measured struct {
	Mount      model.Mount // what is mounted there, with Probes, and Stuck if it hangs
	References []probe.Reference
	Skips      []probe.Skip // operations that could not be done, and why
}

// Measure measures once. It does not wait for a mount that hangs longer than the
// timeout, and leaves the helper that hangs with it to the kernel. An error is
// that there was nothing to measure.
func Measure(ctx context.Context, job Job) (Measured, error) {
	if job.Start == nil {
		job.Start = startProcess
	}
	if job.ProcFS == "" {
		job.ProcFS = "/proc"
	}
	m, request, err := job.prepare()
	if err != nil {
		return m, err
	}
	h, err := job.Start(helperName(job.Path))
	if err != nil {
		return m, err
	}
	defer h.Stop(grace)
	stop := context.AfterFunc(ctx, func() { h.Stop(0) })
	defer stop()
	if err := h.Ask(request); err != nil {
		return m, err
	}
	err = m.listen(h, orElse(job.Timeout, DefaultTimeout))
	if ctx.Err() != nil {
		return m, fmt.Errorf("probing %s: %w", job.Path, context.Cause(ctx))
	}
	return m, err
}

// longMost is how long the pairs of one operation may take for a person who
// waits.
const longMost = 20 * time.Second

// prepare finds out what is to be measured.
func (j *Job) prepare() (m Measured, r probe.Request, err error) {
	f := newFinder(finderOptions{procFS: j.ProcFS})
	own, err := f.own()
	if err != nil {
		return m, r, err
	}
	at, _, ok := lookUp(own, j.Path)
	if !ok || at.FSType == "autofs" {
		return m, r, fmt.Errorf("nothing is mounted at %s", j.Path)
	}
	for _, p := range []string{j.ReadFile, j.WriteDir} {
		if in, _, _ := lookUp(own, p); p != "" && in.ID != at.ID {
			return m, r, fmt.Errorf("%s is not on the file system of %s", p, j.Path)
		}
	}
	m.References, err = chooseReferences(own, j.References, map[string]bool{at.Device: true})
	if err != nil {
		return m, r, err
	}
	id := identity.AnyMount(facts(&at))
	m.Mount = model.Mount{
		Mountpoint: at.Mountpoint, FSType: id.FSType, Passthrough: id.Kind, Source: id.Source, Tag: id.Tag, Options: id.Options,
	}
	return m, probe.Request{
		Target: probe.Target{
			Path: j.Path, MountID: at.ID, Device: at.Device, Follow: true, ReadFile: j.ReadFile, WriteDir: j.WriteDir,
		},
		References: m.References, Pairs: orElse(j.Pairs, DefaultPairs), Warmup: warmup, Gap: orElse(j.Gap, DefaultGap), Most: longMost,
	}, nil
}

// listen takes what the helper answers.
func (m *Measured) listen(h Helper, timeout time.Duration) error {
	t := target{interval: time.Hour}
	t.waits.begins("", h.PID(), time.Now())
	defer func() {
		now := time.Now()
		for _, r := range t.results {
			m.Mount.Probes = append(m.Mount.Probes, r.show(true))
		}
		m.Mount.StuckSeconds, m.Mount.Stuck = t.stuck(now)
	}()
	for {
		a, err := h.Next(time.Now().Add(timeout))
		now := time.Now()
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			t.waits.times++
			return nil // Stuck says it
		case err != nil:
			return err
		case a.Begin != nil:
			t.waits.begins(a.Begin.Op, h.PID(), now)
			t.waits.reference = a.Begin.Reference
			if a.Begin.Thread != 0 {
				t.waits.tid = a.Begin.Thread
			}
		case a.Samples != nil:
			t.waits.answered()
			t.resultOf(a.Samples.Op, a.Samples.Reference).take(a.Samples, now)
		case a.Skip != nil:
			t.waits.answered()
			m.Skips = append(m.Skips, *a.Skip)
		case a.End != nil:
			t.waits.answered()
			return nil
		}
	}
}

func orElse[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}
