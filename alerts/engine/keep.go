package engine

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/relabel"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

// families are the names of metrics that expressions read, as parts of a regular
// expression that is anchored at both ends.
type families map[string]bool

// keepList returns which families the rules and the other expressions read, and
// those that are asked for besides by name or regular expression.
func keepList(p parser.Parser, groups []rulefmt.RuleGroup, exprs, extra []string) (families, error) {
	f := families{}
	for _, g := range groups {
		for _, r := range g.Rules {
			if err := f.read(p, r.Expr); err != nil {
				return nil, fmt.Errorf("rule %s%s: %w", r.Alert, r.Record, err)
			}
			for _, text := range r.Annotations {
				f.template(text)
			}
			for _, text := range r.Labels {
				f.template(text)
			}
		}
	}
	for _, expr := range exprs {
		if err := f.read(p, expr); err != nil {
			return nil, fmt.Errorf("keep for %q: %w", expr, err)
		}
	}
	for _, e := range extra {
		if _, err := relabel.NewRegexp(e); err != nil {
			return nil, fmt.Errorf("keep: %q: %w", e, err)
		}
		f[e] = true
	}
	return f, nil
}

// read adds what one expression reads.
func (f families) read(p parser.Parser, expr string) error {
	root, err := p.ParseExpr(expr)
	if err != nil {
		return err
	}
	parser.Inspect(root, func(n parser.Node, _ []parser.Node) error {
		if s, ok := n.(*parser.VectorSelector); ok {
			f.selector(s)
		}
		return nil
	})
	return nil
}

var (
	templateAction = regexp.MustCompile(`(?s)\{\{.*?\}\}`)
	templateString = regexp.MustCompile("(?s)\"(?:[^\"\\\\]|\\\\.)*\"|`[^`]*`")
	templateName   = regexp.MustCompile(`[a-zA-Z_][a-zA-Z0-9_:]*`)
)

// template adds what a template may query. Its queries are strings that it may put
// together, so every word in one that could be a metric's name is taken for one.
func (f families) template(text string) {
	for _, action := range templateAction.FindAllString(text, -1) {
		for _, quoted := range templateString.FindAllString(action, -1) {
			for _, name := range templateName.FindAllString(quoted, -1) {
				if strings.Contains(name, "_") {
					f.name(name)
				}
			}
		}
	}
}

// selector adds the families of one selector: by its name, or by what it says of
// the name. One that says nothing of it, or only what it is not, may read all.
func (f families) selector(s *parser.VectorSelector) {
	found := false
	for _, m := range s.LabelMatchers {
		if m.Name != model.MetricNameLabel {
			continue
		}
		switch m.Type {
		case labels.MatchEqual:
			f.name(m.Value)
			found = true
		case labels.MatchRegexp:
			if names := m.SetMatches(); len(names) > 0 {
				for _, n := range names {
					f.name(n)
				}
			} else {
				f[m.Value] = true
			}
			found = true
		}
	}
	if !found {
		f[".*"] = true
	}
}

// name adds a family. A histogram goes by four names: whoever reads one of them
// reads it in whichever form the exporter has it.
func (f families) name(n string) {
	if strings.Contains(n, ":") {
		return // recorded, never scraped
	}
	f[regexp.QuoteMeta(n)] = true
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		if base, ok := strings.CutSuffix(n, suffix); ok {
			f[regexp.QuoteMeta(base)] = true
			return
		}
	}
	if !strings.HasSuffix(n, "_total") && !strings.HasSuffix(n, "_info") {
		f[regexp.QuoteMeta(n)+"(?:_bucket|_sum|_count)"] = true
	}
}

// relabeling returns the rule that drops every other family when a target's
// series are seen for the first time. The series that the scrape itself adds, as
// up, do not pass through it.
func (f families) relabeling() (*relabel.Config, error) {
	parts := make([]string, 0, len(f))
	for p := range f {
		parts = append(parts, p)
	}
	slices.Sort(parts)
	regex, err := relabel.NewRegexp(strings.Join(parts, "|"))
	if err != nil {
		return nil, fmt.Errorf("making the list of families to keep: %w", err)
	}
	return &relabel.Config{
		SourceLabels:         model.LabelNames{model.MetricNameLabel},
		Separator:            relabel.DefaultRelabelConfig.Separator,
		Replacement:          relabel.DefaultRelabelConfig.Replacement,
		Regex:                regex,
		Action:               relabel.Keep,
		NameValidationScheme: model.UTF8Validation,
	}, nil
}
