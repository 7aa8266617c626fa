package engine

import (
	"slices"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

// labelSets are the labels of the series that rules record, by the name of the
// series, as far as the rules alone say it. Of a name that is there with nil, they
// do not: it depends on what is scraped.
type labelSets map[string][]labels.Labels

// newLabelSets reads the recording rules in their order: one may be made of another
// before it.
func newLabelSets(p parser.Parser, groups []rulefmt.RuleGroup) labelSets {
	sets := labelSets{}
	for _, g := range groups {
		for _, r := range g.Rules {
			if r.Record == "" {
				continue
			}
			before, seen := sets[r.Record]
			of, known := sets.ofRule(p, r)
			if !known || seen && before == nil {
				sets[r.Record] = nil
				continue
			}
			sets[r.Record] = append(before, of...)
		}
	}
	return sets
}

// ofRule returns the labels of what a rule records; false where they are not known.
func (s labelSets) ofRule(p parser.Parser, r rulefmt.Rule) ([]labels.Labels, bool) {
	expr, err := p.ParseExpr(r.Expr)
	if err != nil {
		return nil, false
	}
	of, known := s.of(expr)
	if !known {
		return nil, false
	}
	for i := range of {
		of[i] = addLabels(of[i], r.Labels)
	}
	return of, true
}

// of returns the labels of what an expression gives; false where they are not known.
func (s labelSets) of(expr parser.Expr) ([]labels.Labels, bool) {
	if expr.Type() == parser.ValueTypeScalar {
		return []labels.Labels{labels.EmptyLabels()}, true
	}
	switch e := expr.(type) {
	case *parser.ParenExpr:
		return s.of(e.Expr)
	case *parser.UnaryExpr:
		return s.of(e.Expr)
	case *parser.Call:
		return s.ofCall(e)
	case *parser.BinaryExpr:
		return s.ofBinary(e)
	case *parser.VectorSelector:
		return s.ofSelector(e)
	}
	return nil, false
}

func (s labelSets) ofCall(e *parser.Call) ([]labels.Labels, bool) {
	switch e.Func.Name {
	case "vector":
		return []labels.Labels{labels.EmptyLabels()}, true
	case "label_replace":
		var args [4]string
		for i := range args {
			literal, ok := e.Args[i+1].(*parser.StringLiteral)
			if !ok {
				return nil, false
			}
			args[i] = literal.Val
		}
		of, known := s.of(e.Args[0])
		if !known || args[2] != "" || args[3] != "" || strings.Contains(args[1], "$") {
			return nil, false // it depends on another label
		}
		return withLabels(of, map[string]string{args[0]: args[1]}), true
	}
	return nil, false
}

func withLabels(list []labels.Labels, more map[string]string) []labels.Labels {
	changed := make([]labels.Labels, 0, len(list))
	for _, l := range list {
		changed = append(changed, addLabels(l, more))
	}
	return changed
}

func (s labelSets) ofBinary(e *parser.BinaryExpr) ([]labels.Labels, bool) {
	switch {
	case e.LHS.Type() == parser.ValueTypeScalar:
		return s.of(e.RHS)
	case e.RHS.Type() == parser.ValueTypeScalar:
		return s.of(e.LHS)
	case e.Op != parser.LOR:
		return nil, false
	}
	left, known := s.of(e.LHS)
	if !known {
		return nil, false
	}
	right, known := s.of(e.RHS)
	return slices.Concat(left, right), known
}

func (s labelSets) ofSelector(e *parser.VectorSelector) ([]labels.Labels, bool) {
	all := s[e.Name]
	if all == nil {
		return nil, false
	}
	var of []labels.Labels
	for _, l := range all {
		if matches(e.LabelMatchers, l) {
			of = append(of, l)
		}
	}
	return of, true
}

// matches reports whether a selector of the same name selects the labels.
func matches(matchers []*labels.Matcher, l labels.Labels) bool {
	return !slices.ContainsFunc(matchers, func(m *labels.Matcher) bool {
		return m.Name != model.MetricNameLabel && !m.Matches(l.Get(m.Name))
	})
}
