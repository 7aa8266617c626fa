package engine

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/labels"
)

// unreadInterval is how often guests' labels are looked at.
const unreadInterval = time.Minute

// watchUnread looks, until ctx ends, for what guests say by their labels that no
// rule reads, and logs each once.
func (e *Engine) watchUnread(ctx context.Context) {
	tick := time.NewTicker(e.unreadEvery)
	defer tick.Stop()
	var known []unread
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		found, err := e.findUnread(ctx, time.Now())
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			e.logger.Warn("Thresholds of guests are not checked", "err", err)
			continue
		}
		for _, u := range found[:min(len(found), maxTroubles)] {
			if !slices.ContainsFunc(known, u.same) {
				e.logger.Warn("No rule reads a label of a guest", "series", text(u.series()), "guest", text(u.guest), "instance", text(u.instance), "guests", u.guests)
			}
		}
		known = found
		e.thresholds.unread.Store(&found)
	}
}

func (u unread) same(v unread) bool { return u.family == v.family && u.alert == v.alert }

// findUnread returns them in a fixed order, one for each alert.
func (e *Engine) findUnread(ctx context.Context, now time.Time) ([]unread, error) {
	var found []unread
	for family, reads := range e.thresholds.checks.Load().reads {
		byAlert, err := e.unreadOf(ctx, family, reads, now)
		if err != nil {
			return nil, err
		}
		for _, u := range byAlert {
			found = append(found, u)
		}
	}
	slices.SortFunc(found, func(a, b unread) int {
		return cmp.Or(cmp.Compare(a.family, b.family), cmp.Compare(a.alert, b.alert))
	})
	return found, nil
}

// unreadOf returns what no selector selects, by the alert.
func (e *Engine) unreadOf(ctx context.Context, family string, reads [][]*labels.Matcher, now time.Time) (map[string]unread, error) {
	query, err := e.query.NewInstantQuery(ctx, e.db, nil, family, now)
	if err != nil {
		return nil, fmt.Errorf("querying %s: %w", family, err)
	}
	defer query.Close()
	samples, err := query.Exec(ctx).Vector()
	if err != nil {
		return nil, fmt.Errorf("querying %s: %w", family, err)
	}
	found := map[string]unread{}
	for _, s := range samples {
		if slices.ContainsFunc(reads, func(m []*labels.Matcher) bool { return matches(m, s.Metric) }) {
			continue
		}
		alert, guest, instance := s.Metric.Get("alert"), s.Metric.Get("guest"), s.Metric.Get("instance")
		u, ok := found[alert]
		if !ok || cmp.Or(cmp.Compare(guest, u.guest), cmp.Compare(instance, u.instance)) < 0 {
			u.guest, u.instance = guest, instance
		}
		u.family, u.alert = family, alert
		u.guests++
		found[alert] = u
	}
	return found, nil
}
