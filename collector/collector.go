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

	"github.com/virt-exporter/virt_exporter/collector/blame"
	"github.com/virt-exporter/virt_exporter/collector/model"
)

// Collector reads the sources and exposes what they read.
type Collector struct {
	readers []*reader
	self    prometheus.Gatherer // of the exporter's own process

	turn   turn // held while the structures below and the readers are in use
	closed bool
	began  time.Time
	toldAt time.Time // when sources last were told of the others' guests

	inhabitedAt time.Time // when source bpf was, that was told of all of them

	logger   *slog.Logger
	culprits int // most that a guest names
	ring     *blame.Ring
	judgedAt time.Time // when that was read of which ring last heard

	host     host
	guests   *table[model.Name, model.Guest]
	mounts   *table[place, model.Mount]
	nodes    *table[model.Name, model.Node]
	sources  *table[model.Name, health]
	families []*dto.MetricFamily
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
	if err := cfg.Libvirt.CheckURIs(); err != nil {
		return nil, err
	}
	labels, err := planLabels(cfg)
	if err != nil {
		return nil, err
	}
	c := &Collector{
		turn:   newTurn(),
		began:  time.Now(),
		logger: logger, culprits: cfg.MaxCulprits,
		ring:    blame.NewRing(blame.Options{Culprits: cfg.MaxCulprits}),
		guests:  newTable(guestRows(labels), nameLabels),
		mounts:  newTable(mountRows(), placeLabels),
		nodes:   newTable(nodeRows(), nameLabels),
		sources: newTable(sourceRows(), nameLabels),
	}
	known := make(map[string]bool)
	for _, o := range openers {
		known[o.name] = true
		if on, named := cfg.Sources[o.name]; on || !named {
			c.readers = append(c.readers, &reader{
				opener: o, cfg: cfg, logger: logger.With("source", o.name),
				health: health{source: o.name},
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

var (
	errReading = errors.New("a source is still reading")
	errClosed  = errors.New("the collector is closed")
)

// Close ends the sources. A scrape that is still under way fails.
func (c *Collector) Close() error {
	ctx, cancel := context.WithTimeoutCause(context.Background(), time.Second, errReading)
	defer cancel()
	if err := c.turn.take(ctx); err != nil {
		return fmt.Errorf("closing the sources: %w", err)
	}
	defer c.turn.give()
	if c.closed {
		return nil
	}
	c.closed = true
	var errs []error
	for _, r := range c.readers {
		if err := r.close(ctx); err != nil {
			errs = append(errs, fmt.Errorf("closing source %s: %w", r.name, err))
		}
	}
	return errors.Join(errs...)
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
	for _, g := range c.host.guests {
		c.guests.add(g.Name, g)
	}
	c.families = c.guests.end(c.families)

	c.mounts.begin()
	for _, m := range c.host.mounts {
		c.mounts.add(place{m.Name, m.Mountpoint}, m)
	}
	c.families = c.mounts.end(c.families)

	c.sources.begin()
	for _, h := range c.host.sources {
		c.sources.add(model.Name{Guest: h.source}, h)
	}
	c.families = c.sources.end(c.families)
}
