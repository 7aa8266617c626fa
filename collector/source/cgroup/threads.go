package cgroup

import (
	"fmt"

	"github.com/virt-exporter/virt_exporter/collector/kernel"
	"github.com/virt-exporter/virt_exporter/collector/model"
)

// readThreads adds what the threads of a guest, and of those inside it, ran and
// waited since the last reading. The innermost come first, so that a thread
// which one hierarchy shows further out is taken where it belongs. A guest in
// which nothing ran is left alone: the kernel adds a wait when it ends with
// running, and forks and exits take CPU time too. So is a virtual machine, unless
// it runs in a container, whose threads its own are too.
func (s *Source) readThreads(g *guest) {
	if g.isVM() && g.parent == nil {
		return
	}
	for _, inner := range g.inner {
		s.readThreads(inner)
	}
	if g.idle {
		g.cpu.readAt, g.cpu.readGen = s.now, s.gen
		if g.cpu.anyThread {
			s.features.saw(featureThreads, s.now) // as it would be again
		}
		return
	}
	if s.features.foreignThreads() {
		return
	}
	g.cpu.at = s.opts.Now()
	found := s.threadsRead
	if !s.readOwned(g, g.node) {
		return
	}
	if s.threadsRead > found {
		g.cpu.anyThread = true
	}
	g.cpu.readAt, g.cpu.readGen, g.cpu.sweptGen = s.now, s.gen, s.gen
}

// readOwned reads the threads of n and of the directories below that hold no
// guest of their own. It is false if some of them could not be read.
func (s *Source) readOwned(g *guest, n *node) bool {
	tids, whole := s.listThreads(g, n)
	read := 0
	for _, tid := range tids {
		if s.readThread(g, n, tid) {
			read++
		}
	}
	s.threadsRead += read
	if len(tids) > 0 && read == 0 && !g.cpu.anyThread {
		whole = s.gone(n) // /proc hides them, or all have exited meanwhile
	}
	for _, c := range n.children {
		if c.owner == g && !s.readOwned(g, c) {
			whole = false
		}
	}
	return whole
}

// gone reports whether a directory has ceased to exist.
func (s *Source) gone(n *node) bool {
	for i, h := range s.layout.walked {
		if n.in(i) {
			if _, _, err := s.files.Links(h.root, n.path); !kernel.Gone(err) {
				return false
			}
		}
	}
	return true
}

// listThreads returns the threads of a directory. cgroup.threads of v2 and
// tasks of v1 list them all at once, so that no process need be looked into.
func (s *Source) listThreads(g *guest, n *node) (tids []int32, ok bool) {
	s.tids, ok = s.tids[:0], true
	for i, h := range s.layout.walked {
		if !n.in(i) {
			continue
		}
		var b []byte
		var err error
		if h.v2 {
			b, err = s.files.Read(&n.tids, h.root, n.path, "cgroup.threads")
		} else {
			// Never kept open: v1 gives a reader the list that it made at the
			// first read for as long as somebody reads.
			b, err = s.files.ReadOnce(h.root, n.path, "tasks")
		}
		if err == nil {
			s.tids, err = kernel.ParsePIDs(b, s.tids)
		}
		if err == nil && kernel.HasForeignPIDs(b) {
			// The list is of another PID namespace than ours: what has a
			// number here is only what we can see ourselves.
			s.features.lacks(featureThreads, model.ForeignPIDNamespace)
			return nil, false
		}
		switch {
		case err == nil:
			if len(s.tids) > 0 {
				g.cpu.elsewhere = g.cpu.elsewhere || (!h.v2 && n.in(0) && s.layout.walked[0].v2)
				return s.tids, true
			}
		case kernel.Gone(err), kernel.Unsupported(err):
		case kernel.Denied(err):
			s.refuse(featureThreads)
			ok = false
		default:
			ok = false
			s.problems.Add(fmt.Errorf("listing the threads of %s%s: %w", h.root, n.path, err))
		}
	}
	return s.tids, ok
}
