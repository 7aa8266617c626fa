package cgroup

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// nameFresh names the guests that have no name yet. Their threads are read
// first: the oldest of a name keeps it.
func (s *Source) nameFresh(ctx context.Context) error {
	for _, g := range s.guests {
		if g.name.Guest != "" {
			continue
		}
		if ctx.Err() != nil {
			s.settleNames()
			return fmt.Errorf("naming guests: %w", context.Cause(ctx))
		}
		s.visit(g.outermost())
	}
	s.settleNames()
	return nil
}

// visit reads the usage and the threads of an outermost guest and of those in
// it, once in a reading.
func (s *Source) visit(g *guest) {
	if g.visited == s.gen {
		return
	}
	s.visitUsage(g)
	s.readThreads(g)
}

func (s *Source) visitUsage(g *guest) {
	g.visited = s.gen
	g.gone, g.anyRead = false, false
	s.readUsage(g)
	for _, inner := range g.inner {
		s.visitUsage(inner)
	}
}

// readGuests reads one outermost guest after the other, each with all that is
// in it, as far as the deadline allows. The next reading begins with the one
// that this one did not reach.
func (s *Source) readGuests(ctx context.Context) error {
	first, _ := slices.BinarySearchFunc(s.trees, s.next, func(g *guest, path string) int {
		return strings.Compare(g.node.path, path)
	})
	for i := range s.trees {
		g := s.trees[(first+i)%len(s.trees)]
		if ctx.Err() != nil {
			s.next = g.node.path
			return fmt.Errorf("reading guests: %d of %d were not reached: %w", len(s.trees)-i, len(s.trees), context.Cause(ctx))
		}
		s.visit(g)
		s.readTree(g)
	}
	s.next = ""
	return nil
}

// readTree reads a guest and those in it.
func (s *Source) readTree(g *guest) {
	if !g.ended && g.name.Guest != "" && s.readGuest(g) {
		s.out = append(s.out, g.out)
	}
	for _, inner := range g.inner {
		s.readTree(inner)
	}
}

// readGuest reads one guest. It is false for one that has ceased to exist.
func (s *Source) readGuest(g *guest) bool {
	g.out.Name = g.name
	s.readCPU(g, &g.out.CPU)
	s.readPressure(g, &g.out.Pressure)
	s.readMemory(g, &g.out.Memory)
	s.readIOLimits(g)
	g.out.IO = s.readIO(g, g.out.IO)
	g.out.State = s.readState(g)
	if g.isVM() {
		g.out.Memory.NUMA = s.readNUMA(g, g.out.Memory.NUMA)
	} else {
		s.readProcesses(g, &g.out)
	}
	g.out.Info.Parent = ""
	if g.parent != nil {
		g.out.Info.Parent = g.parent.name.String()
	}
	s.noteNames(g)
	return !g.gone && (g.anyRead || !s.gone(g.node))
}

// readProcesses reads what is known of a guest through its processes.
func (s *Source) readProcesses(g *guest, m *model.Guest) {
	m.IODelay = s.ioDelay(g)
	m.Network = s.readNetwork(g, m.Network[:0])
	if g.startedAt != 0 && s.bootTime != 0 {
		m.StartTime = model.Some(s.bootTime + float64(g.startedAt)*tick.Seconds())
	}
}
