// Package source says what a source of readings is. Each source is a package
// of its own below this one and passes the conformance test of sourcetest.
package source

import (
	"context"
	"fmt"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// Source reads guests, or the machine itself, from one place.
type Source interface {
	// Name is the value of the label source, one lower-case word.
	Name() string

	// Read returns everything that could be read, also when the error is not
	// nil; the error says what is missing. An error that wraps *Unavailable
	// says that this host does not have what the source reads.
	//
	// Read is never called twice at once. What it returns belongs to the
	// caller until the next call of Read: a source reuses its buffers. Read
	// returns soon after the context ends.
	Read(ctx context.Context) (model.Reading, error)

	// Close ends what the source keeps open. Read is not called after it.
	Close() error
}

// Listener is a source that wants to know what the others have found: it reads
// what is known only when everything has been merged.
type Listener interface {
	Source

	// Surrounded is called now and then, also while Read is under way, and
	// returns at once. What it is given belongs to the source.
	Surrounded(Surroundings)
}

// Surroundings are the guests of this host, as the last scrape has shown them.
type Surroundings struct {
	Containers map[string]model.Name // by the path of their cgroup
	Shared     []string              // directories of this host that are given to virtual machines, each once
	Guests     []Guest               // of this host; those around others stand anywhere
	Units      []model.Unit          // cgroups of the host that are no guest's
}

// Guest is one of this host.
type Guest struct {
	model.Name
	Cgroup  string // path of its own cgroup, from the hierarchy's root; empty where it has none
	Parent  string // Name.String of the guest around it
	Threads model.Threads
}

// Unavailable says that this host does not have what a source reads: a state
// with a reason, not a failure.
type Unavailable struct {
	Reason model.Reason
	Remedy string // what a person can do, for the log
	Err    error
}

func (u *Unavailable) Error() string {
	return fmt.Sprintf("not available here (%s): %v", u.Reason, u.Err)
}

// Unwrap returns what was found.
func (u *Unavailable) Unwrap() error { return u.Err }
