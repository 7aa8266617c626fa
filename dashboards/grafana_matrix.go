package dashboards

// Matrix is a table of two labels: one gives the rows, the other the columns, and the
// value of its one query, which is asked for now only, stands where they meet.
type Matrix struct {
	Row, Column string // labels
	Corner      string // what stands above the rows
}

func (m Matrix) draw(_ *Panel, g *grafanaPanel) {
	g.Type = "table"
	for i := range g.Targets {
		g.Targets[i].Format, g.Targets[i].Instant, g.Targets[i].Range = "table", true, false
	}
	g.Transformations = append(g.Transformations, grafanaTransformation{
		ID: "groupingToMatrix", Options: map[string]any{"rowField": m.Row, "columnField": m.Column, "valueField": "Value", "emptyValue": "null"},
	})
	g.FieldConfig.Defaults["custom"] = map[string]any{"align": "auto", "displayMode": "color-background", "filterable": false, "inspect": false, "minWidth": 60}
	corner := Field{Name: m.Row + `\` + m.Column, Title: m.Corner, Cell: "auto", Width: 220}
	g.FieldConfig.Overrides = append(cells([]string{corner.Name}), append(g.FieldConfig.Overrides, corner.grafana())...)
	g.Options = map[string]any{"showHeader": true, "frameIndex": 0, "footer": map[string]any{"show": false, "reducer": []string{"sum"}, "fields": ""}}
}
