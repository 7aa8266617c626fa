package engine

import (
	"fmt"
	"time"

	"github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/scrape"
)

// trouble is why alerts may be missing, of this page or of Alertmanager.
type trouble struct {
	Kind      string // one of kinds()
	What, Why string
}

const (
	kindStorage      = "storage"
	kindReload       = "reload"
	kindAlertmanager = "alertmanager"
	kindHeartbeat    = "heartbeat"
	kindThreshold    = "threshold"
	kindTarget       = "target"
	kindRule         = "rule"
)

// kinds are all kinds of troubles, in the order in which they are shown.
func kinds() []string {
	return []string{kindStorage, kindReload, kindAlertmanager, kindHeartbeat, kindThreshold, kindTarget, kindRule}
}

// maxTroubles is how many are shown of each sort.
const maxTroubles = 50

// lateGroup is after how many intervals a group should have been evaluated again.
const lateGroup = 4

// troubles returns what is shown.
func (p *pages) troubles(now time.Time) []trouble {
	var list []trouble
	byKind := p.troublesByKind(now)
	for _, kind := range kinds() {
		list = append(list, bounded(byKind[kind])...)
	}
	return list
}

func (p *pages) troublesByKind(now time.Time) map[string][]trouble {
	byKind := map[string][]trouble{}
	for _, list := range [][]trouble{p.inner(), p.targetTroubles(now), p.ruleTroubles(now)} {
		for _, t := range list {
			byKind[t.Kind] = append(byKind[t.Kind], t)
		}
	}
	return byKind
}

func bounded(list []trouble) []trouble {
	if len(list) <= maxTroubles {
		return list
	}
	return append(list[:maxTroubles:maxTroubles], trouble{What: fmt.Sprintf("And %d more of this sort", len(list)-maxTroubles)})
}

func (p *pages) targetTroubles(now time.Time) []trouble {
	var list []trouble
	targets := 0
	eachTarget(p.api.targets.TargetsActive(), "", func(_ string, t *scrape.Target) {
		targets++
		if t.Health() == scrape.HealthBad {
			list = append(list, trouble{
				kindTarget,
				fmt.Sprintf("Target down: %s, asked %s ago", text(t.URL().Redacted()), ago(now, t.LastScrape())),
				text(errorText(t.LastError())),
			})
		}
	})
	if targets == 0 && p.ready() {
		list = append(list, trouble{kindTarget, "Nothing is scraped", "no exporter is configured"})
	}
	return list
}

func (p *pages) ruleTroubles(now time.Time) []trouble {
	var list []trouble
	groups := p.api.rules.RuleGroups()
	if len(groups) == 0 && p.ready() {
		list = append(list, trouble{kindRule, "No rules are loaded", "nothing can fire"})
	}
	for _, g := range groups {
		if last := p.lastEvaluation(g); now.Sub(last) > lateGroup*g.Interval() {
			list = append(list, trouble{
				kindRule,
				fmt.Sprintf("Rules are late: group %s of %s", text(g.Name()), text(g.File())),
				"last evaluated " + ago(now, last) + " ago",
			})
		}
		for _, rule := range g.Rules() {
			if err := rule.LastError(); err != nil && rule.Health() == rules.HealthBad {
				list = append(list, trouble{kindRule, "Rule fails: " + text(rule.Name()) + " of " + text(g.File()), text(err.Error())})
			}
			if a, ok := rule.(*rules.AlertingRule); ok && a.Name() == watchdogName && a.Health() == rules.HealthGood && a.State() != rules.StateFiring {
				list = append(list, trouble{kindRule, "The watchdog does not fire", "whoever waits for it will soon be alarmed"})
			}
		}
	}
	return list
}

// lastEvaluation is the newest of the group's rules, or the start of this program and
// of all rules.
func (p *pages) lastEvaluation(g *rules.Group) time.Time {
	last := p.api.status.started
	if begun := p.begun(); begun.After(last) {
		last = begun
	}
	for _, rule := range g.Rules() {
		if at := rule.GetEvaluationTimestamp(); at.After(last) {
			last = at
		}
	}
	return last
}

// summary counts what is looked at.
func (p *pages) summary() string {
	alerting, all := 0, 0
	for _, g := range p.api.rules.RuleGroups() {
		for _, rule := range g.Rules() {
			all++
			if _, ok := rule.(*rules.AlertingRule); ok {
				alerting++
			}
		}
	}
	targets, up := 0, 0
	eachTarget(p.api.targets.TargetsActive(), "", func(_ string, t *scrape.Target) {
		targets++
		if t.Health() == scrape.HealthGood {
			up++
		}
	})
	return fmt.Sprintf("%d of %d targets up, %d alerts and %d recording rules", up, targets, alerting, all-alerting)
}
