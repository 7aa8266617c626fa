package engine

import (
	"context"
	"errors"
	"time"
)

const (
	// maxQueries is how many people's queries are evaluated at one time: each may
	// hold many samples. Rules do not wait for people.
	maxQueries = 4
	// slotPatience is how long a query waits for those before it.
	slotPatience = 30 * time.Second
)

// slot waits until a query may be evaluated. The function that it returns must be
// called once when the answer has been written. The error is an *apiError.
func (a *api) slot(ctx context.Context) (release func(), err error) {
	release = func() { <-a.slots }
	select {
	case a.slots <- struct{}{}: // also where no time is left: the engine has words for that
		return release, nil
	default:
	}
	timer := time.NewTimer(slotPatience)
	defer timer.Stop()
	select {
	case a.slots <- struct{}{}:
		return release, nil
	case <-ctx.Done():
		return nil, queryError(ctx.Err())
	case <-timer.C:
		return nil, &apiError{errorTimeout, errors.New("too many queries at one time")}
	}
}
