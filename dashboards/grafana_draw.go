package dashboards

import (
	"regexp"
	"strconv"
	"strings"
)

// number64 writes a number as the keys of Grafana's value mappings are written.
func number64(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// Stat is a large number, or one for each series.
type Stat struct {
	Names    bool // the series' names instead of the values
	Fill     bool // the background has the colour
	Graph    bool // a sparkline below
	Across   bool // one below the other, with the name beside the value
	NameSize int  // pixels; 0: as there is room
	Size     int  // of the value
	Wide     bool // one beside the other
}

func (s Stat) draw(p *Panel, g *grafanaPanel) {
	g.Type = "stat"
	mode := "auto" // which leaves the name out where there is one value
	switch {
	case s.Names:
		mode = "name"
	case s.Across, p.several():
		mode = "value_and_name"
	}
	color := "value"
	if s.Fill {
		color = "background"
	}
	g.Options = map[string]any{
		"reduceOptions": lastValue(), "orientation": orientation(s.Across, s.Wide), "textMode": mode, "wideLayout": true,
		"colorMode": color, "graphMode": graphMode(s.Graph), "justifyMode": "auto", "text": textSize(s.NameSize, s.Size),
	}
}

// labelInLegend is how a legend names a label.
var labelInLegend = regexp.MustCompile(`\{\{(\w+)\}\}`)

// several reports whether the panel may have more than one value: each needs its name,
// even where there happens to be one only.
func (p *Panel) several() bool {
	return len(p.Queries) > 1 || len(p.Queries) == 1 && strings.Contains(p.Queries[0].Legend, "{{")
}

// lastValue reduces each series to what it is now.
func lastValue() map[string]any {
	return map[string]any{"calcs": []string{"lastNotNull"}, "fields": "", "values": false}
}

func orientation(across, wide bool) string {
	switch {
	case across:
		return "horizontal"
	case wide:
		return "vertical"
	}
	return "auto"
}

func graphMode(graph bool) string {
	if graph {
		return "area"
	}
	return "none"
}

// textSize fixes the size of letters, for screens that are read from afar.
func textSize(name, value int) map[string]any {
	size := map[string]any{}
	if name > 0 {
		size["titleSize"] = name
	}
	if value > 0 {
		size["valueSize"] = value
	}
	return size
}

// Bars is a bar for each series, the longest first if the query sorts them.
type Bars struct {
	NameSize, Size int // of letters, in pixels
}

func (b Bars) draw(p *Panel, g *grafanaPanel) {
	g.Type = "bargauge"
	// A bar that is alone has a name only where one is given.
	g.FieldConfig.Defaults["displayName"] = labelInLegend.ReplaceAllString(p.Queries[0].Legend, "$${__field.labels.$1}")
	g.Options = map[string]any{
		"reduceOptions": lastValue(), "orientation": "horizontal", "displayMode": "basic", "valueMode": "text",
		"showUnfilled": true, "minVizWidth": 8, "minVizHeight": 16, "text": textSize(b.NameSize, b.Size),
		"sizing": "manual", "maxVizHeight": 40, // since 10.3: a bar that is alone does not fill the panel
		"legend": legend("hidden"),
	}
}

// Lines is values over time.
type Lines struct {
	Stacked bool
	Area    bool   // filled down to the axis
	Points  bool   // no lines between
	Limits  bool   // the panel's steps are drawn as lines
	Legend  string // "", right, hidden: where names stand
}

// smallPart is how far an axis of parts goes at least: where all is 0 it would go to
// 10,000 %, and where something is next to nothing it would look like much.
const smallPart = 0.05

func (l Lines) draw(p *Panel, g *grafanaPanel) {
	g.Type = "timeseries"
	fill, stack, limits, style := 0, "none", "off", "line"
	if l.Area {
		fill = 15
	}
	if l.Stacked {
		fill, stack = 60, "normal"
	}
	if l.Limits {
		limits = "dashed"
	}
	if l.Points {
		style = "points"
	}
	g.FieldConfig.Defaults["color"] = map[string]any{"mode": "palette-classic"}
	custom := map[string]any{
		"drawStyle": style, "lineInterpolation": "linear", "lineWidth": 1, "fillOpacity": fill, "gradientMode": "none",
		"spanNulls": false, "showPoints": "never", "pointSize": 4,
		"stacking": map[string]any{"group": "A", "mode": stack}, "thresholdsStyle": map[string]any{"mode": limits},
		"axisPlacement": "auto", "axisLabel": "", "scaleDistribution": map[string]any{"type": "linear"},
		"hideFrom": map[string]any{"legend": false, "tooltip": false, "viz": false},
	}
	if p.Unit == "percentunit" && p.Max == nil {
		custom["axisSoftMax"] = smallPart
	}
	g.FieldConfig.Defaults["custom"] = custom
	g.Options = map[string]any{
		"legend":  legend(l.Legend),
		"tooltip": map[string]any{"mode": "multi", "sort": "desc"},
	}
}

func legend(where string) map[string]any {
	switch where {
	case "hidden":
		return map[string]any{"showLegend": false, "displayMode": "hidden", "placement": "bottom", "calcs": []string{}}
	case "right":
		return map[string]any{"showLegend": true, "displayMode": "table", "placement": "right", "calcs": []string{"lastNotNull", "max"}}
	}
	return map[string]any{"showLegend": true, "displayMode": "list", "placement": "bottom", "calcs": []string{}}
}

// Heatmap is a histogram over time: its one query gives the increase of buckets by le.
type Heatmap struct{}

func (Heatmap) draw(p *Panel, g *grafanaPanel) {
	g.Type = "heatmap"
	for i := range g.Targets {
		g.Targets[i].Format, g.Targets[i].LegendFormat = "heatmap", "{{le}}"
	}
	g.MaxDataPoints = 120
	g.FieldConfig.Defaults["custom"] = map[string]any{
		"scaleDistribution": map[string]any{"type": "linear"}, "hideFrom": map[string]any{"legend": false, "tooltip": false, "viz": false},
	}
	g.Options = map[string]any{
		"calculate": false, "cellGap": 1,
		"color":        map[string]any{"mode": "scheme", "scheme": "Cividis", "fill": "dark-orange", "scale": "exponential", "exponent": 0.5, "steps": 64, "reverse": false},
		"exemplars":    map[string]any{"color": "rgba(255,0,255,0.7)"},
		"filterValues": map[string]any{"le": 1e-9},
		"legend":       map[string]any{"show": true},
		"rowsFrame":    map[string]any{"layout": "auto"},
		"tooltip":      map[string]any{"show": true, "mode": "single", "yHistogram": true}, // show up to 10.1, mode since
		"yAxis":        map[string]any{"axisPlacement": "left", "reverse": false, "unit": p.Unit},
	}
}

// Timeline is a band for each series that changes its colour with the value.
type Timeline struct{}

func (Timeline) draw(_ *Panel, g *grafanaPanel) {
	g.Type = "state-timeline"
	g.FieldConfig.Defaults["custom"] = map[string]any{"lineWidth": 0, "fillOpacity": 80, "spanNulls": false}
	g.Options = map[string]any{
		"mergeValues": true, "showValue": "auto", "alignValue": "left", "rowHeight": 0.85,
		"legend":  map[string]any{"showLegend": false, "displayMode": "hidden", "placement": "bottom"},
		"tooltip": map[string]any{"mode": "single", "sort": "none"},
	}
}

// Text is words in Markdown.
type Text struct {
	Markdown string
}

func (t Text) draw(_ *Panel, g *grafanaPanel) {
	g.Type, g.FieldConfig = "text", nil
	g.Options = map[string]any{"mode": "markdown", "content": t.Markdown, "code": map[string]any{"language": "plaintext", "showLineNumbers": false, "showMiniMap": false}}
}
