package dashboards

import (
	"slices"
	"strings"
)

// tag is what all dashboards have, by which they find each other.
const tag = "virt_exporter"

const runbookURL = "https://github.com/virt-exporter/virt_exporter/blob/main/alerts/RUNBOOK.md"

// links lead to the other dashboards, with what was chosen here, and to the runbook.
func (d *Dashboard) links() []grafanaLink {
	if d.Wall {
		return []grafanaLink{}
	}
	runbook := grafanaLink{Title: "Runbook", Type: "link", URL: runbookURL, Tags: []string{}, TargetBlank: true, Icon: "doc", Tooltip: "What to do about each alert"}
	if d.manyHosts() || d.has("kind") {
		return append(d.linksByName(), runbook)
	}
	return []grafanaLink{{
		Title: "virt_exporter", Type: "dashboards", Tags: []string{tag}, AsDropdown: true,
		IncludeVars: true, KeepTime: true, Tooltip: "The other dashboards",
	}, runbook}
}

// linksByName are links to the other dashboards, for one whose choice a menu would carry
// to where it is none. All hosts would go to a dashboard of one: Grafana takes it from an
// address, even where it offers it to nobody, and they would be shown as if they were
// one. The kind and runtime of a guest would narrow a fleet. A dashboard of many hosts
// has no link to those of one host or guest, which would be any: what is clicked on in
// its panels leads there.
func (d *Dashboard) linksByName() []grafanaLink {
	var all []grafanaLink
	for _, to := range All() {
		if to.UID == d.UID || to.Wall || d.manyHosts() && to.Alone {
			continue
		}
		url := "/d/" + to.UID + "?${datasource:queryparam}"
		switch {
		case !d.manyHosts() && to.has("at"):
			url += ofTheGuest
		case !d.manyHosts():
			url += "&var-host=${host:percentencode}"
		case to.manyHosts():
			url += "&${host:queryparam}"
		}
		_, name, _ := strings.Cut(to.Title, ": ")
		all = append(all, grafanaLink{
			Title: name, Type: "link", URL: url, Tags: []string{}, KeepTime: true, Icon: "dashboard", Tooltip: to.Description,
		})
	}
	return all
}

// has reports whether something of this name can be chosen.
func (d *Dashboard) has(name string) bool {
	return slices.ContainsFunc(d.Variables, func(v Variable) bool { return v.Name == name })
}

// manyHosts reports whether several hosts, and all of them, can be chosen.
func (d *Dashboard) manyHosts() bool {
	return slices.ContainsFunc(d.Variables, func(v Variable) bool { return v.Name == "host" && v.Multi })
}

// annotations mark when alerts fired.
func (d *Dashboard) annotations() grafanaList {
	list := grafanaList{List: []any{}}
	if len(d.Alerts) == 0 {
		return list
	}
	for _, severity := range []struct{ name, color string }{{"critical", critical}, {"warning", warning}} {
		list.List = append(list.List, map[string]any{
			"name": "Alerts: " + severity.name, "datasource": prometheus(), "enable": true, "hide": false,
			"iconColor": severity.color, "expr": alertsExpr(d.Alerts, severity.name), "step": "60s",
			"titleFormat": "{{alertname}}", "textFormat": "{{guest}} {{culprit}} {{mountpoint}} {{source}}", "tagKeys": "severity",
			"useValueForTime": false,
		})
	}
	return list
}

// alertsExpr returns the expression of the alerts of one severity that fire, and that
// any of the matchers select.
func alertsExpr(matchers []string, severity string) string {
	all := make([]string, len(matchers))
	for i, m := range matchers {
		all[i] = `ALERTS{alertstate="firing",` + ourAlerts + `,severity="` + severity + `",` + m + `}`
	}
	return strings.Join(all, " or ")
}

// templating lists the variables. The data source is the first of all dashboards.
func (d *Dashboard) templating() grafanaList {
	hide := 0
	if d.Wall {
		hide = 2
	}
	list := grafanaList{List: []any{map[string]any{
		"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "refresh": 1,
		"regex": "", "hide": hide, "multi": false, "includeAll": false, "options": []any{}, "current": map[string]any{"text": "", "value": ""}, "skipUrlSync": false,
	}}}
	for _, v := range d.Variables {
		list.List = append(list.List, v.grafana())
	}
	return list
}

// grafana returns a variable as Grafana reads it. Values are asked for when a
// dashboard is opened, and not with each change of the time, which each refresh is one
// of: a fleet has thousands, and what was chosen would be replaced by the first of them
// where it is no longer among them.
func (v *Variable) grafana() map[string]any {
	g := map[string]any{"name": v.Name, "label": v.Label, "hide": 0, "skipUrlSync": false, "current": map[string]any{"text": "", "value": ""}, "options": []any{}}
	if v.Kind == "custom" {
		g["type"], g["query"] = "custom", v.Query
	} else {
		g["type"], g["datasource"] = "query", prometheus()
		g["query"] = map[string]any{"query": v.Query, "refId": "StandardVariableQuery"}
		g["definition"], g["refresh"], g["sort"], g["regex"] = v.Query, 1, 1, ""
	}
	g["multi"], g["includeAll"] = v.Multi, v.All
	if v.All {
		g["allValue"] = ".*"
		g["current"] = map[string]any{"selected": true, "text": "All", "value": "$__all"}
		if v.Multi {
			g["current"] = map[string]any{"selected": true, "text": []string{"All"}, "value": []string{"$__all"}}
		}
	}
	return g
}
