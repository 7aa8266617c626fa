package main

import (
	"fmt"
	"strings"

	"github.com/prometheus/exporter-toolkit/web"
)

// check finds what the program cannot work with before it starts. The error
// names the flag that is wrong.
func (o *options) check() error {
	if err := o.engine.Check(); err != nil {
		return nameField(err)
	}
	if err := web.Validate(*o.service.Web.WebConfigFile); err != nil {
		return fmt.Errorf("--web.config.file=%s: %w", *o.service.Web.WebConfigFile, err)
	}
	return nil
}

// nameField puts the flag in the place of the engine's field, with which its
// errors begin.
func nameField(err error) error {
	field, rest, _ := strings.Cut(err.Error(), ": ")
	for _, f := range []struct{ field, flag string }{
		{"exporters", "exporter"},
		{"alertmanagers", "alertmanager"},
		{"remote writes", "remote-write"},
		{"rule files", "rules"},
		{"external URL", "external.url"},
		{"external labels", "external.label"},
		{"heartbeat", "heartbeat.url"},
		{"data directory", "storage.path"},
		{"retention", "storage.retention"},
		{"retention size", "storage.max-size"},
		{"scrape interval", "scrape.interval"},
		{"evaluation interval", "evaluation.interval"},
		{"keep", "scrape.keep"},
	} {
		if f.field == field {
			return fmt.Errorf("--%s: %s", f.flag, rest)
		}
	}
	return err
}
