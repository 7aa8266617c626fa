package probe

import "golang.org/x/sys/unix"

// cycle is what one request needs. Nothing of it stays open when it ends, so
// that the mount can be unmounted.
type cycle struct {
	*server
	req    *Request
	root   int      // where paths of the mount are looked up
	id     identity // of the mount
	mount  *side
	due    int64 // when the next operation may begin
	opened []int
}

// side is one half of a comparison: the mount, or a reference.
type side struct {
	label string // the reference's, empty for the mount
	dir   int    // of tier 0: the mount's root, the reference's directory
	name  name

	// Tier 1.
	file   int    // open for reading, 0 until it is
	blocks blocks // of file
	parent int    // the directory that is listed, 0 until it is open
	list   int    // the same, opened for one operation

	work work // tier 2
}

func (s *side) String() string {
	if s.label == "" {
		return "the mount"
	}
	return "reference " + s.label
}

// reference returns the label, also where there is no reference.
func (s *side) reference() string {
	if s == nil {
		return ""
	}
	return s.label
}

// keep closes fd when the cycle ends.
func (c *cycle) keep(fd int) int {
	c.opened = append(c.opened, fd)
	return fd
}

func (c *cycle) close() {
	for _, fd := range c.opened {
		_ = unix.Close(fd)
	}
	c.opened = nil
}

// run does everything there is to do. It returns an error only when the cycle is
// to end at once; all else is answered.
func (c *cycle) run() error {
	if f := c.arrive(); f != nil {
		return c.answer(f.skip("", ""))
	}
	references, err := c.openReferences()
	if err != nil {
		return err
	}
	tiers := []func([]*side) error{c.attributes}
	if c.req.ReadFile != "" {
		tiers = append(tiers, c.reads)
	}
	if c.req.WriteDir != "" {
		tiers = append(tiers, c.writes)
	}
	for _, tier := range tiers {
		if err := tier(references); err != nil {
			return err
		}
	}
	return nil
}

// openReferences opens all that can be. Without one in the request, there is one
// that is nil: the mount is then timed alone.
func (c *cycle) openReferences() ([]*side, error) {
	if len(c.req.References) == 0 {
		return []*side{nil}, nil
	}
	var opened []*side
	for _, ref := range c.req.References {
		if err := c.begin("", ref.Label); err != nil {
			return nil, err
		}
		fd, errno := open(ref.Dir, unix.O_PATH|unix.O_DIRECTORY)
		if errno != 0 {
			if err := c.answer(failed(errno, "reference %s: open %s", ref.Label, ref.Dir).skip("", ref.Label)); err != nil {
				return nil, err
			}
			continue
		}
		opened = append(opened, &side{label: ref.Label, dir: c.keep(fd), parent: fd})
	}
	return opened, nil
}

func (c *cycle) begin(op Op, reference string) error {
	return c.answer(Answer{Begin: &Begin{Op: op, Reference: reference}})
}
