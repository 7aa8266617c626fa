package engine

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
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
	err := e.load()
	e.lastReload.note(err, time.Now())
	return err
}

// load reads and applies a new plan; reloading is held.
func (e *Engine) load() error {
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
	e.adopt(next)
	e.logger.Info("Configuration is loaded again", "rules", next.rules.count())
	return nil
}

// adopt takes a plan that was applied for the current one.
func (e *Engine) adopt(p *plan) {
	e.current = p
	e.thresholds.checks.Store(&p.checks)
	for _, v := range p.checks.voids {
		v.log(e.logger)
	}
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

// updateRules gives a plan to the rule manager, whose groups go on from the past that
// was played. Nobody sees them before.
func (e *Engine) updateRules(p *plan) error {
	e.rules.adopting.Lock()
	defer e.rules.adopting.Unlock()
	global := p.prom.GlobalConfig
	err := e.rules.Update(time.Duration(global.EvaluationInterval), p.rules.files, global.ExternalLabels, e.externalURL, e.evaluate)
	if err != nil {
		return fmt.Errorf("rules: %w", err)
	}
	e.adoptPlayed()
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

// reloads remembers how the last one went. The start counts as one.
type reloads struct {
	err     atomic.Pointer[error] // nil: it went well
	success atomic.Int64          // when one last did, in nanoseconds since 1970
}

func (r *reloads) note(err error, now time.Time) {
	if err != nil {
		r.err.Store(&err)
		return
	}
	r.err.Store(nil)
	r.success.Store(now.UnixNano())
}

// register adds the metrics of it, under the names that Prometheus has for them:
// everybody's alerts know these.
func (r *reloads) register(reg prometheus.Registerer) error {
	for _, g := range []prometheus.GaugeFunc{
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "prometheus_config_last_reload_successful",
			Help: "Whether the last configuration reload attempt was successful.",
		}, func() float64 {
			if r.err.Load() != nil {
				return 0
			}
			return 1
		}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "prometheus_config_last_reload_success_timestamp_seconds",
			Help: "Timestamp of the last successful configuration reload.",
		}, func() float64 { return float64(r.success.Load()) / float64(time.Second) }),
	} {
		if err := reg.Register(g); err != nil {
			return fmt.Errorf("registering the metrics of reloads: %w", err)
		}
	}
	return nil
}
