package engine

import (
	"math"
	"time"

	"github.com/prometheus/prometheus/model/timestamp"
)

// newPages puts together what the pages and the API read of the engine.
func (e *Engine) newPages() *pages {
	return &pages{
		api: &api{
			query:         e.query,
			storage:       e.storage,
			parser:        e.parser,
			targets:       e.scrape,
			alertmanagers: e.notify,
			rules:         e.rules,
			status:        statusInfo{hostname: e.cfg.Hostname, started: time.Now().UTC(), retention: e.cfg.Retention},
			logger:        e.logger,
			now:           time.Now,
			slots:         make(chan struct{}, maxQueries),
		},
		logger:    e.logger,
		template:  parsePages(),
		ready:     e.Ready,
		settled:   e.settled,
		begun:     e.rulesBegan,
		reload:    e.Reload,
		dataSince: e.dataSince,
		inner:     e.troubles,
	}
}

// rulesBegan returns when rules were first evaluated; zero before. A past that is
// played comes between that and the start.
func (e *Engine) rulesBegan() time.Time {
	if since := e.since.Load(); since != 0 {
		return time.Unix(0, since)
	}
	return time.Time{}
}

// dataSince returns when the oldest sample was taken; false without any.
func (e *Engine) dataSince() (time.Time, bool) {
	ms, err := e.db.StartTime()
	if err != nil || ms == math.MaxInt64 {
		return time.Time{}, false
	}
	return timestamp.Time(ms), true
}

// troubles returns what is wrong with the disk, with the last reload, with
// Alertmanagers, with the heartbeat and with thresholds of the user's own.
func (e *Engine) troubles() []trouble {
	var list []trouble
	if e.space.full.Load() {
		list = append(list, trouble{kindStorage, "Samples are not stored", text(errNoSpace.Error())})
	}
	if err := e.lastReload.err.Load(); err != nil {
		list = append(list, trouble{kindReload, "The last reload failed: rules and targets are those of before", text((*err).Error())})
	}
	for _, d := range e.Deliveries() {
		if d.Err != nil {
			list = append(list, trouble{kindAlertmanager, "Alertmanager not reachable: " + text(d.URL), text(d.Err.Error())})
		}
	}
	if m := e.missed.Load(); m != nil {
		list = append(list, trouble{kindHeartbeat, m.what + ": whoever waits for it will soon be alarmed", text(m.err.Error())})
	}
	return append(list, e.thresholdTroubles()...)
}
