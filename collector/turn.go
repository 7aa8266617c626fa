package collector

import (
	"context"
	"fmt"
)

// turn is held while the collector's structures are in use: while readings are
// begun, put together and encoded, and never while a source is waited for. So
// it is had soon, however long the sources take.
type turn chan struct{}

func newTurn() turn { return make(turn, 1) }

// take waits for the turn until the context ends.
func (t turn) take(ctx context.Context) error {
	select {
	case t <- struct{}{}:
		if ctx.Err() == nil {
			return nil
		}
		t.give()
	case <-ctx.Done():
	}
	return fmt.Errorf("waiting for another scrape: %w", context.Cause(ctx))
}

// give lets the next one have it.
func (t turn) give() { <-t }
