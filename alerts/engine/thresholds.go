package engine

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// thresholdChecks finds what people ask of thresholds in vain.
type thresholdChecks struct {
	voids []voidRule
	// reads has the selectors of rules, by the family of guests' labels. One that no
	// rule reads is not in it.
	reads map[string][][]*labels.Matcher
}

// thresholds are the checks of the current rules and what they found.
type thresholds struct {
	checks atomic.Pointer[thresholdChecks]
	unread atomic.Pointer[[]unread]
}

// guestFamilies are what the exporter fills from guests' labels.
func guestFamilies() []string {
	return []string{"virt_guest_alert_threshold", "virt_guest_alert_muted"}
}

func newThresholdChecks(p parser.Parser, s ruleSet) thresholdChecks {
	c := thresholdChecks{voids: newOverrides(p, s.groups).voids(s), reads: map[string][][]*labels.Matcher{}}
	for _, g := range s.groups {
		for _, r := range g.Rules {
			eachNode(p, r.Expr, func(n parser.Node) {
				if v, ok := n.(*parser.VectorSelector); ok && slices.Contains(guestFamilies(), v.Name) {
					c.reads[v.Name] = append(c.reads[v.Name], v.LabelMatchers)
				}
			})
		}
	}
	return c
}

// thresholdTroubles returns what is asked in vain.
func (e *Engine) thresholdTroubles() []trouble {
	var list []trouble
	if c := e.thresholds.checks.Load(); c != nil {
		for _, v := range c.voids {
			list = append(list, trouble{kindThreshold, text(fmt.Sprintf("An override changes no threshold: %s in line %d of %s", v.record, v.line, v.file)), text(v.why)})
		}
	}
	if found := e.thresholds.unread.Load(); found != nil {
		for _, u := range *found {
			list = append(list, trouble{kindThreshold, text("No rule reads " + u.series()), text(u.whose())})
		}
	}
	return list
}

// unread is what guests say by their labels of an alert that does not heed it.
type unread struct {
	family, alert   string
	guest, instance string // of the first
	guests          int
}

func (u unread) series() string { return fmt.Sprintf("%s{alert=%q}", u.family, u.alert) }

func (u unread) whose() string {
	parts := []string{"it does nothing: of guest " + u.guest}
	if u.instance != "" {
		parts = append(parts, " on "+u.instance)
	}
	if u.guests > 1 {
		parts = append(parts, fmt.Sprintf(" and %d more", u.guests-1))
	}
	return strings.Join(parts, "")
}
