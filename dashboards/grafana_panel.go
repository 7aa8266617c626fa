package dashboards

import (
	"maps"
	"slices"
)

// grafana returns the panel as Grafana reads it, but for its place.
func (p *Panel) grafana() grafanaPanel {
	p = p.readable()
	source := prometheus()
	g := grafanaPanel{
		Title: p.Title, Description: p.Description, Options: map[string]any{},
		FieldConfig: &grafanaFieldConfig{Defaults: p.defaults(), Overrides: p.overrides()},
	}
	if len(p.Queries) > 0 {
		g.Datasource = &source
	}
	for _, l := range p.Links {
		g.Links = append(g.Links, grafanaLink{Title: l.Title, Type: "link", URL: l.URL, Tags: []string{}})
	}
	for i, q := range p.Queries {
		g.Targets = append(g.Targets, grafanaTarget{
			RefID: refID(i), Datasource: source, Expr: q.Expr, LegendFormat: q.Legend,
			Instant: q.Instant, Range: !q.Instant, Interval: q.MinStep(), EditorMode: "code",
		})
	}
	p.Draw.draw(p, &g)
	return g
}

// refID names the queries of a panel: A, B and so on.
func refID(i int) string { return string(rune('A' + i)) }

// defaults are what holds for all fields of a panel.
func (p *Panel) defaults() map[string]any {
	d := map[string]any{
		"color":      map[string]any{"mode": "thresholds"},
		"thresholds": thresholds(p.Steps),
		"mappings":   mappings(p.Words),
		"custom":     map[string]any{},
	}
	if p.Unit != "" {
		d["unit"] = p.Unit
	}
	if p.Decimals != Auto {
		d["decimals"] = p.Decimals
	}
	if p.Min != nil {
		d["min"] = *p.Min
	}
	if p.Max != nil {
		d["max"] = *p.Max
	}
	if p.NoValue != "" {
		d["noValue"] = p.NoValue
	}
	return d
}

// thresholds are the steps of colours. The first has no value in Grafana: it is
// whatever is below the second.
func thresholds(steps []Step) map[string]any {
	if len(steps) == 0 {
		steps = []Step{{Color: calm}}
	}
	list := make([]any, 0, len(steps))
	for i, s := range steps {
		if i == 0 {
			list = append(list, map[string]any{"color": s.Color, "value": nil})
			continue
		}
		list = append(list, map[string]any{"color": s.Color, "value": s.From})
	}
	return map[string]any{"mode": "absolute", "steps": list}
}

func mappings(words []Word) []any {
	if len(words) == 0 {
		return []any{}
	}
	values := map[string]any{}
	for i, w := range words {
		result := map[string]any{"text": w.Text, "index": i}
		if w.Color != "" {
			result["color"] = w.Color
		}
		values[number64(w.Value)] = result
	}
	return []any{map[string]any{"type": "value", "options": values}}
}

// overrides are what holds for single fields.
func (p *Panel) overrides() []grafanaOverride {
	list := make([]grafanaOverride, 0, len(p.Fields))
	for i := range p.Fields {
		list = append(list, p.Fields[i].grafana())
	}
	return list
}

func (f *Field) grafana() grafanaOverride {
	o := grafanaOverride{Matcher: grafanaMatcher{"byName", f.Name}}
	if f.Pattern != "" {
		o.Matcher = grafanaMatcher{"byRegexp", f.Pattern}
	}
	for id, value := range f.properties() {
		o.Properties = append(o.Properties, grafanaProperty{id, value})
	}
	slices.SortFunc(o.Properties, func(a, b grafanaProperty) int {
		if a.ID < b.ID {
			return -1
		}
		return 1
	})
	return o
}

// properties returns what a field has of its own by the name of the property.
func (f *Field) properties() map[string]any {
	set := map[string]any{}
	if f.Title != "" {
		set["displayName"] = f.Title
	}
	if f.Unit != "" {
		set["unit"] = f.Unit
	}
	if f.Color != "" {
		set["color"] = map[string]any{"mode": "fixed", "fixedColor": f.Color}
	}
	if len(f.Steps) > 0 {
		set["thresholds"] = thresholds(f.Steps)
		set["color"] = map[string]any{"mode": "thresholds"}
	}
	if len(f.Words) > 0 {
		set["mappings"] = mappings(f.Words)
	}
	if f.Max != nil {
		set["max"] = *f.Max
	}
	if f.Digits != nil {
		set["decimals"] = *f.Digits
	}
	if len(f.Links) > 0 {
		var links []grafanaDataLink
		for _, l := range f.Links {
			links = append(links, l.grafana())
		}
		set["links"] = links
	}
	maps.Copy(set, f.look())
	return set
}

// look returns the properties that only tables and lines have.
func (f *Field) look() map[string]any {
	set := map[string]any{}
	switch {
	case f.Cell == "gauge":
		set["custom.displayMode"] = "gradient-gauge" // its name up to Grafana 9.4, which newer ones know
	case f.Cell != "":
		set["custom.displayMode"] = f.Cell
	}
	if f.Width != 0 {
		set["custom.width"] = f.Width
	}
	if f.Filter {
		set["custom.filterable"] = true
	}
	if f.Hidden {
		set["custom.hidden"] = true
	}
	if f.Below {
		set["custom.transform"] = "negative-Y"
	}
	if f.Right {
		set["custom.axisPlacement"] = "right"
	}
	if f.Dashed {
		set["custom.lineStyle"] = map[string]any{"fill": "dash", "dash": []int{10, 10}}
		set["custom.fillOpacity"] = 0
	}
	if f.Stack != "" {
		mode := "normal"
		if f.Stack == "none" {
			mode = "none"
		}
		set["custom.stacking"] = map[string]any{"group": f.Stack, "mode": mode}
	}
	if f.FillTo != "" {
		set["custom.fillBelowTo"], set["custom.fillOpacity"] = f.FillTo, 20
	}
	return set
}

func (l Link) grafana() grafanaDataLink {
	return grafanaDataLink{Title: l.Title, URL: l.URL}
}
