// Package sourcetest holds every source to what source.Source promises. Only
// tests import it.
package sourcetest

import (
	"context"
	"errors"
	"os"
	"regexp"
	"testing"
	"time"
	"unicode/utf8"

	"go.uber.org/goleak"

	"github.com/virt-exporter/virt_exporter/collector/model"
	"github.com/virt-exporter/virt_exporter/collector/source"
)

// soon is how long a reading may go on when its context has ended. The
// interface says soon; a machine that runs tests is often busy.
const soon = 2 * time.Second

// Conform tests the sources that open opens, a new one at each call. A source
// should have something to read: what it does not give is not looked at. See
// Between for one whose counters grow.
func Conform(t *testing.T, open func(*testing.T) source.Source) {
	t.Helper()
	t.Run("its name is one word in lower case", func(t *testing.T) {
		s := openFor(t, open)
		if !regexp.MustCompile(`^[a-z]+$`).MatchString(s.Name()) {
			t.Errorf("the name is %q", s.Name())
		}
	})
	t.Run("reads again and again, and no counter falls", func(t *testing.T) {
		s := openFor(t, open)
		before := counters(read(t, s))
		for range 2 {
			after := counters(read(t, s))
			checkGrowth(t, before, after)
			before = after
		}
	})
	t.Run("names are unique and texts are UTF-8", func(t *testing.T) {
		r := read(t, openFor(t, open))
		checkNames(t, r)
		checkMounts(t, r)
		checkFeatures(t, r)
		for where, text := range texts(r) {
			if !utf8.ValidString(text) {
				t.Errorf("%s is %q", where, text)
			}
		}
	})
	t.Run("reads nothing for long when the context has ended, and reads again", func(t *testing.T) {
		s := openFor(t, open)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		began := time.Now()
		_, err := s.Read(ctx)
		if took := time.Since(began); took > soon {
			t.Errorf("reading took %v with error %v", took, err)
		}
		read(t, s)
	})
	t.Run("leaves no goroutine and no descriptor", func(t *testing.T) {
		running, files := goleak.IgnoreCurrent(), descriptors(t)
		s := open(t)
		for range 3 {
			read(t, s)
		}
		if err := s.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
		goleak.VerifyNone(t, running) // waits a little for those that are ending
		if now := descriptors(t); now > files {
			t.Errorf("%d descriptors are open, %d were before", now, files)
		}
	})
}

// Between returns s with change called between its first two readings, so that
// there is something that counters can count.
func Between(s source.Source, change func()) source.Source {
	return &changing{Source: s, change: change}
}

type changing struct {
	source.Source
	change func()
	reads  int
}

// Read reads the source that has changed meanwhile.
func (c *changing) Read(ctx context.Context) (model.Reading, error) {
	if c.reads++; c.reads == 2 {
		c.change()
	}
	return c.Source.Read(ctx)
}

// openFor opens a source that is closed when the test ends.
func openFor(t *testing.T, open func(*testing.T) source.Source) source.Source {
	t.Helper()
	s := open(t)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	return s
}

func read(t *testing.T, s source.Source) model.Reading {
	t.Helper()
	r, err := s.Read(t.Context())
	var unavailable *source.Unavailable
	switch {
	case errors.As(err, &unavailable):
		t.Skipf("the source is %v", unavailable)
	case err != nil:
		t.Fatalf("reading: %v", err)
	case len(r.Guests) == 0 && r.Node == nil && len(r.Mounts) == 0 && len(r.Measured) == 0:
		t.Fatal("the source gave nothing: there is nothing to hold it to")
	}
	return r
}

// descriptors returns how many files this process has open.
func descriptors(t *testing.T) int {
	t.Helper()
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skipf("no list of open files: %v", err)
	}
	return len(open)
}
