package node

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/virt-exporter/virt_exporter/collector/kernel"
	"github.com/virt-exporter/virt_exporter/collector/model"
)

// featurePSI is the name of the feature that the machine's pressure can be read.
const featurePSI = "psi"

// readPressure reads /proc/pressure. The "full" of cpu is left out: for a whole
// machine it means nothing and the kernel always gives 0.
func (s *Source) readPressure(out *model.Pressure) (model.Feature, error) {
	var (
		errs         []error
		read, denied bool
	)
	for _, f := range []struct {
		name             string
		waiting, stalled *model.Opt
	}{
		{"cpu", &out.CPUWaiting, nil},
		{"memory", &out.MemoryWaiting, &out.MemoryStalled},
		{"io", &out.IOWaiting, &out.IOStalled},
		{"irq", nil, &out.IRQStalled}, // since 6.1, and only with irq time accounting
	} {
		path := s.tree.procPath("pressure/" + f.name)
		b, err := os.ReadFile(path)
		switch {
		case errors.Is(err, fs.ErrNotExist) || kernel.Unsupported(err):
			continue
		case kernel.Denied(err):
			denied = true
			continue
		case err != nil:
			errs = append(errs, err)
			continue
		}
		read = true
		var psi kernel.PSI
		if err := kernel.ParsePSI(b, &psi); err != nil {
			errs = append(errs, fmt.Errorf("reading %s: %w", path, err))
			continue
		}
		if f.waiting != nil && psi.HasSome {
			*f.waiting = seconds(psi.SomeUsec)
		}
		if f.stalled != nil && psi.HasFull {
			*f.stalled = seconds(psi.FullUsec)
		}
	}
	return psiFeature(read, denied, len(errs) > 0), errors.Join(errs...)
}

func psiFeature(read, denied, failed bool) model.Feature {
	switch {
	case read || failed: // a failure is not for want of the feature
		return model.Feature{Name: featurePSI}
	case denied:
		return model.Feature{Name: featurePSI, Reason: model.NoPermission, Remedy: "let the exporter read /proc/pressure"}
	}
	return model.Feature{
		Name: featurePSI, Reason: model.PSIDisabled,
		Remedy: "boot with psi=1 on the kernel's command line, with a kernel that has CONFIG_PSI",
	}
}

func seconds(usec uint64) model.Opt { return model.Some(float64(usec) / 1e6) }
