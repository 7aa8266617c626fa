package engine

import (
	"cmp"
	"context"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/notifier"
	"github.com/prometheus/prometheus/rules"
)

const (
	// blindInterval is how often Alertmanager is told while nothing is stored.
	blindInterval = time.Minute
	// blindValidity is how long Alertmanager takes such a message for true: a few
	// of them may be lost, as with those of rules.
	blindValidity = 4 * blindInterval
	// blindCheck is how soon the state of the disk is acted on.
	blindCheck = time.Second
	// recovery is how long rules wait for scrapes after space is free again: before
	// these, expressions are empty and what fires would be resolved.
	recovery = time.Minute
)

// blind reports whether rules would see too little.
func (s *space) blind(now time.Time) bool {
	if s.full.Load() {
		return true
	}
	since := s.since.Load()
	return since != 0 && now.Sub(time.Unix(0, since)) < recovery
}

// blindness is what Alertmanager was told of it.
type blindness struct {
	since, sent time.Time // zero: it was told nothing
}

// next says what is to be told now: nothing, that it is blind, or that it is so no
// longer.
func (b *blindness) next(full bool, now time.Time) (tell, over bool) {
	switch {
	case full && b.since.IsZero():
		b.since, b.sent = now, now
		return true, false
	case full && now.Sub(b.sent) >= blindInterval:
		b.sent = now
		return true, false
	case !full && !b.since.IsZero():
		return false, true
	}
	return false, false
}

// tellBlindness tells Alertmanager, until ctx ends, while nothing is stored, and
// repeats what fired before: it would take silence for its end. The watchdog is
// left out, so that whoever waits for it is alarmed.
func (e *Engine) tellBlindness(ctx context.Context) {
	tick := time.NewTicker(blindCheck)
	defer tick.Stop()
	var b blindness
	for {
		now := time.Now()
		switch tell, over := b.next(e.space.full.Load(), now); {
		case tell:
			e.notify.Send(e.blindAlert(b.since, now.Add(blindValidity)))
			e.repeatFiring(ctx, now.Add(blindValidity))
		case over:
			e.notify.Send(e.blindAlert(b.since, now))
			b = blindness{}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// blindAlert has the labels job and instance that a Prometheus gives what it scrapes of
// an alerter: routes and silences for that take this too.
func (e *Engine) blindAlert(since, until time.Time) *notifier.Alert {
	host := e.cfg.Hostname
	return &notifier.Alert{
		Labels: labels.FromStrings("alertname", "VirtMonitoringBlind", "severity", "critical", "blind", "disk",
			"job", "virt_alerter", "instance", cmp.Or(e.cfg.Instance, host)),
		Annotations: labels.FromStrings(
			"summary", "The alerter on "+host+" stores nothing: its disk is full.",
			"description", "On "+host+", "+errNoSpace.Error()+". No rule is evaluated until there is space: what fires stays as it was, and nothing new fires. "+
				"Make room in "+e.cfg.DataDir+".",
			"runbook_url", runbookURL+"#virtmonitoringblind",
		),
		StartsAt:     since,
		EndsAt:       until,
		GeneratorURL: e.externalURL,
	}
}

// repeatFiring sends what fired when rules were last evaluated.
func (e *Engine) repeatFiring(ctx context.Context, until time.Time) {
	send := rules.SendAlerts(e.notify, e.externalURL)
	for _, rule := range e.rules.AlertingRules() {
		if rule.Name() == watchdogName {
			continue
		}
		var firing []*rules.Alert
		for _, a := range rule.ActiveAlerts() { // copies
			if a.State == rules.StateFiring {
				a.ValidUntil = until
				firing = append(firing, a)
			}
		}
		send(ctx, rule.Query().String(), firing...)
	}
}
