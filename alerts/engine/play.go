package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/relabel"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/rules"
)

// Played is a target whose past is known.
type Played struct {
	Job      string // one of the configuration's
	Instance string
	// Expose appends what the target says at a moment, in the text format 0.0.4.
	// False: it does not answer then.
	Expose func(at time.Time, to []byte) (text []byte, up bool)
}

// Play stores what the targets would have exposed at from and at each step after it
// before to, and evaluates the rules at those of these moments that are at least every
// apart: as if the engine had run then, with these intervals. A group of rules with a
// longer interval is evaluated at its own. Nobody is told of the past's alerts; those
// that are active at the end are still so when Run goes on from there.
//
// Rules take nearly all of the time: 0.1 s of CPU for each evaluation of the bundled
// ones over 7,500 series, ten times as much as a scrape of these. What they record has
// no gaps, and alerts that read it no pauses, while evaluations are less than 5 minutes
// apart.
//
// It comes before Run, and may be called again for what follows. The past that is
// played must begin after all that is in the data directory, and end before now.
// Series that end between two calls have no marker of it: they are seen for as long
// as those of a Prometheus that was restarted then.
func (e *Engine) Play(ctx context.Context, targets []Played, from, to time.Time, step, every time.Duration) error {
	if err := e.playable(from, to, step); err != nil {
		return fmt.Errorf("playing the past: %w", err)
	}
	players := make([]*player, 0, len(targets))
	for _, t := range targets {
		drop, err := e.relabeling(t.Job)
		if err != nil {
			return fmt.Errorf("playing the past of %s: %w", t.Instance, err)
		}
		players = append(players, newPlayer(t, drop))
	}
	groups, err := e.playedGroups(every)
	if err != nil {
		return fmt.Errorf("playing the past: %w", err)
	}
	for at := from; at.Before(to); at = at.Add(step) {
		for _, p := range players {
			if err := ctx.Err(); err != nil {
				return fmt.Errorf("playing the past: %w", err)
			}
			if err := e.playScrape(ctx, p, at); err != nil {
				return fmt.Errorf("playing the past of %s: at %s: %w", p.Instance, at.UTC().Format(time.RFC3339), err)
			}
		}
		for i := range groups {
			groups[i].evaluate(ctx, at)
		}
	}
	return ctx.Err()
}

// playable says what stands in the way of playing a time.
func (e *Engine) playable(from, to time.Time, step time.Duration) error {
	if e.started.Load() {
		return errors.New("the engine was started before")
	}
	if step < time.Millisecond {
		return errors.New("the step is shorter than a millisecond")
	}
	if time.Until(to) > 0 {
		return errors.New("it would end in the future")
	}
	if newest, _ := isAhead(e.db); e.hasSamples() && !from.After(newest) {
		return fmt.Errorf("the data directory holds samples of %s, which is later", newest.UTC().Format(time.RFC3339))
	}
	if _, err := e.space.look(); err != nil {
		return err
	}
	if e.space.full.Load() {
		return errNoSpace
	}
	return nil
}

func (e *Engine) hasSamples() bool {
	return e.db.Head().NumSeries() > 0 || len(e.db.Blocks()) > 0
}

// relabeling returns what a job does with the series that it scrapes, the list of
// families to keep included.
func (e *Engine) relabeling(job string) ([]*relabel.Config, error) {
	e.reloading.Lock()
	defer e.reloading.Unlock()
	for _, sc := range e.current.prom.ScrapeConfigs {
		if sc.JobName == job {
			return sc.MetricRelabelConfigs, nil
		}
	}
	return nil, fmt.Errorf("no job %s is configured", job)
}

// playScrape stores what a target exposes at a moment.
func (e *Engine) playScrape(ctx context.Context, p *player, at time.Time) error {
	app := e.storage.Appender(ctx)
	if err := p.scrape(app, at); err != nil {
		return errors.Join(err, app.Rollback())
	}
	return app.Commit()
}

// playedGroup is a group of rules and when it is to be evaluated.
type playedGroup struct {
	*rules.Group
	every time.Duration
	next  time.Time
}

// playedGroups returns all groups, in the order of their files and names, in which
// those that record come before those that read it.
func (e *Engine) playedGroups(every time.Duration) ([]playedGroup, error) {
	e.reloading.Lock()
	defer e.reloading.Unlock()
	if e.played == nil {
		loaded, err := e.loadPlayed()
		if err != nil {
			return nil, err
		}
		e.played = loaded
	}
	groups := make([]playedGroup, 0, len(e.played))
	for _, key := range slices.Sorted(maps.Keys(e.played)) {
		g := e.played[key]
		restored(g)
		groups = append(groups, playedGroup{Group: g, every: max(g.Interval(), every)})
	}
	return groups, nil
}

// loadPlayed loads the rules for a manager of their own, which tells nobody.
func (e *Engine) loadPlayed() (map[string]*rules.Group, error) {
	m := rules.NewManager(&rules.ManagerOptions{
		NameValidationScheme: model.UTF8Validation,
		QueryFunc:            rules.EngineQueryFunc(e.query, e.storage),
		NotifyFunc:           func(context.Context, string, ...*rules.Alert) {},
		Appendable:           e.storage,
		Queryable:            e.db,
		Logger:               component(e.logger, "rules"),
		GroupLoader:          unannotated{newLoader(e.parser, e.logger)},
		Parser:               e.parser,
		DefaultRuleQueryOffset: func() time.Duration {
			return time.Duration(e.offset.Load())
		},
	})
	global := e.current.prom.GlobalConfig
	groups, errs := m.LoadGroups(time.Duration(global.EvaluationInterval), global.ExternalLabels, e.externalURL, nil, false, e.current.rules.files...)
	return groups, errors.Join(errs...)
}

// unannotated loads rules without their annotations: to write these, queries included,
// takes a third of the time of evaluations, and nobody reads those of the past.
type unannotated struct{ loader }

func (l unannotated) Load(id string, ignoreUnknown bool, scheme model.ValidationScheme) (*rulefmt.RuleGroups, []error) {
	groups, errs := l.loader.Load(id, ignoreUnknown, scheme)
	if len(errs) > 0 {
		return nil, errs
	}
	for _, g := range groups.Groups {
		for i := range g.Rules {
			g.Rules[i].Annotations = nil
		}
	}
	return groups, nil
}

// restored lets a group record its alerts from the first evaluation on: it need not
// look for what was active before.
func restored(g *rules.Group) {
	for _, r := range g.AlertingRules() {
		r.SetRestored(true)
	}
}

// evaluate evaluates the group where that is due. A rule that fails is logged, as ever.
func (g *playedGroup) evaluate(ctx context.Context, at time.Time) {
	if at.Before(g.next) {
		return
	}
	g.next = at.Add(g.every)
	g.Eval(ctx, at)
}
