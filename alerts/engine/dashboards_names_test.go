package engine

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"

	"github.com/virt-exporter/virt_exporter/dashboards"
)

var (
	labelMade  = regexp.MustCompile(`"([a-zA-Z_]+)",\s*"[^"]*",\s*"[^"]*",\s*"[^"]*"\s*\)`) // by label_replace
	inLegend   = regexp.MustCompile(`\{\{ *([a-zA-Z_]+) *\}\}`)
	inLink     = regexp.MustCompile(`__field\.labels\.([a-zA-Z_]+)`)
	inRowLink  = regexp.MustCompile(`__data\.fields\.(?:([a-zA-Z_]+)|\["([^"]+)"\])`)
	inVariable = regexp.MustCompile(`^label_values\((?s).*,\s*([a-zA-Z_][a-zA-Z0-9_]*)\)$`)
)

// Every metric and label that a dashboard names must be one that the exporter or the
// scrape gives, or that a rule makes.
func TestDashboardsNameWhatThereIs(t *testing.T) {
	there, known := ruleSchema(t)
	for name, labels := range besides() {
		there[name] = labelled(labels)
		for _, l := range labels {
			known[l] = true
		}
	}
	p := parser.NewParser(parser.Options{})
	for _, expr := range dashboards.Expressions() {
		made := madeLabels(expr, known)
		for _, why := range strangers(t, p, expr, there, made) {
			t.Errorf("%s:\n%s", why, expr)
		}
	}
	for _, d := range dashboards.All() {
		for _, p := range d.Panels() {
			for _, q := range p.Queries {
				checkLabels(t, d.UID+"/"+p.Title, inLegend, q.Legend, madeLabels(q.Expr, known))
			}
			for _, l := range p.Links {
				checkLabels(t, d.UID+"/"+p.Title, inLink, l.URL, known)
			}
			for _, f := range p.Fields {
				for _, l := range f.Links {
					checkLabels(t, d.UID+"/"+p.Title, inLink, l.URL, known)
				}
			}
		}
		for _, v := range d.Variables {
			if v.Kind != "" {
				continue
			}
			m := inVariable.FindStringSubmatch(strings.TrimSpace(v.Query))
			if m == nil || v.Expression() == "" {
				t.Errorf("%s: variable %s asks for no values of a label: %s", d.UID, v.Name, v.Query)
				continue
			}
			checkLabels(t, d.UID+": variable "+v.Name, inVariable, strings.TrimSpace(v.Query), madeLabels(v.Query, known))
		}
	}
}

// besides returns series that are in no table of ours, with their labels: what a scrape
// adds, what every program of Go gives, and what the alerter says of itself.
func besides() map[string][]string {
	return map[string][]string{
		"scrape_duration_seconds":                     nil,
		"scrape_samples_scraped":                      nil,
		"scrape_samples_post_metric_relabeling":       nil,
		"scrape_series_added":                         nil,
		"process_cpu_seconds_total":                   nil,
		"process_resident_memory_bytes":               nil,
		"process_open_fds":                            nil,
		"process_max_fds":                             nil,
		"process_start_time_seconds":                  nil,
		"virt_alerter_build_info":                     {"version", "revision", "branch", "goversion", "goos", "goarch", "tags"},
		"virt_alerter_troubles":                       {"trouble"},
		"prometheus_rule_group_last_duration_seconds": {"rule_group"},
		"prometheus_tsdb_head_series":                 nil,
	}
}

// madeLabels adds the labels that an expression makes.
func madeLabels(expr string, known labelSet) labelSet {
	all := labelSet{}
	for l := range known {
		all[l] = true
	}
	for _, m := range labelMade.FindAllStringSubmatch(expr, -1) {
		all[m[1]] = true
	}
	return all
}

// checkLabels fails for labels in a text that nobody knows.
func checkLabels(t *testing.T, where string, in *regexp.Regexp, text string, known labelSet) {
	t.Helper()
	for _, m := range in.FindAllStringSubmatch(text, -1) {
		if !known[m[1]] {
			t.Errorf("%s: nobody gives the label %s: %s", where, m[1], text)
		}
	}
}

// legendLabels returns the labels that name a query's series.
func legendLabels(q dashboards.Query) (all []string) {
	for _, m := range inLegend.FindAllStringSubmatch(q.Legend, -1) {
		all = append(all, m[1])
	}
	return all
}

// panelLabels returns the labels that stand in columns and links of a panel.
func panelLabels(p *dashboards.Panel) (all []string) {
	for _, link := range panelLinks(p) {
		for _, m := range inLink.FindAllStringSubmatch(link.URL, -1) {
			all = append(all, m[1])
		}
	}
	if table, ok := p.Draw.(dashboards.Table); ok {
		all = slices.Concat(all, table.By, table.Also)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// labelsOfQuery are the labels that are looked for in what a query finds.
func labelsOfQuery(p *dashboards.Panel, q dashboards.Query) []string {
	return append(legendLabels(q), panelLabels(p)...)
}

func panelLinks(p *dashboards.Panel) []dashboards.Link {
	all := slices.Clone(p.Links)
	for _, f := range p.Fields {
		all = append(all, f.Links...)
	}
	return all
}

// What a panel says of a column or of a line must be of one that it has.
func TestDashboardFieldsAreThere(t *testing.T) {
	for _, d := range dashboards.All() {
		for _, p := range d.Panels() {
			where := d.UID + "/" + p.Title
			is, table := fieldsOf(&p)
			for _, f := range p.Fields {
				if f.Pattern == "" && !is(f.Name) {
					t.Errorf("%s: there is no field %q", where, f.Name)
				}
				if f.FillTo != "" && !is(f.FillTo) {
					t.Errorf("%s: there is no field %q to fill to", where, f.FillTo)
				}
			}
			for _, link := range panelLinks(&p) {
				for _, m := range inRowLink.FindAllStringSubmatch(link.URL, -1) {
					if table == nil || !is(m[1]+m[2]) {
						t.Errorf("%s: there is no column %s: %s", where, m[1]+m[2], link.URL)
					}
				}
			}
			if table != nil && table.Sort != "" && !titled(&p, is, table.Sort) {
				t.Errorf("%s: it is sorted by %q, which is the title of no column", where, table.Sort)
			}
		}
	}
}

// fieldsOf returns what is a column of a table, or else may be the name of a line, and
// the table.
func fieldsOf(p *dashboards.Panel) (is func(name string) bool, table *dashboards.Table) {
	names, open := map[string]bool{}, false
	if drawn, ok := p.Draw.(dashboards.Table); ok {
		table = &drawn
		for _, l := range slices.Concat(drawn.By, drawn.Also) {
			names[l] = true
		}
	}
	for i, q := range p.Queries {
		names["Value #"+string(rune('A'+i))] = true
		if table != nil {
			names[q.Column] = true
			continue
		}
		names[q.Legend] = true
		open = open || inLegend.MatchString(q.Legend)
	}
	return func(name string) bool { return name != "" && (open || names[name]) }, table
}

// titled reports whether a column has this title: its own name where it has no other.
func titled(p *dashboards.Panel, is func(string) bool, title string) bool {
	named := is(title)
	for _, f := range p.Fields {
		if f.Title == title && is(f.Name) {
			return true
		}
		if f.Name == title && f.Title != "" {
			named = false
		}
	}
	return named
}
