package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/scrape"
)

const (
	heartbeatInterval = time.Minute
	heartbeatTimeout  = 10 * time.Second
	// late is how long after its time something may be done, beside a few
	// intervals of its own.
	late = 15 * time.Second
)

// heartbeats fetches the URL while all is well, until ctx ends. Whoever listens
// there must raise the alarm when it stops: nothing here could.
func (e *Engine) heartbeats(ctx context.Context) {
	if e.cfg.Heartbeat == "" {
		return
	}
	client := &http.Client{Timeout: heartbeatTimeout}
	defer client.CloseIdleConnections()
	tick := time.NewTicker(e.heartbeat)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		e.missed.Store(e.tryBeat(ctx, client))
	}
}

// missedBeat is why the URL was not fetched when it was last due.
type missedBeat struct {
	what string
	err  error
}

// tryBeat fetches the URL if all is well, and returns nil if it did.
func (e *Engine) tryBeat(ctx context.Context, client *http.Client) *missedBeat {
	if err := e.Well(time.Now()); err != nil {
		e.logger.Warn("Heartbeat is withheld", "err", err)
		return &missedBeat{"Heartbeat is withheld", err}
	}
	if err := beat(ctx, client, e.cfg.Heartbeat); err != nil && ctx.Err() == nil {
		e.logger.Warn("Heartbeat was not delivered", "err", err)
		return &missedBeat{"Heartbeat was not delivered", err}
	}
	return nil
}

// beat fetches the URL. Its error does not have it: often its path is a secret.
func beat(ctx context.Context, client *http.Client, to string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, to, nil)
	if err != nil {
		return errors.New("not a URL")
	}
	resp, err := client.Do(req)
	if err != nil {
		var withURL *url.Error
		if errors.As(err, &withURL) {
			return withURL.Err
		}
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("the listener answered %s", resp.Status)
	}
	return err
}

// Well says what keeps alerts from coming: that no exporter could be scraped
// lately, that a rule was not evaluated, or that no Alertmanager took the last
// message. It is nil when all went well. One exporter of several, or one
// Alertmanager of several, may be down: alerts still come and say so.
func (e *Engine) Well(now time.Time) error {
	if !e.Ready() {
		return errors.New("not started")
	}
	if e.space.full.Load() {
		return errNoSpace
	}
	for _, check := range []func(time.Time) error{e.scraping, e.evaluating, e.delivering} {
		if err := check(now); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) scraping(now time.Time) error {
	var last error
	for jobName, targets := range e.scrape.TargetsActive() {
		cfg, err := e.scrape.ScrapePoolConfig(jobName)
		if err != nil {
			continue // gone with a reload
		}
		limit := 3*time.Duration(cfg.ScrapeInterval) + late
		for _, t := range targets {
			if t.Health() == scrape.HealthGood && now.Sub(t.LastScrape()) < limit {
				return nil
			}
			if t.LastError() != nil {
				last = t.LastError()
			}
		}
	}
	if last != nil {
		return fmt.Errorf("no exporter is scraped: %w", last)
	}
	return errors.New("no exporter is scraped")
}

func (e *Engine) evaluating(now time.Time) error {
	for _, g := range e.rules.RuleGroups() {
		since := g.GetLastEvaluation()
		if since.IsZero() {
			since = time.Unix(0, e.since.Load())
		}
		if now.Sub(since) > 3*g.Interval()+late {
			return fmt.Errorf("rules of group %s are not evaluated since %s", g.Name(), since.UTC().Format(time.RFC3339))
		}
		for _, r := range g.Rules() {
			if r.Health() == rules.HealthBad {
				return fmt.Errorf("rule %s of group %s failed: %w", r.Name(), g.Name(), r.LastError())
			}
		}
	}
	return nil
}

func (e *Engine) delivering(time.Time) error {
	var last error
	for _, d := range e.Deliveries() {
		if d.Err == nil {
			return nil // or nothing was to be sent yet
		}
		last = d.Err
	}
	if last != nil {
		return fmt.Errorf("no Alertmanager takes alerts: %w", last)
	}
	return nil
}
