package dashboards

import "slices"

// Table is a row for each set of labels. Its queries are asked for now only; those
// that give the same labels share rows, each with a column of its own, see
// Query.Column.
type Table struct {
	By      []string // labels that are columns, in this order; others are left out
	Also    []string // labels that only one of the queries has: columns behind those
	Sort    string   // the column by which it is sorted, the greatest first
	Ascends bool
}

func (t Table) draw(p *Panel, g *grafanaPanel) {
	g.Type = "table"
	renamed, order, left := map[string]any{}, map[string]any{}, map[string]any{"Time": true}
	labels := slices.Concat(t.By, t.Also)
	for i, label := range labels {
		order[label] = i
	}
	for i, q := range p.Queries {
		g.Targets[i].Format = "table"
		name := "Value #" + refID(i)
		if len(p.Queries) == 1 {
			name = "Value"
		}
		order[name] = len(labels) + i
		if q.Column == "" {
			left[name] = true
			continue
		}
		renamed[name] = q.Column
	}
	if len(p.Queries) > 1 {
		g.Transformations = append(g.Transformations, grafanaTransformation{ID: "merge", Options: map[string]any{}})
	}
	g.Transformations = append(g.Transformations, grafanaTransformation{
		ID: "organize", Options: map[string]any{"excludeByName": left, "indexByName": order, "renameByName": renamed},
	})
	g.FieldConfig.Overrides = append(cells(labels), g.FieldConfig.Overrides...)
	g.FieldConfig.Defaults["custom"] = map[string]any{"align": "auto", "displayMode": "auto", "filterable": false, "inspect": false, "minWidth": tableColumn}
	g.Options = map[string]any{"showHeader": true, "frameIndex": 0, "footer": map[string]any{"show": false, "reducer": []string{"sum"}, "fields": ""}}
	if t.Sort != "" {
		g.Options["sortBy"] = []any{map[string]any{"displayName": t.Sort, "desc": !t.Ascends}}
	}
}

// tableColumn is how narrow a column becomes before a table scrolls sidewards.
const tableColumn = 70

// cells are the overrides of all tables, which those of a panel follow. What a panel
// says where there is no data is not for each cell that has none; and a label that
// looks like a number is none, so that it has no unit.
func cells(labels []string) []grafanaOverride {
	list := []grafanaOverride{{
		Matcher:    grafanaMatcher{"byRegexp", "/.*/"},
		Properties: []grafanaProperty{{"noValue", "–"}},
	}}
	for _, label := range labels {
		f := Field{Name: label, Unit: "string", Filter: true}
		list = append(list, f.grafana())
	}
	return list
}
