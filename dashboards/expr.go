package dashboards

import (
	"fmt"
	"regexp"
	"strings"
)

// What panels of one guest, and of one host, select. Labels which a scraper adds are
// left alone: they keep machines apart that have the same name. What Grafana puts in
// for :regex has single backslashes, so the string is a raw one: names such as c++ and
// [::1]:9971 are no regular expressions.
const (
	ofHost   = "instance=~`${host:regex}`"
	ofGuests = ofHost + `,kind=~"$kind",runtime=~"$runtime"`
	ofGuest  = ofGuests + ",guest=~`${guest:regex}`"
)

// guestLabels are those by which a guest is known.
const guestLabels = "job, instance, vm_host, kind, runtime, guest"

// steadyTop is of many series those that are greatest in all of the time that is
// shown: which they are stays the same from moment to moment, as with topk it does not.
func steadyTop(n int, expr, whole string) string {
	return fmt.Sprintf("%s\nand topk(%d, %s)", expr, n, whole)
}

// rateStep is the least step of queries of rates. Grafana makes the window of a rate
// four of it: 4 minutes have two samples even where a host is scraped every 2 minutes,
// whatever the data source says of that. Up to about 10.2 Grafana takes four of what
// the data source says (grafana#52340, mended by grafana#77234): there that must be the
// longest scrape interval that there is.
const rateStep = "1m"

// MinStep returns the least step of the query, as Grafana writes it; empty: that of the
// data source.
func (q Query) MinStep() string {
	if strings.Contains(q.Expr, "$__rate_interval") {
		return rateStep
	}
	return ""
}

// Replacements are values of Grafana's variables by their names.
type Replacements map[string]string

// Defaults are values with which every expression parses: of the variables that
// Grafana itself makes, and all of what the user may choose.
func Defaults() Replacements {
	return Replacements{
		"__rate_interval": "5m", "__interval": "1m", "__range": "1h", "__range_s": "3600",
	}
}

var variable = regexp.MustCompile(`\$(?:\{([a-zA-Z_][a-zA-Z0-9_]*)(?::[a-z]+)?\}|([a-zA-Z_][a-zA-Z0-9_]*))`)

// Resolve puts values of variables into an expression. What has none is all: ".*".
func Resolve(expr string, with Replacements) string {
	return variable.ReplaceAllStringFunc(expr, func(found string) string {
		m := variable.FindStringSubmatch(found)
		name := m[1] + m[2]
		if value, ok := with[name]; ok {
			return value
		}
		return ".*"
	})
}

var labelValues = regexp.MustCompile(`^label_values\((?s)(.*),\s*[a-zA-Z_][a-zA-Z0-9_]*\)$`)

// Expression returns what the variable asks Prometheus for; it is empty where its
// values are not asked for.
func (v *Variable) Expression() string {
	m := labelValues.FindStringSubmatch(strings.TrimSpace(v.Query))
	if v.Kind != "" || m == nil {
		return ""
	}
	return m[1]
}

// Panels returns all panels, those of folded rows too.
func (d *Dashboard) Panels() []Panel {
	var all []Panel
	for _, row := range d.Rows {
		all = append(all, row.Panels...)
	}
	return all
}

// Expressions returns all that the dashboards ask for, with defaults for variables.
func Expressions() []string {
	var all []string
	for _, d := range All() {
		for _, p := range d.Panels() {
			for _, q := range p.Queries {
				all = append(all, Resolve(q.Expr, Defaults()))
			}
		}
		for i := range d.Variables {
			if expr := d.Variables[i].Expression(); expr != "" {
				all = append(all, Resolve(expr, Defaults()))
			}
		}
		if len(d.Alerts) > 0 {
			all = append(all, Resolve(alertsExpr(d.Alerts, "critical"), Defaults()))
		}
	}
	return all
}
