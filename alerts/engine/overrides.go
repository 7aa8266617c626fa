package engine

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

const (
	overrideSuffix = ":override"
	maxCandidates  = 4 // that a message names
)

// voidRule is a rule that records an override which changes nothing.
type voidRule struct {
	file, group, record string
	line                int // 0: not known
	why                 string
}

func (v voidRule) log(logger *slog.Logger) {
	logger.Warn("An override changes no threshold", "file", v.file, "line", v.line, "group", v.group, "record", v.record, "reason", v.why)
}

// replacement is an expression OVERRIDE or DEFAULT of a rule: where an override has
// the labels of a default, it stands in its place.
type replacement struct {
	override, base string
	matching       *parser.VectorMatching
}

// key keeps the labels by which the two are matched.
func (r replacement) key(l labels.Labels) labels.Labels {
	b := labels.NewBuilder(l)
	if r.matching.On {
		b.Keep(r.matching.MatchingLabels...)
	} else {
		b.Del(r.matching.MatchingLabels...)
	}
	return b.Labels()
}

// overrides is what all rules say of them.
type overrides struct {
	parser parser.Parser
	sets   labelSets
	alerts map[string]bool
	read   map[string]bool // names of series
	by     map[string]replacement
}

func newOverrides(p parser.Parser, groups []rulefmt.RuleGroup) *overrides {
	o := &overrides{parser: p, sets: newLabelSets(p, groups), alerts: map[string]bool{}, read: map[string]bool{}, by: map[string]replacement{}}
	for _, g := range groups {
		for _, r := range g.Rules {
			if r.Alert != "" {
				o.alerts[r.Alert] = true
			}
			eachNode(p, r.Expr, o.add)
		}
	}
	return o
}

// add notes what a part of an expression reads.
func (o *overrides) add(n parser.Node) {
	switch e := n.(type) {
	case *parser.VectorSelector:
		o.read[e.Name] = true
	case *parser.BinaryExpr:
		left, isLeft := e.LHS.(*parser.VectorSelector)
		right, isRight := e.RHS.(*parser.VectorSelector)
		if e.Op == parser.LOR && isLeft && isRight && strings.HasSuffix(left.Name, overrideSuffix) {
			o.by[left.Name] = replacement{left.Name, right.Name, e.VectorMatching}
		}
	}
}

// eachNode calls a function for each part of an expression.
func eachNode(p parser.Parser, expr string, f func(parser.Node)) {
	root, err := p.ParseExpr(expr)
	if err != nil {
		return // checked before
	}
	parser.Inspect(root, func(n parser.Node, _ []parser.Node) error {
		if n != nil {
			f(n)
		}
		return nil
	})
}

// voids returns the rules that record an override which changes nothing.
func (o *overrides) voids(s ruleSet) []voidRule {
	var list []voidRule
	for i, g := range s.groups {
		for n, r := range g.Rules {
			if why := o.void(r); why != "" {
				file := s.of[i]
				list = append(list, voidRule{file.id, g.Name, r.Record, file.line(g.Name, n+1), why})
			}
		}
	}
	return list
}

// void says why an override changes nothing; empty where it does, or where that
// depends on what is scraped.
func (o *overrides) void(r rulefmt.Rule) string {
	by, ok := o.by[r.Record]
	if !ok {
		if !o.read[r.Record] && o.meant(r.Record) {
			return "no rule reads " + r.Record
		}
		return ""
	}
	defaults, ok := o.sets[by.base]
	switch {
	case !ok:
		return "no rule records " + by.base
	case defaults == nil:
		return ""
	}
	series, known := o.sets.ofRule(o.parser, r)
	if !known {
		return o.contradicts(by, defaults, r.Labels)
	}
	for _, l := range series {
		key := by.key(l)
		if !slices.ContainsFunc(defaults, func(d labels.Labels) bool { return labels.Equal(by.key(d), key) }) {
			return o.reason(by, defaults, key)
		}
	}
	return ""
}

// meant reports whether a name that no rule reads looks like that of an override: of
// one of ours it is misspelt, or the rules that read it are not loaded.
func (o *overrides) meant(name string) bool {
	if strings.HasPrefix(name, "virt") && strings.HasSuffix(name, overrideSuffix) {
		return true
	}
	for known := range o.by {
		if strings.HasPrefix(name, strings.TrimSuffix(known, overrideSuffix)+":") {
			return true
		}
	}
	return false
}

// contradicts says so where no default has the labels that a rule sets, whatever
// its expression gives.
func (o *overrides) contradicts(by replacement, defaults []labels.Labels, set map[string]string) string {
	key := by.key(labels.FromMap(set))
	for _, d := range defaults {
		if agreeing(key, d) == key.Len() {
			return ""
		}
	}
	return o.reason(by, defaults, key)
}

// agreeing counts the labels that another series has as well.
func agreeing(key, l labels.Labels) int {
	n := 0
	key.Range(func(k labels.Label) {
		if l.Get(k.Name) == k.Value {
			n++
		}
	})
	return n
}

// reason says that there is no such default, and which are nearest.
func (o *overrides) reason(by replacement, defaults []labels.Labels, key labels.Labels) string {
	why := fmt.Sprintf("there is no default with %s", key)
	const name = "alert"
	if alert := key.Get(name); alert != "" {
		defaults = slices.DeleteFunc(slices.Clone(defaults), func(d labels.Labels) bool { return d.Get(name) != alert })
		switch {
		case len(defaults) == 0 && o.alerts[alert]:
			return why + ": this alert has no such threshold"
		case len(defaults) == 0:
			return why + ": no alert has this name"
		}
	}
	return why + nearest(by, defaults, key)
}

// nearest names the defaults that share the most labels.
func nearest(by replacement, defaults []labels.Labels, key labels.Labels) string {
	most := 0
	for _, d := range defaults {
		most = max(most, agreeing(key, d))
	}
	var names []string
	for _, d := range defaults {
		if agreeing(key, d) != most {
			continue
		}
		if len(names) == maxCandidates {
			names = append(names, "…")
			break
		}
		names = append(names, by.key(d).String())
	}
	return ", but with " + strings.Join(names, ", ")
}
