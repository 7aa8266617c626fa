package collector

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
	"github.com/virt-exporter/virt_exporter/collector/source"
)

// reading is one call of Source.Read and its outcome.
type reading struct {
	by    *visit // that began it
	began time.Time
	done  chan struct{} // closed when what follows is set

	// What the source gave. It is the source's own again when the next reading
	// begins.
	model.Reading
	err   error
	ended time.Time
	cut   bool   // something is missing, and its deadline had passed: there may be more to read
	stack []byte // where the source panicked
}

// read calls the source.
//
// A panic of a source is an error of that source. It is caught here, in opening.go and
// in watch.go, because a panic would end the process: the goroutine is our own, and what it leaves behind is known, for nothing but the source itself
// was in use, and that is thrown away. Elsewhere a panic runs through to
// net/http, which ends that scrape alone.
func (g *reading) read(ctx context.Context, src source.Source) {
	defer close(g.done)
	defer func() {
		g.ended, g.cut = time.Now(), g.err != nil && ctx.Err() != nil
		if p := recover(); p != nil {
			g.err, g.stack = fmt.Errorf("the source panicked: %v", p), debug.Stack()
		}
	}()
	g.Reading, g.err = src.Read(ctx)
}

// abandon closes a source that has panicked, or that nobody wants any more. It may
// be in any state: a second panic tells nothing new, and one that hangs holds up
// nobody.
func abandon(src source.Source) {
	defer func() { _ = recover() }()
	_ = src.Close() // what it panicked with is the error
}

// earlier returns a context that ends a little before ctx does, so that a
// source that heeds it can still hand over what it has read by then.
func earlier(ctx context.Context) (context.Context, context.CancelFunc) {
	const most = 200 * time.Millisecond
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	margin := min(time.Until(deadline)/10, most)
	return context.WithDeadlineCause(ctx, deadline.Add(-margin), errDeadline)
}
