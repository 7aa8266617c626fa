package cgroup

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/identity"
	"github.com/virt-exporter/virt_exporter/collector/kernel"
	"github.com/virt-exporter/virt_exporter/collector/model"
)

// guest is a container or a virtual machine, and what must be remembered of it
// between readings.
type guest struct {
	node   *node
	parent *guest // the guest around it
	match  identity.Match
	who    identity.Who
	name   model.Name        // empty until given, see names.go
	final  bool              // the name will not change any more
	asked  time.Duration     // when the engines' files were last asked
	answer chan identity.Who // where the background puts it; nil if it was not asked
	born   time.Duration     // when it was found
	inner  []*guest          // the guests in it, one level
	room   *room             // in which it takes a place

	// atStart is set for a guest that was there when the exporter started:
	// counters that hold state begin at 0 for it, so that a restart of the
	// exporter is never read as a burst.
	atStart bool

	files   [numFiles]guestFile
	gone    bool // a file that could be read before has ceased to exist
	anyRead bool // in this reading

	visited      uint64 // the reading that has its usage and its threads
	idle         bool   // nothing in it ran since the last reading
	cpu          cpuState
	memory       memoryState
	io           []ioState
	ioLimitsNext time.Duration // when to read the limits of io again
	oom          oomState
	startedAt    uint64 // ticks since boot of its oldest thread; 0 if unknown
	startedGen   uint64 // the reading that found the first thread
	firstPID     int32  // that thread, or another if it has exited
	netKnown     bool   // whether netOwn is known
	netOwn       bool   // it has a network namespace of its own
	ended        bool

	out model.Guest
}

// guestFile is one of a guest's files.
type guestFile struct {
	kernel.File
	read        bool          // it could be read once
	absentUntil time.Duration // do not look again before
}

// outermost returns the guest around g that lies in no other.
func (g *guest) outermost() *guest {
	for g.parent != nil {
		g = g.parent
	}
	return g
}

// within reports whether g is outer or lies inside it.
func (g *guest) within(outer *guest) bool {
	for ; g != nil; g = g.parent {
		if g == outer {
			return true
		}
	}
	return false
}

// shortID is what tells guests of one name apart: the first 12 characters of
// the engine's id, or where the engine has none, of a digest of the path.
func (g *guest) shortID() string {
	id := g.who.ID
	if id == "" || id == g.who.Name {
		id = g.digest()
	}
	return identity.ShortID(id)
}

// digest stands for the path, which no two guests share.
func (g *guest) digest() string {
	sum := sha256.Sum256([]byte(g.node.path))
	return hex.EncodeToString(sum[:])
}

// closeFiles closes what is kept open for g.
func (s *Source) closeFiles(g *guest) {
	for i := range g.files {
		s.files.Close(&g.files[i].File)
	}
}
