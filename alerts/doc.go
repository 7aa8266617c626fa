// Package alerts holds the rules that come with the exporter, for Prometheus and
// for whatever evaluates its rule files. RUNBOOK.md says what to do when one
// fires.
package alerts

import (
	"embed"
	"io/fs"
)

//go:embed *.rules.yml
var rules embed.FS

// Rules returns the rule files, all of them in its root and named *.rules.yml.
func Rules() fs.FS {
	return rules
}
