package collector

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	dto "github.com/prometheus/client_model/go"
)

// gather returns all families. They are the collector's own and belong to the
// caller until it calls done.
func (c *Collector) gather(ctx context.Context) (families []*dto.MetricFamily, done func(), err error) {
	v := newVisit(ctx)
	defer close(v.over)
	if err := c.turn.take(ctx); err != nil {
		return nil, nil, err
	}
	keep := false
	defer func() { // also when something panics
		if !keep {
			c.turn.give()
		}
	}()
	if err := c.read(ctx, v); err != nil {
		return nil, nil, err
	}
	c.merge(v)
	keep = true
	return c.families, c.turn.give, nil
}

// read reads all sources side by side, as far as that is needed and the
// deadline allows. It is called with the turn and returns with it, but lets
// others have it while it waits.
func (c *Collector) read(ctx context.Context, v *visit) error {
	for {
		switch {
		case c.closed:
			return errClosed
		case errors.Is(ctx.Err(), context.Canceled): // nobody is there to whom a source could be late
			return fmt.Errorf("the scrape was given up: %w", context.Cause(ctx))
		}
		var waits []pending
		for _, r := range c.readers {
			if v.watch && (!watched(r.name) || time.Now().Before(r.unwatched)) {
				continue
			}
			if p, more := r.pursue(ctx, v); more {
				waits = append(waits, p)
			}
		}
		if len(waits) == 0 {
			return nil
		}
		c.await(ctx, waits)
	}
}

// await waits without the turn. It takes the turn again also when the deadline
// has passed: what was read is still to be exposed, and nobody keeps it long.
func (c *Collector) await(ctx context.Context, waits []pending) {
	c.turn.give()
	defer func() { c.turn <- struct{}{} }()
	if slices.ContainsFunc(waits, func(p pending) bool { return p.opens }) {
		awaitOne(ctx, waits)
		return
	}
	for _, p := range waits {
		p.wait(ctx)
	}
}

// awaitOne waits for the first that happens or has had its time. A source that
// was opened is to be read then, however long another still takes to open.
func awaitOne(ctx context.Context, waits []pending) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var waiting sync.WaitGroup
	for _, p := range waits {
		waiting.Go(func() {
			defer cancel()
			p.wait(ctx)
		})
	}
	waiting.Wait()
}

// merge puts the readings together and exposes them, unless that was done
// already for another scrape.
func (c *Collector) merge(v *visit) {
	views := make([]view, len(c.readers))
	current := true
	for i, r := range c.readers {
		views[i] = view{source: r.name, reading: r.settle(v), health: &r.health}
		views[i].answered = r.answered(v)
		current = current && r.shown
	}
	if current {
		return
	}
	c.host.merge(views, time.Since(c.began))
	c.judge(views)
	c.tell()
	c.tellInhabitants(views)
	c.expose()
	c.ring.Exposed()
	for _, r := range c.readers {
		r.shown = r.nothing() || v.recent(r.last)
	}
}
