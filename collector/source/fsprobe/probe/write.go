package probe

import (
	"slices"

	"golang.org/x/sys/unix"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// work is what one side of tier 2 has made.
type work struct {
	dir      int
	now, new name // the name that the file has, and the one that it gets
	made     bool // there may be a file
	fd       int  // open for writing, 0 where none is
}

// writes is tier 2. One file after the other goes through all operations, so
// that none lives for long.
func (c *cycle) writes(references []*side) error {
	for _, ref := range references {
		if err := c.begin(Create, ref.reference()); err != nil {
			return err
		}
		f := c.prepareWrites(ref)
		if f != nil {
			if err := c.answer(f.skip(Create, ref.reference())); err != nil {
				return err
			}
			continue
		}
		if err := c.writeBeside(c.steps(), ref); err != nil {
			return err
		}
	}
	return nil
}

// prepareWrites opens the directories and removes what was left behind there.
func (c *cycle) prepareWrites(ref *side) *failure {
	if c.mount.work.dir == 0 {
		fd, id, f := c.resolveOnMount(c.req.WriteDir)
		if f != nil {
			return f
		}
		if !id.directory() {
			return refused(model.SkipNotSupported, "%s is not a directory", c.req.WriteDir)
		}
		c.mount.work.dir = fd
	}
	sides := []*side{c.mount}
	if ref != nil {
		ref.work.dir = ref.dir
		sides = append(sides, ref)
	}
	for _, s := range sides {
		if f := c.room(s); f != nil {
			return f
		}
		if errno := c.reap(s.work.dir); errno != 0 {
			return failed(errno, "look for what was left behind on %s", s)
		}
	}
	c.fillBuffer()
	return nil
}

// room says why a file system should not be written to: one that is nearly full
// is left to those who need it.
func (c *cycle) room(s *side) *failure {
	const enough = 64 << 20
	if errno := c.statFileSystem(s.work.dir); errno != 0 {
		return failed(errno, "statfs of %s", s)
	}
	if c.statFS.Flags&unix.ST_RDONLY != 0 {
		return refused(model.SkipReadOnly, "%s is mounted read-only", s)
	}
	// Servers that do not say how large they are say 0.
	free, all := c.statFS.Bavail, c.statFS.Blocks
	if all > 0 && free < all/20 && free < enough/max(uint64(c.statFS.Bsize), 1) {
		return refused(model.SkipNoSpace, "%s has less than 64 MiB and 5 %% free", s)
	}
	return nil
}

// steps are the operations of tier 2 in the order in which a file goes through
// them.
func (c *cycle) steps() []timed {
	return []timed{
		{
			op: Create,
			before: func(s *side) unix.Errno {
				c.names.fresh(&s.work.now)
				s.work.made = true // an error does not say that it is not there
				return 0
			},
			call: func(s *side) (errno unix.Errno) {
				fd, errno := c.create(s.work.dir, &s.work.now)
				if errno == 0 {
					s.work.fd = fd
				}
				return errno
			},
		},
		{
			op: Write,
			call: func(s *side) unix.Errno {
				n, errno := c.write(s.work.fd)
				if errno == 0 && n < block {
					return unix.ENOSPC
				}
				return errno
			},
			after: func(s *side) unix.Errno { return s.work.close() },
		},
		{
			op: Rename,
			before: func(s *side) unix.Errno {
				c.names.fresh(&s.work.new)
				return s.work.close()
			},
			call: func(s *side) unix.Errno { return c.rename(s.work.dir, &s.work.now, &s.work.new) },
			after: func(s *side) unix.Errno {
				s.work.now = s.work.new
				return 0
			},
		},
		{
			op:     Unlink,
			before: func(s *side) unix.Errno { return s.work.close() },
			call:   func(s *side) unix.Errno { return c.unlink(s.work.dir, &s.work.now) },
			after: func(s *side) unix.Errno {
				s.work.made = false
				return 0
			},
		},
	}
}

func (w *work) close() unix.Errno {
	if w.fd == 0 {
		return 0
	}
	fd := w.fd
	w.fd = 0
	return again(func() error { return unix.Close(fd) })
}

// remove removes what a file that did not go through all operations has left.
func (c *cycle) remove(s *side) {
	if s == nil {
		return
	}
	_ = s.work.close()
	if !s.work.made {
		return
	}
	_ = c.unlink(s.work.dir, &s.work.now)
	if s.work.new[0] != 0 {
		_ = c.unlink(s.work.dir, &s.work.new) // a rename that failed may have been done
	}
	s.work.made = false
}

// writeBeside compares all operations of tier 2 with those on one reference.
func (c *cycle) writeBeside(steps []timed, ref *side) error {
	records := make([]*record, len(steps))
	for i := range steps {
		records[i] = newRecord(steps[i].op, ref, c.req)
	}
	began := c.clock.now()
	for ; !full(records); hurry(records, c.clock.now()-began, int64(len(steps))*int64(c.req.Most)) {
		if c.stop() {
			return errStop
		}
		at, f, err := c.sequence(steps, records, ref)
		c.remove(c.mount)
		c.remove(ref)
		switch {
		case err != nil:
			return err
		case f == nil:
			continue
		case f.errno == unix.EINTR:
			drop(records)
			heed()
			continue
		}
		if err := c.answer(f.skip(steps[at].op, ref.reference())); err != nil {
			return err
		}
		// A file system without the operation may have the others.
		if f.reason != model.SkipNotSupported || steps[at].op == Create || steps[at].op == Unlink {
			return nil
		}
		steps, records = slices.Delete(steps, at, at+1), slices.Delete(records, at, at+1)
	}
	for _, r := range records {
		if err := c.answer(r.answer()); err != nil {
			return err
		}
	}
	return nil
}

// sequence takes one file on each side through all steps. It returns at which
// step it failed.
func (c *cycle) sequence(steps []timed, records []*record, ref *side) (at int, f *failure, err error) {
	for i := range steps {
		if err := c.begin(steps[i].op, ref.reference()); err != nil {
			return i, nil, err
		}
		p, f := c.pair(&steps[i], ref, records[i].mountFirst())
		if f != nil {
			return i, f, nil
		}
		records[i].add(p, true)
	}
	return 0, nil, nil
}

func hurry(records []*record, took, most int64) {
	for _, r := range records {
		r.hurry(took, most)
	}
}

func full(records []*record) bool {
	for _, r := range records {
		if !r.full() {
			return false
		}
	}
	return true
}

// drop counts an attempt of which nothing is kept.
func drop(records []*record) {
	for _, r := range records {
		r.add(pair{}, false)
	}
}
