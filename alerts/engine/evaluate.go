package engine

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/prometheus/rules"
)

// settledAfter is after how many evaluations of a group what fired before the
// start fires again: `for` is restored at the second and acted on at the third.
const settledAfter = 3

// evaluate is one evaluation of a group. While nothing is stored there is none:
// a few minutes later every expression would be empty, what fires would be
// resolved, and the watchdog would say that all is well.
func (e *Engine) evaluate(ctx context.Context, g *rules.Group, at time.Time) {
	if e.space.blind(time.Now()) {
		return
	}
	rules.DefaultEvalIterationFunc(ctx, g, at)
	e.evaluations.add(groupKey(g))
}

func groupKey(g *rules.Group) string { return rules.GroupKey(g.File(), g.Name()) }

// evaluations counts those of each group until all are settled.
type evaluations struct {
	mutex sync.Mutex
	of    map[string]int
	done  bool
}

func (c *evaluations) add(key string) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.done {
		return
	}
	if c.of == nil {
		c.of = map[string]int{}
	}
	c.of[key]++
}

// settled reports whether each of the groups was evaluated often enough. Once
// all were, groups that a reload adds do not change that.
func (c *evaluations) settled(groups []string) bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for _, key := range groups {
		if !c.done && c.of[key] < settledAfter {
			return false
		}
	}
	c.done, c.of = true, nil
	return true
}

// settled reports whether all that fires is known.
func (e *Engine) settled() bool {
	if !e.Ready() {
		return false
	}
	var keys []string
	for _, g := range e.rules.RuleGroups() {
		keys = append(keys, groupKey(g))
	}
	return e.evaluations.settled(keys)
}
