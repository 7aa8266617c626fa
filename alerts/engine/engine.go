package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/notifier"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/scrape"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/storage/remote"
	"github.com/prometheus/prometheus/tsdb"
)

const (
	lookback      = 5 * time.Minute // how old a sample may be for a query to see it
	queueCapacity = 10_000          // alerts that wait for one Alertmanager
)

// Engine scrapes, stores, evaluates and notifies: the alerter without its HTTP
// side.
type Engine struct {
	cfg         Config
	logger      *slog.Logger
	externalURL string // without a slash at its end

	parser  parser.Parser
	db      *tsdb.DB
	remote  *remote.Storage
	storage storage.Storage // of both; takes nothing while the disk is full
	space   *space
	query   *promql.Engine
	rules   *ruleManager
	scrape  *scrape.Manager
	notify  *notifier.Manager

	toScrape, toNotify chan targetGroups
	deliveries         *deliveries
	cancelRules        context.CancelFunc
	cancelSends        context.CancelFunc
	heartbeat          time.Duration
	missed             atomic.Pointer[missedBeat] // nil: the last one went well, or none was due yet

	reloading   sync.Mutex // held while managers are given a plan; guards current
	current     *plan
	played      map[string]*rules.Group // by their keys; what Run goes on from
	lastReload  reloads
	thresholds  thresholds
	unreadEvery time.Duration

	evaluations evaluations
	pages       *pages

	started, stopped, ready atomic.Bool
	since                   atomic.Int64 // when rules began, in nanoseconds since 1970
	step                    atomic.Int64 // of subqueries, in milliseconds
	offset                  atomic.Int64 // of rule queries into the past, in nanoseconds
}

// New opens the data directory and loads the configuration. Nothing is scraped
// before Run; whoever does not call Run must call Close. A nil registerer keeps
// the metrics of Prometheus' parts to themselves.
func New(cfg Config, logger *slog.Logger, reg prometheus.Registerer) (*Engine, error) {
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	if reg == nil {
		reg = prometheus.NewRegistry()
	}
	e := &Engine{
		cfg:         cfg,
		logger:      logger,
		externalURL: strings.TrimRight(cfg.ExternalURL, "/"),
		parser:      parser.NewParser(parser.Options{}),
		space:       &space{dir: cfg.DataDir, every: spaceInterval},
		toScrape:    make(chan targetGroups, 1),
		toNotify:    make(chan targetGroups, 1),
		heartbeat:   heartbeatInterval,
		unreadEvery: unreadInterval,
	}
	e.space.need.Store(minFree)
	first, err := newPlan(cfg, e.parser, logger)
	if err != nil {
		return nil, err
	}
	if e.db, err = openDB(cfg, component(logger, "tsdb"), reg); err != nil {
		return nil, err
	}
	if err := e.lastReload.register(reg); err != nil {
		return nil, errors.Join(err, e.db.Close())
	}
	if err := e.wire(reg); err != nil {
		return nil, errors.Join(err, e.db.Close())
	}
	e.pages = e.newPages()
	if err := reg.Register(troubleMetrics{e.pages}); err != nil {
		return nil, errors.Join(fmt.Errorf("registering the metrics of troubles: %w", err), e.Close())
	}
	if err := e.apply(first); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	e.adopt(first)
	e.lastReload.note(nil, time.Now())
	return e, nil
}

// Close ends an engine that was never run; Play does not run it.
func (e *Engine) Close() error {
	if !e.started.CompareAndSwap(false, true) {
		return nil // Run closes
	}
	e.stopped.Store(true)
	e.scrape.Stop()
	e.cancelRules()
	e.cancelSends()
	return e.close()
}

// Ready says whether rules are evaluated.
func (e *Engine) Ready() bool { return e.ready.Load() }

// RuleCount returns how many rules are loaded.
func (e *Engine) RuleCount() int {
	e.reloading.Lock()
	defer e.reloading.Unlock()
	return e.current.rules.count()
}

// wire makes the parts that stand on the TSDB.
func (e *Engine) wire(reg prometheus.Registerer) error {
	managers := &scrapeManager{}
	e.remote = remote.NewStorage(component(e.logger, "remote"), reg, e.db.StartTime, e.cfg.DataDir, stopTimeout, managers, false)
	e.db.SetWriteNotified(e.remote)
	e.storage = guarded{storage.NewFanout(e.logger, e.db, e.remote), e.space}

	var err error
	e.scrape, err = scrape.NewManager(&scrape.Options{DiscoveryReloadOnStartup: true, DiscoveryReloadInterval: model.Duration(time.Second)},
		component(e.logger, "scrape"), nil, nil, e.storage, reg)
	if err != nil {
		return errors.Join(fmt.Errorf("making the scrape manager: %w", err), e.remote.Close())
	}
	managers.m = e.scrape

	sends, cancel := context.WithCancel(context.Background())
	e.cancelSends = cancel
	e.deliveries = &deliveries{ctx: sends, last: map[string]Delivery{}}
	e.notify = notifier.NewManager(&notifier.Options{
		QueueCapacity:   queueCapacity,
		DrainOnShutdown: true,
		Do:              e.deliveries.do,
		Registerer:      reg,
	}, model.UTF8Validation, component(e.logger, "notifier"))

	e.query = promql.NewEngine(promql.EngineOpts{
		Logger:                   component(e.logger, "query"),
		Reg:                      reg,
		MaxSamples:               e.cfg.MaxSamples,
		Timeout:                  e.cfg.QueryTimeout,
		LookbackDelta:            lookback,
		NoStepSubqueryIntervalFn: e.subqueryStep,
		EnableAtModifier:         true,
		EnableNegativeOffset:     true,
		Parser:                   e.parser,
	})
	return e.wireRules(reg)
}

func (e *Engine) wireRules(reg prometheus.Registerer) error {
	external, err := url.Parse(e.externalURL)
	if err != nil {
		return fmt.Errorf("external URL: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	e.cancelRules = cancel
	e.rules = &ruleManager{Manager: rules.NewManager(&rules.ManagerOptions{
		NameValidationScheme: model.UTF8Validation,
		ExternalURL:          external,
		QueryFunc:            rules.EngineQueryFunc(e.query, e.storage),
		NotifyFunc:           rules.SendAlerts(e.notify, e.externalURL),
		Context:              ctx,
		Appendable:           e.storage,
		Queryable:            e.db,
		Logger:               component(e.logger, "rules"),
		Registerer:           reg,
		OutageTolerance:      e.cfg.OutageTolerance,
		ForGracePeriod:       e.cfg.ForGracePeriod,
		ResendDelay:          e.cfg.ResendDelay,
		RestoreNewRuleGroups: true,
		GroupLoader:          newLoader(e.parser, e.logger),
		Parser:               e.parser,
		DefaultRuleQueryOffset: func() time.Duration {
			return time.Duration(e.offset.Load())
		},
	})}
	return nil
}

// subqueryStep is the step of a subquery that names none: the evaluation interval.
func (e *Engine) subqueryStep(int64) int64 { return e.step.Load() }

func component(l *slog.Logger, name string) *slog.Logger { return l.With("component", name) }

// scrapeManager is what remote writes ask for metadata.
type scrapeManager struct{ m *scrape.Manager }

func (s *scrapeManager) Get() (*scrape.Manager, error) {
	if s.m == nil {
		return nil, errors.New("not ready")
	}
	return s.m, nil
}
