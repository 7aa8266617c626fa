package bpf

import (
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// A program that sees single waits says how many seconds of guests' waits it saw, one
// that knows them all how many there were: the coverage of the one is by the other.
type (
	observer interface{ sawWaited() float64 }
	knower   interface{ allWaited() float64 }
)

// cover returns the part of the waits of guests in the last minutes that was seen:
// absent where no program is there that knows them, or there were next to none.
func (s *Source) cover(now time.Duration, saw observer) model.Opt {
	for _, l := range s.programs {
		if all, ok := l.program.(knower); ok {
			return s.coverage.Update(now, saw.sawWaited(), all.allWaited())
		}
	}
	return model.Opt{}
}
