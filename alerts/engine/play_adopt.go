package engine

import (
	"sync"

	"github.com/prometheus/prometheus/rules"
)

// ruleManager is Prometheus' rule manager. Groups that it has just made are seen when
// they have got the state of the past: that is copied without locks of theirs.
type ruleManager struct {
	*rules.Manager
	adopting sync.RWMutex // held while groups are made and get that state
}

// RuleGroups returns the groups, sorted by files and names.
func (m *ruleManager) RuleGroups() []*rules.Group {
	m.adopting.RLock()
	defer m.adopting.RUnlock()
	return m.Manager.RuleGroups()
}

// AlertingRules returns those of all groups.
func (m *ruleManager) AlertingRules() []*rules.AlertingRule {
	m.adopting.RLock()
	defer m.adopting.RUnlock()
	return m.Manager.AlertingRules()
}

// adoptPlayed gives the rule manager's groups the state that they had at the end of
// the past, once. It comes before they are evaluated; adopting is held.
func (e *Engine) adoptPlayed() {
	for _, g := range e.rules.Manager.RuleGroups() {
		if past := e.played[groupKey(g)]; past != nil {
			g.CopyState(past)
			restored(g)
		}
	}
	e.played = nil
}
