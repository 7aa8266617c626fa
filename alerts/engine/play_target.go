package engine

import (
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/relabel"
	"github.com/prometheus/prometheus/model/textparse"
	"github.com/prometheus/prometheus/model/timestamp"
	stale "github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/storage"
)

const textFormat = "text/plain; version=0.0.4"

// player stores what one target exposes as a scrape does. Prometheus' own scrape
// loop cannot be had for it: it takes the time from the clock.
type player struct {
	Played
	relabel []*relabel.Config
	symbols *labels.SymbolTable
	series  map[string]*playedSeries // by the text of their names and labels
	report  map[string]*playedSeries // those that a scrape adds, by their names
	round   uint64
	text    []byte // reused
}

type playedSeries struct {
	ref     storage.SeriesRef
	labels  labels.Labels
	dropped bool   // by relabeling
	round   uint64 // in which it was there the last time
}

func newPlayer(t Played, drop []*relabel.Config) *player {
	return &player{
		Played: t, relabel: drop, symbols: labels.NewSymbolTable(),
		series: map[string]*playedSeries{}, report: map[string]*playedSeries{},
	}
}

// tally is what a scrape says of itself.
type tally struct {
	up                    bool
	scraped, added, fresh int
	took                  time.Duration
}

// scrape appends all that is exposed at a moment, markers of series that have ended,
// and the series that every scrape adds.
func (p *player) scrape(app storage.Appender, at time.Time) error {
	p.round++
	begun := time.Now()
	var got tally
	p.text, got.up = p.Expose(at, p.text[:0])
	if got.up {
		if err := p.append(app, at, &got); err != nil {
			return err
		}
	}
	got.took = time.Since(begun)
	if err := p.end(app, at); err != nil {
		return err
	}
	return p.tell(app, at, got)
}

// append parses the text and appends its samples.
func (p *player) append(app storage.Appender, at time.Time, got *tally) error {
	if len(p.text) == 0 {
		return nil
	}
	text, err := textparse.New(p.text, textFormat, p.symbols, textparse.ParserOptions{})
	if err != nil {
		return err
	}
	for {
		entry, err := text.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("parsing what is exposed: %w", err)
		case entry != textparse.EntrySeries:
			continue
		}
		got.scraped++
		if err := p.sample(app, text, at, got); err != nil {
			return err
		}
	}
}

// sample appends the sample that the parser is at. One that is there twice is
// appended once.
func (p *player) sample(app storage.Appender, text textparse.Parser, at time.Time, got *tally) error {
	name, ts, v := text.Series()
	t := timestamp.FromTime(at)
	if ts != nil {
		t = *ts
	}
	s, known := p.series[string(name)]
	if !known {
		s = p.add(string(name), text)
	}
	if s.dropped {
		s.round = p.round
		return nil
	}
	got.added++
	if known && s.round == p.round {
		return nil
	}
	s.round = p.round
	if !known {
		got.fresh++
	}
	return s.append(app, t, v)
}

// add makes the series of a text that was not there before.
func (p *player) add(name string, text textparse.Parser) *playedSeries {
	var own labels.Labels
	text.Labels(&own)
	b := labels.NewBuilder(own)
	for _, l := range [...]labels.Label{{Name: model.JobLabel, Value: p.Job}, {Name: model.InstanceLabel, Value: p.Instance}} {
		// A label that the target gives itself makes way.
		if v := own.Get(l.Name); v != "" {
			b.Set(model.ExportedLabelPrefix+l.Name, v)
		}
		b.Set(l.Name, l.Value)
	}
	s := &playedSeries{}
	if relabel.ProcessBuilder(b, p.relabel...) {
		s.labels = b.Labels()
	}
	s.dropped = s.labels.IsEmpty()
	p.series[name] = s
	return s
}

// end marks series that were there the last time and are not now.
func (p *player) end(app storage.Appender, at time.Time) error {
	for name, s := range p.series {
		if s.round == p.round {
			continue
		}
		delete(p.series, name)
		if s.dropped {
			continue
		}
		if err := s.append(app, timestamp.FromTime(at), math.Float64frombits(stale.StaleNaN)); err != nil {
			return err
		}
	}
	return nil
}

// tell appends the series that every scrape adds. They are not relabeled.
func (p *player) tell(app storage.Appender, at time.Time, got tally) error {
	up := 0.0
	if got.up {
		up = 1
	}
	for _, r := range [...]struct {
		name  string
		value float64
	}{
		{"up", up},
		{"scrape_duration_seconds", got.took.Seconds()},
		{"scrape_samples_scraped", float64(got.scraped)},
		{"scrape_samples_post_metric_relabeling", float64(got.added)},
		{"scrape_series_added", float64(got.fresh)},
	} {
		s := p.report[r.name]
		if s == nil {
			s = &playedSeries{labels: labels.FromStrings(model.MetricNameLabel, r.name, model.JobLabel, p.Job, model.InstanceLabel, p.Instance)}
			p.report[r.name] = s
		}
		if err := s.append(app, timestamp.FromTime(at), r.value); err != nil {
			return err
		}
	}
	return nil
}

func (s *playedSeries) append(app storage.Appender, t int64, v float64) error {
	ref, err := app.Append(s.ref, s.labels, t, v)
	if err != nil {
		return fmt.Errorf("storing a sample of %s: %w", s.labels, err)
	}
	s.ref = ref
	return nil
}
