package cgroup

import (
	"context"
	"fmt"

	"github.com/virt-exporter/virt_exporter/collector/kernel"
)

// maxDepth bounds the walk: the kernel has no limit, but a path longer than
// PATH_MAX cannot be opened anyway.
const maxDepth = 512

// walk brings the tree up to date: it discovers guests and lets go of those
// that are gone. A walk that could not be ended lets go of nobody.
func (s *Source) walk(ctx context.Context) error {
	s.gen++
	s.retry()
	for i := range s.layout.walked {
		if err := s.walkDir(ctx, i, s.root, 0); err != nil {
			return err
		}
	}
	s.sweep(s.root)
	s.settleVacant()
	s.prevWalkAt, s.walkedAt = s.walkedAt, s.now
	s.walkedOnce = true
	return nil
}

// walkDir visits n and what is below it in the i-th hierarchy. The link count
// spares listing the directories that have no subdirectories: nearly all.
func (s *Source) walkDir(ctx context.Context, i int, n *node, depth int) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("walking the cgroups: %w", context.Cause(ctx))
	}
	n.seen = s.gen
	if (n.skip && n.owner == nil) || depth > maxDepth {
		return nil // but what an engine keeps inside a guest is a part of it
	}
	root := s.layout.walked[i].root
	_, links, err := s.files.Links(root, n.path)
	if err == nil && links == 2 {
		return nil
	}
	if err == nil {
		err = s.files.Subdirs(root, n.path, func(e kernel.Entry) { s.found(i, n, e) })
	}
	switch {
	case err == nil:
	case kernel.Gone(err):
		return nil
	case kernel.Denied(err):
		s.refuse(featureGuests)
		s.keep(i, n)
		return nil
	default:
		s.problems.Add(fmt.Errorf("listing %s%s: %w", root, n.path, err))
		s.keep(i, n)
		return nil
	}
	for _, c := range n.children {
		if c.seenIn[i] != s.gen {
			continue
		}
		if err := s.walkDir(ctx, i, c, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// found notes the directory e below n. One whose inode changed is another
// directory of the same name: the container was restarted.
func (s *Source) found(i int, n *node, e kernel.Entry) {
	c := n.children[string(e.Name)]
	if c != nil && c.ino[i] != 0 && c.ino[i] != e.Ino {
		s.remove(c)
		c = nil
	}
	isNew := c == nil
	if isNew {
		if !n.room.enter() {
			s.dropped["directories"]++
			return
		}
		c = n.child(e.Name)
		if s.walkedOnce {
			c.born = s.now
		}
		if isUserSlice(c.path) {
			c.room = &room{maxDirs: tenantDirs, maxGuests: userGuests}
		}
	}
	c.ino[i], c.seenIn[i], c.seen = e.Ino, s.gen, s.gen
	if isNew {
		s.classify(c)
		s.unitsChanged = s.unitsChanged || c.owner == nil
	}
}

// keep marks what is known below n as seen: a directory that cannot be listed
// now is no proof that its guests are gone.
func (s *Source) keep(i int, n *node) {
	n.each(func(d *node) {
		if d != n && d.in(i) {
			d.seen, d.seenIn[i] = s.gen, s.gen
		}
	})
}

// sweep removes what the walk has not seen.
func (s *Source) sweep(n *node) {
	for _, c := range n.children {
		if c.seen != s.gen {
			s.remove(c)
			continue
		}
		for i := range s.layout.walked {
			if c.seenIn[i] != s.gen {
				c.ino[i] = 0
			}
		}
		s.sweep(c)
	}
}

// remove lets go of n, which is gone, and keeps what was counted in it.
func (s *Source) remove(n *node) {
	n.each(func(d *node) {
		if d.owner != nil {
			d.owner.cpu.parts.gone += d.held.value
		}
		for g := d.owner; g != nil; g = g.parent {
			g.oom.removed += d.kills.value
		}
	})
	s.drop(n)
	delete(n.parent.children, base(n.path))
}

// drop lets go of n, of everything below it and of the guests there.
func (s *Source) drop(n *node) {
	n.each(func(d *node) {
		s.files.Close(&d.tids)
		s.files.Close(&d.oomControl)
		s.files.Close(&d.heldFile)
		if d.guest != nil {
			s.end(d.guest)
		}
		if d.unit != nil {
			s.closeUnit(d.unit)
			s.unitsChanged = true
		}
		delete(s.undecided, d)
		delete(s.refused, d)
		delete(s.vacant, d)
		delete(s.pods, d)
		if d.parent != nil {
			d.parent.room.dirs--
		}
	})
}

func base(path string) string {
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == '/' {
			return path[i+1:]
		}
	}
	return path
}
