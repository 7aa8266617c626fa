package probe

import "golang.org/x/sys/unix"

// attributes is tier 0.
func (c *cycle) attributes(references []*side) error {
	tier := []timed{
		{op: Stat, call: func(s *side) unix.Errno { return c.statRoot(s.dir) }},
		{
			op: Lookup,
			before: func(s *side) unix.Errno {
				c.names.none(&s.name)
				return 0
			},
			call:   func(s *side) unix.Errno { return c.lookup(s.dir, &s.name) },
			expect: unix.ENOENT,
		},
		{op: StatFS, call: func(s *side) unix.Errno { return c.statFileSystem(s.dir) }},
	}
	for i := range tier {
		for _, ref := range references {
			if err := c.compare(&tier[i], ref); err != nil {
				return err
			}
		}
	}
	return nil
}
