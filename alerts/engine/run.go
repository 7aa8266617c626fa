package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// stopTimeout is how long rules that are being evaluated, and alerts that are
// still to be sent, may hold up the end.
const stopTimeout = 5 * time.Second

// Run scrapes, evaluates and notifies until ctx ends. Then rules stop first, so
// that nothing is resolved for want of data, then scrapes, then the notifier,
// which sends what it has, then remote writes, and the TSDB last. It runs once. With
// ErrClock it ends by itself.
func (e *Engine) Run(ctx context.Context) error {
	if !e.started.CompareAndSwap(false, true) {
		return errors.New("the engine was started before")
	}
	watch, stopWatch := context.WithCancel(context.WithoutCancel(ctx))
	var watchers, notifying, scraping, evaluating sync.WaitGroup
	watchers.Go(func() { e.space.watch(watch, e.logger) })
	watchers.Go(func() { e.heartbeats(watch) })
	watchers.Go(func() { e.tellBlindness(watch) })
	watchers.Go(func() { e.watchUnread(watch) })
	notifying.Go(func() { e.notify.Run(e.toNotify) })
	var scrapeErr error
	scraping.Go(func() { scrapeErr = e.scrape.Run(e.toScrape) })
	e.since.Store(time.Now().UnixNano())
	err := e.startRules()
	started := err == nil
	if started {
		evaluating.Go(e.rules.Run)
		e.ready.Store(true)
		err = watchClock(ctx)
	}
	e.ready.Store(false)
	e.reloading.Lock() // a reload that has begun ends first
	e.stopped.Store(true)
	e.reloading.Unlock()
	e.logger.Info("Stopping")
	stopWatch()
	watchers.Wait()

	e.stopRules(&evaluating, started)
	e.scrape.Stop()
	scraping.Wait()
	e.stopNotifier(&notifying)
	return errors.Join(err, scrapeErr, e.close())
}

// startRules gives the rule manager its rules. It waits with them for Run.
func (e *Engine) startRules() error {
	e.reloading.Lock()
	defer e.reloading.Unlock()
	return e.updateRules(e.current)
}

func (e *Engine) stopRules(evaluating *sync.WaitGroup, running bool) {
	if !running {
		return
	}
	timer := time.AfterFunc(stopTimeout, e.cancelRules)
	defer timer.Stop()
	e.rules.Stop()
	evaluating.Wait()
	e.cancelRules()
}

func (e *Engine) stopNotifier(notifying *sync.WaitGroup) {
	timer := time.AfterFunc(stopTimeout, e.cancelSends)
	defer timer.Stop()
	e.notify.Stop()
	notifying.Wait()
	e.cancelSends()
}

// close ends what New opened.
func (e *Engine) close() error {
	var errs []error
	if err := e.remote.Close(); err != nil {
		errs = append(errs, fmt.Errorf("closing remote writes: %w", err))
	}
	if err := e.db.Close(); err != nil {
		errs = append(errs, fmt.Errorf("closing the data directory: %w", err))
	}
	return errors.Join(errs...)
}
