package cgroup

import (
	"time"

	"github.com/virt-exporter/virt_exporter/collector/kernel"
	"github.com/virt-exporter/virt_exporter/collector/model"
)

// maxWalked is the number of hierarchies that are walked at most.
const maxWalked = 3

// node is a cgroup directory, in all walked hierarchies that have it: engines
// use the same path in each.
type node struct {
	parent   *node
	path     string // from the root of the hierarchy; "" for the root itself
	children map[string]*node

	ino    [maxWalked]uint64 // in each walked hierarchy; 0 where it is not
	seen   uint64            // the last walk that saw it, in any hierarchy
	seenIn [maxWalked]uint64 // and in each
	born   time.Duration     // when it was found; 0 if the exporter found it at its start
	room   *room             // what it and what is beside it may take up

	guest *guest // whose own directory this is; nil for others
	owner *guest // the innermost guest that holds this directory
	skip  bool   // belongs to an engine: no guests below

	tids   kernel.File // cgroup.threads
	limits limits      // of this directory alone

	oomControl kernel.File // v1: kills of this very directory
	kills      counter
	killsGen   uint64 // the reading that read them

	throttledGen uint64    // the reading that read throttled
	throttled    model.Opt // seconds that its own quota held what is in it

	unit       *unit  // what is read of it as the host's own; nil for most
	considered uint64 // the reading that thought of making it a unit
	leftOut    bool   // it is none for want of room, and was counted

	heldFile kernel.File // cpu.stat.local of a part of a virtual machine
	held     counter     // nanoseconds that quotas held that part
}

// limits are the limits set on one directory. They change when a person
// changes them, so they are read again only now and then.
type limits struct {
	gen      uint64        // the reading that read them
	next     time.Duration // when to read them again; 0 for never read
	cpuCores model.Opt
	weight   model.Opt    // 100 is the default
	memory   model.Opt    // bytes
	allowed  model.CPUSet // the effective cpuset; nil where it has none
}

// child makes the directory name below n.
func (n *node) child(name []byte) *node {
	c := &node{parent: n, path: n.path + "/" + string(name), owner: n.owner, skip: n.skip, room: n.room}
	if n.children == nil {
		n.children = make(map[string]*node)
	}
	n.children[string(name)] = c
	return c
}

// each calls f for n and everything below it.
func (n *node) each(f func(*node)) {
	f(n)
	for _, c := range n.children {
		c.each(f)
	}
}

// in reports whether the directory exists in the i-th walked hierarchy.
func (n *node) in(i int) bool { return n.ino[i] != 0 }
