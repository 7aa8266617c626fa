package dashboards

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// schemaVersion is that of Grafana 9.3. Newer ones bring it up to date when they load
// a dashboard; older ones would not know a newer one.
const schemaVersion = 37

// The types named grafana… are the parts of Grafana's JSON that are used here.
type (
	grafanaDashboard struct {
		UID           string          `json:"uid"`
		Title         string          `json:"title"`
		Description   string          `json:"description"`
		Tags          []string        `json:"tags"`
		SchemaVersion int             `json:"schemaVersion"`
		Version       int             `json:"version"`
		Editable      bool            `json:"editable"`
		GraphTooltip  int             `json:"graphTooltip"`
		Refresh       string          `json:"refresh"`
		Time          grafanaTime     `json:"time"`
		Timepicker    map[string]bool `json:"timepicker"`
		Timezone      string          `json:"timezone"`
		Links         []grafanaLink   `json:"links"`
		Annotations   grafanaList     `json:"annotations"`
		Templating    grafanaList     `json:"templating"`
		Panels        []grafanaPanel  `json:"panels"`
	}
	grafanaTime struct {
		From string `json:"from"`
		To   string `json:"to"`
	}
	grafanaList struct {
		List []any `json:"list"`
	}
	grafanaLink struct {
		Title       string   `json:"title"`
		Type        string   `json:"type"`
		URL         string   `json:"url,omitempty"`
		Tags        []string `json:"tags"`
		AsDropdown  bool     `json:"asDropdown"`
		IncludeVars bool     `json:"includeVars"`
		KeepTime    bool     `json:"keepTime"`
		TargetBlank bool     `json:"targetBlank"`
		Icon        string   `json:"icon"`
		Tooltip     string   `json:"tooltip"`
	}
	datasourceRef struct {
		Type string `json:"type"`
		UID  string `json:"uid"`
	}
	gridPos struct {
		H int `json:"h"`
		W int `json:"w"`
		X int `json:"x"`
		Y int `json:"y"`
	}
	grafanaPanel struct {
		ID              int                     `json:"id"`
		Type            string                  `json:"type"`
		Title           string                  `json:"title"`
		Description     string                  `json:"description,omitempty"`
		Transparent     bool                    `json:"transparent,omitempty"`
		Datasource      *datasourceRef          `json:"datasource,omitempty"`
		GridPos         gridPos                 `json:"gridPos"`
		Targets         []grafanaTarget         `json:"targets,omitempty"`
		FieldConfig     *grafanaFieldConfig     `json:"fieldConfig,omitempty"`
		Options         map[string]any          `json:"options,omitempty"`
		Transformations []grafanaTransformation `json:"transformations,omitempty"`
		Links           []grafanaLink           `json:"links,omitempty"`
		Interval        string                  `json:"interval,omitempty"`
		MaxDataPoints   int                     `json:"maxDataPoints,omitempty"`
		Collapsed       *bool                   `json:"collapsed,omitempty"`
		Panels          *[]grafanaPanel         `json:"panels,omitempty"`
	}
	grafanaTarget struct {
		RefID        string        `json:"refId"`
		Datasource   datasourceRef `json:"datasource"`
		Expr         string        `json:"expr"`
		LegendFormat string        `json:"legendFormat,omitempty"`
		Format       string        `json:"format,omitempty"`
		Instant      bool          `json:"instant"`
		Range        bool          `json:"range"`
		Interval     string        `json:"interval,omitempty"` // the least step
		EditorMode   string        `json:"editorMode"`
	}
	grafanaTransformation struct {
		ID      string         `json:"id"`
		Options map[string]any `json:"options"`
	}
	grafanaFieldConfig struct {
		Defaults  map[string]any    `json:"defaults"`
		Overrides []grafanaOverride `json:"overrides"`
	}
	grafanaOverride struct {
		Matcher    grafanaMatcher    `json:"matcher"`
		Properties []grafanaProperty `json:"properties"`
	}
	grafanaMatcher struct {
		ID      string `json:"id"`
		Options string `json:"options"`
	}
	grafanaProperty struct {
		ID    string `json:"id"`
		Value any    `json:"value"`
	}
	grafanaDataLink struct {
		Title       string `json:"title"`
		URL         string `json:"url"`
		TargetBlank bool   `json:"targetBlank"`
	}
)

// prometheus is the data source that the user has chosen.
func prometheus() datasourceRef {
	return datasourceRef{Type: "prometheus", UID: "${datasource}"}
}

// JSON returns the dashboard as Grafana reads it, the same bytes each time.
func (d *Dashboard) JSON() ([]byte, error) {
	panels, _ := place(d.Rows)
	g := grafanaDashboard{
		UID: d.UID, Title: d.Title, Description: d.Description, Tags: []string{tag},
		SchemaVersion: schemaVersion, Version: 1, GraphTooltip: 1, Editable: true,
		Refresh: d.Refresh, Time: grafanaTime{d.From, "now"}, Timepicker: map[string]bool{"hidden": d.Wall}, Timezone: "browser",
		Links: d.links(), Annotations: d.annotations(), Templating: d.templating(),
		Panels: panels,
	}
	var b bytes.Buffer
	to := json.NewEncoder(&b)
	to.SetEscapeHTML(false)
	to.SetIndent("", "  ")
	if err := to.Encode(g); err != nil {
		return nil, fmt.Errorf("encoding dashboard %s: %w", d.UID, err)
	}
	return b.Bytes(), nil
}
