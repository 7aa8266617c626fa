package source

import (
	"errors"
	"fmt"
)

// Problems collects what goes wrong in one reading. It keeps the first few: what
// fails on a thousand guests fails for one reason. The zero value is ready.
type Problems struct {
	errs []error
	more int
}

const mostProblems = 5

// Add notes an error.
func (p *Problems) Add(err error) {
	if len(p.errs) >= mostProblems {
		p.more++
		return
	}
	p.errs = append(p.errs, err)
}

// Reset forgets all, for another reading.
func (p *Problems) Reset() { p.errs, p.more = p.errs[:0], 0 }

// Err returns one error for all, nil if there is none.
func (p *Problems) Err() error {
	if p.more > 0 {
		return errors.Join(errors.Join(p.errs...), fmt.Errorf("and %d errors more", p.more))
	}
	return errors.Join(p.errs...)
}
