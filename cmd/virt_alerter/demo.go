package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/prometheus/common/model"

	"github.com/virt-exporter/virt_exporter/alerts/engine"
	"github.com/virt-exporter/virt_exporter/fixtures/story"
)

const (
	// What a demo has seen when it begins: a day, of which the last hour is as
	// fine as people look at it. Rules need two samples in 5 minutes.
	demoPast         = 24 * time.Hour
	demoRecent       = time.Hour
	demoScrape       = 2 * time.Minute
	demoEvaluation   = 4 * time.Minute
	demoRecentScrape = 30 * time.Second
	demoRecentEval   = time.Minute

	// demoGC is how far the heap may grow between two collections while the past is
	// played: then memory is cheaper than time.
	demoGC = 400

	demoReadTimeout = 10 * time.Second
)

// demo is a recorded story of several hosts that is played to the engine, as if
// their exporters were there: its past at once, and then as time goes by.
type demo struct {
	hosts  []*story.Host
	begun  time.Time     // when the demo began
	moment time.Duration // of the story, at which it began
	past   time.Duration // how much of it was before
	dir    *demoDir      // of its own, temporary
	server *http.Server  // stands for all exporters
	proxy  net.Listener
	done   chan struct{} // closed when the server has ended
}

// newDemo makes the demo and changes the engine's configuration so that it scrapes
// the story and, unless a directory was asked for, keeps samples where they are gone
// when the demo is closed.
func newDemo(cfg *engine.Config, ownData bool) (*demo, error) {
	told, err := story.Bundled()
	if err != nil {
		return nil, fmt.Errorf("reading the story: %w", err)
	}
	d := &demo{begun: time.Now(), moment: told.Busy(), past: demoPast, done: make(chan struct{})}
	for d.moment < demoPast {
		d.moment += told.Length()
	}
	d.hosts = told.From(d.begun.Add(-d.moment)).Hosts()
	if d.dir, err = newDemoDir(); err != nil {
		return nil, fmt.Errorf("making a directory for the demo: %w", err)
	}
	if d.proxy, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, errors.Join(fmt.Errorf("listening for scrapes of the demo: %w", err), d.dir.remove())
	}
	d.server = &http.Server{Handler: d, ReadTimeout: demoReadTimeout}
	go func() {
		defer close(d.done)
		_ = d.server.Serve(d.proxy) // it ends with close, which is no failure
	}()
	if err := d.configure(cfg, ownData); err != nil {
		return nil, errors.Join(err, d.close())
	}
	return d, nil
}

// configure writes a configuration file, in which the hosts are what they are called
// in the story and are asked through the demo as a proxy: so series and links have
// their names.
func (d *demo) configure(cfg *engine.Config, ownData bool) error {
	jobs := map[string][]string{}
	for _, h := range d.hosts {
		jobs[h.Job()] = append(jobs[h.Job()], h.Name())
	}
	scrapes := []any{}
	for job, targets := range jobs {
		scrapes = append(scrapes, map[string]any{
			"job_name": job, "proxy_url": "http://" + d.proxy.Addr().String(), "static_configs": []any{map[string]any{"targets": targets}},
		})
	}
	text, err := json.Marshal(map[string]any{
		"global": map[string]any{
			"scrape_interval":     model.Duration(cfg.ScrapeInterval).String(),
			"evaluation_interval": model.Duration(cfg.EvaluationInterval).String(),
		},
		"scrape_configs": scrapes,
	})
	if err != nil {
		return fmt.Errorf("writing the configuration of the demo: %w", err)
	}
	cfg.ConfigFile = filepath.Join(d.dir.Name(), "demo.json") // JSON is YAML
	if !ownData {
		cfg.DataDir = filepath.Join(d.dir.Name(), "data")
	}
	if err := os.WriteFile(cfg.ConfigFile, text, 0o600); err != nil {
		return fmt.Errorf("writing the configuration of the demo: %w", err)
	}
	return nil
}

// at returns the moment of the story that a time is.
func (d *demo) at(now time.Time) time.Duration { return d.moment + now.Sub(d.begun) }

// run runs the engine, with a demo after it has got the past. Pages show that already
// while it grows.
func (d *demo) run(ctx context.Context, e *engine.Engine, logger *slog.Logger) error {
	if d == nil {
		return e.Run(ctx)
	}
	if err := d.play(ctx, e, logger); err != nil {
		if ctx.Err() != nil {
			err = nil // nobody wants it any more
		}
		return errors.Join(err, e.Close())
	}
	return e.Run(ctx)
}

// play gives the engine what was before the demo began.
func (d *demo) play(ctx context.Context, e *engine.Engine, logger *slog.Logger) error {
	defer debug.SetGCPercent(debug.SetGCPercent(demoGC))
	logger.Info("Playing the past of a recorded story", "hosts", len(d.hosts), "past", d.past)
	var targets []engine.Played
	for _, h := range d.hosts {
		targets = append(targets, engine.Played{Job: h.Job(), Instance: h.Name(), Expose: func(now time.Time, to []byte) ([]byte, bool) {
			at := d.at(now)
			if !h.Up(at) {
				return to, false
			}
			return h.Expose(at, to), true
		}})
	}
	recent := d.begun.Add(-min(demoRecent, d.past))
	if err := e.Play(ctx, targets, d.begun.Add(-d.past), recent, demoScrape, demoEvaluation); err != nil {
		return err
	}
	if err := e.Play(ctx, targets, recent, d.begun, demoRecentScrape, demoRecentEval); err != nil {
		return err
	}
	// What goes by meanwhile is no hole.
	for from, now := d.begun, time.Now(); now.Sub(from) >= demoRecentScrape; now = time.Now() {
		if err := e.Play(ctx, targets, from, now, demoRecentScrape, demoRecentEval); err != nil {
			return err
		}
		from = from.Add((now.Sub(from) + demoRecentScrape - 1).Truncate(demoRecentScrape))
	}
	logger.Info("The story goes on", "took", time.Since(d.begun).Round(time.Millisecond))
	return nil
}

// ServeHTTP answers for the exporter that is asked for.
func (d *demo) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	at := d.at(time.Now())
	for _, h := range d.hosts {
		if h.Name() != r.Host {
			continue
		}
		if !h.Up(at) {
			break
		}
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		_, _ = w.Write(h.Expose(at, nil)) // who has gone needs no answer
		return
	}
	http.Error(w, "nobody answers there", http.StatusBadGateway)
}

// close ends the demo and removes what it has written.
func (d *demo) close() error {
	err := d.server.Close()
	<-d.done
	return errors.Join(err, d.dir.remove())
}

// end closes the demo when all else has ended.
func (d *demo) end(logger *slog.Logger) {
	if err := d.close(); err != nil {
		logger.Warn("Something of the demo is left", "err", err)
	}
}
