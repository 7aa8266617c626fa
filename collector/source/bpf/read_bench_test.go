package bpf

import (
	"errors"
	"strconv"
	"testing"

	"github.com/virt-exporter/virt_exporter/collector/model"
	"github.com/virt-exporter/virt_exporter/collector/source"
)

// Reading what was counted of 1,000 guests when 1,024 slots are there: of guests that
// did not wait, and of such that each waited for eight others and on all CPUs.
func BenchmarkRead(b *testing.B) {
	for _, bench := range []struct {
		name     string
		culprits int
	}{{"nobody waited", 0}, {"each waited for 8", 8}} {
		b.Run(bench.name, func(b *testing.B) {
			s, err := New(Options{ProcFS: "/proc", SysFS: "/sys", Slots: 1024})
			var missing *source.Unavailable
			if errors.As(err, &missing) {
				b.Skip(err)
			}
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			var around source.Surroundings
			for i := range 1000 {
				around.Guests = append(around.Guests, source.Guest{Name: model.Name{Kind: model.Container, Runtime: "docker", Guest: strconv.Itoa(i)}})
			}
			s.mu.Lock()
			err = s.places.put(s.now(), around)
			s.mu.Unlock()
			if err != nil {
				b.Fatal(err)
			}

			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				b.StopTimer()
				count(b, s, bench.culprits)
				b.StartTimer()
				r, err := s.Read(b.Context())
				if err != nil || len(r.Measured) != 1000 {
					b.Fatalf("%d guests, %v", len(r.Measured), err)
				}
			}
		})
	}
}

// count does what the program does when each guest waits for so many of the next ones.
func count(b *testing.B, s *Source, culprits int) {
	var p *sched
	for _, l := range s.programs {
		if is, ok := l.program.(*sched); ok {
			p = is
		}
	}
	if culprits == 0 || p == nil {
		return
	}
	if err := errors.Join(p.fill(s.places.slots.used(), culprits), p.blamed.release()); err != nil {
		b.Fatal(err)
	}
}

// fill counts in the maps, where no program is needed for it.
func (p *sched) fill(used, culprits int) error {
	for slot := slotsReserved; slot < used; slot++ {
		pairs, err := p.blamed.row(0, slot)
		if err != nil {
			return err
		}
		for i := range culprits {
			pairs[slotsReserved+(slot+i)%(used-slotsReserved)] = 1e6
		}
		for shard := range p.shards {
			row := p.waited.row(shard*p.blamed.side+slot, waitedWords)
			row[sumPairs] += uint64(culprits)
			for bucket := range 8 {
				row[sums+bucket+2]++
			}
		}
	}
	return nil
}
