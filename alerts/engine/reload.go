package engine

import (
	"errors"
	"fmt"
	"time"
)

// Reload reads the configuration and the rule files again. Where one of them is
// bad, all stays as it was, and the error names the file and the line. The lists
// of Config, its data directory and what concerns queries are as New got them.
func (e *Engine) Reload() error {
	e.reloading.Lock()
	defer e.reloading.Unlock()
	if e.stopped.Load() {
		return errors.New("stopping")
	}
	next, err := newPlan(e.cfg, e.parser, e.logger)
	if err != nil {
		return fmt.Errorf("%w; the old configuration stays", err)
	}
	err = e.apply(next)
	if err == nil && e.started.Load() {
		err = e.updateRules(next)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("%w; the old configuration stays", err), e.apply(e.current))
	}
	e.current = next
	e.logger.Info("Configuration is loaded again", "rules", next.rules.count())
	return nil
}

// apply gives a plan to all managers but that of rules.
func (e *Engine) apply(p *plan) error {
	if err := e.remote.ApplyConfig(p.prom); err != nil {
		return fmt.Errorf("remote_write: %w", err)
	}
	if err := e.notify.ApplyConfig(p.prom); err != nil {
		return fmt.Errorf("alerting: %w", err)
	}
	if err := e.scrape.ApplyConfig(p.prom); err != nil {
		return fmt.Errorf("scrape_configs: %w", err)
	}
	e.step.Store(time.Duration(p.prom.GlobalConfig.EvaluationInterval).Milliseconds())
	e.offset.Store(int64(p.prom.GlobalConfig.RuleQueryOffset))
	replace(e.toNotify, p.alertmanagers)
	replace(e.toScrape, p.targets)
	return nil
}

func (e *Engine) updateRules(p *plan) error {
	global := p.prom.GlobalConfig
	err := e.rules.Update(time.Duration(global.EvaluationInterval), p.rules.files, global.ExternalLabels, e.externalURL, nil)
	if err != nil {
		return fmt.Errorf("rules: %w", err)
	}
	return nil
}

// replace puts the targets into a channel of one place, instead of such that
// nobody took yet.
func replace(to chan targetGroups, t targetGroups) {
	select {
	case <-to:
	default:
	}
	to <- t
}
