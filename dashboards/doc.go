// Package dashboards holds the Grafana dashboards that come with the exporter, and
// makes them. The JSON files are what users import and are committed; they are
// written by `make dashboards` from the Go beside them, so that thresholds, colours
// and names are said once.
//
// The way through it: a file for each dashboard says what is on it in terms of
// dashboard.go; layout.go places the panels; the files named grafana_… turn that into
// the JSON of Grafana 9.3, which newer ones read too.
package dashboards

import (
	"embed"
	"io/fs"
)

//go:embed *.json
var files embed.FS

// Files returns the dashboards as Grafana reads them, all in its root and named *.json.
func Files() fs.FS {
	return files
}

// All returns the dashboards, in the order in which one goes from the whole to a part.
func All() []Dashboard {
	return []Dashboard{
		wall(), fleet(), host(), guest(), neighbours(), filesystems(), exporter(),
	}
}
