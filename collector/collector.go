package collector

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/collectors/version"
	dto "github.com/prometheus/client_model/go"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// share is how old a reading may be to serve another scrape: two servers that
// scrape at once must not cost twice.
const share = time.Second

// Collector reads the sources and exposes what they read.
type Collector struct {
	readers []*reader
	self    prometheus.Gatherer // of the exporter's own process

	turn chan struct{} // held while the structures below are in use

	host     host
	guests   *table[model.Guest]
	nodes    *table[model.Node]
	sources  *table[health]
	families []*dto.MetricFamily
	readAt   time.Time
	whole    bool // no source was late
}

// New returns a collector of the enabled sources. A source that this host does
// not have is no error: it is tried again now and then.
func New(cfg Config, logger *slog.Logger) (*Collector, error) {
	return newCollector(cfg, logger, openers())
}

func newCollector(cfg Config, logger *slog.Logger, openers []opener) (*Collector, error) {
	if cfg.MaxGuests <= 0 {
		cfg.MaxGuests = defaultMaxGuests
	}
	labels, err := labelNames(cfg.GuestLabels)
	if err != nil {
		return nil, err
	}
	c := &Collector{
		turn:    make(chan struct{}, 1),
		guests:  newTable(guestRows(labels)),
		nodes:   newTable(nodeRows()),
		sources: newTable(sourceRows()),
	}
	known := make(map[string]bool)
	for _, o := range openers {
		known[o.name] = true
		if on, named := cfg.Sources[o.name]; on || !named {
			c.readers = append(c.readers, &reader{
				opener: o, cfg: cfg, logger: logger.With("source", o.name),
				health: health{source: o.name}, logged: make(map[string]string),
			})
		}
	}
	for name := range cfg.Sources {
		if !known[name] {
			return nil, fmt.Errorf("there is no source %q", name)
		}
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collectors.NewGoCollector(),
		version.NewCollector("virt_exporter"),
	)
	c.self = registry
	return c, nil
}

// startDeadline bounds the first reading, which also has to name everything.
const startDeadline = 5 * time.Second

// Start does a first reading, so that counters which hold state count from the
// exporter's start and not from its first scrape. What it could not read in
// time, the scrapes will.
func (c *Collector) Start(ctx context.Context) {
	ctx, cancel := context.WithTimeoutCause(ctx, startDeadline, errDeadline)
	defer cancel()
	_, done, err := c.gather(ctx)
	if err == nil {
		done()
	}
}

// Close ends the sources. No scrape may be under way.
func (c *Collector) Close() error {
	ctx, cancel := context.WithTimeoutCause(context.Background(), time.Second, errors.New("a source is still reading"))
	defer cancel()
	var errs []error
	for _, r := range c.readers {
		if err := r.close(ctx); err != nil {
			errs = append(errs, fmt.Errorf("closing source %s: %w", r.name, err))
		}
	}
	return errors.Join(errs...)
}

// gather returns all families. They are the collector's own and belong to the
// caller until it calls done.
func (c *Collector) gather(ctx context.Context) (families []*dto.MetricFamily, done func(), err error) {
	select {
	case c.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, nil, fmt.Errorf("waiting for another scrape: %w", context.Cause(ctx))
	}
	done = func() { <-c.turn }
	if c.readAt.IsZero() || time.Since(c.readAt) >= share || !c.whole {
		c.read(ctx)
		c.expose()
		c.readAt = time.Now()
	}
	return c.families, done, nil
}

// read reads all sources side by side.
func (c *Collector) read(ctx context.Context) {
	c.host.reset()
	c.whole = true
	for _, r := range c.readers {
		r.settle()
		r.start(ctx)
	}
	for _, r := range c.readers {
		c.host.add(r.wait(ctx), &r.health)
		c.whole = c.whole && r.inflight == nil
	}
}

// expose maps what was read to families.
func (c *Collector) expose() {
	c.families = c.families[:0]
	c.nodes.begin()
	if c.host.node != nil {
		c.nodes.add(model.Name{}, c.host.node)
	}
	c.families = c.nodes.end(c.families)

	c.guests.begin()
	for i := range c.host.guests {
		g := &c.host.guests[i]
		c.guests.add(g.Name, g)
	}
	c.families = c.guests.end(c.families)

	c.sources.begin()
	for _, h := range c.host.sources {
		c.sources.add(model.Name{Guest: h.source}, h)
	}
	c.families = c.sources.end(c.families)
}
