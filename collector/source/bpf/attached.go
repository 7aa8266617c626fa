package bpf

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// attached is an object whose programs are all attached to tracepoints.
type attached struct {
	objects *ebpf.Collection
	links   []link.Link
}

// attach attaches all programs of the object.
func (a *attached) attach() error {
	for name, p := range a.objects.Programs {
		l, err := link.AttachTracing(link.TracingOptions{Program: p})
		if err != nil {
			return fmt.Errorf("attaching %s: %w", name, err)
		}
		a.links = append(a.links, l)
	}
	return nil
}

// lost reads variables of the object, each of which counts what was lost for the
// reason that is its name.
func (a *attached) lost(to []model.Lost, reasons ...string) []model.Lost {
	for _, reason := range reasons {
		var n uint64
		lost := model.Lost{Reason: reason}
		if a.objects.Variables[reason].Get(&n) == nil {
			lost.Count = model.Some(float64(n))
		}
		to = append(to, lost)
	}
	return to
}

// placesChanged has the programs look up places anew, if they keep any.
func (a *attached) placesChanged() error {
	v := a.objects.Variables["generation"]
	if v == nil {
		return nil
	}
	var generation uint32
	if err := v.Get(&generation); err != nil {
		return fmt.Errorf("reading the generation of places: %w", err)
	}
	if err := v.Set(generation + 1); err != nil {
		return fmt.Errorf("setting the generation of places: %w", err)
	}
	return nil
}

// stop has the programs of the object count no more.
func (a *attached) stop() error {
	var errs []error
	for _, l := range a.links {
		errs = append(errs, l.Close())
	}
	a.links = nil
	return errors.Join(errs...)
}

// detach takes the object out of the kernel.
func (a *attached) detach() error {
	err := a.stop()
	if a.objects != nil {
		a.objects.Close()
		a.objects = nil
	}
	return err
}
