package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/prometheus/exporter-toolkit/web"
)

// check finds what the program cannot work with before it starts. The error
// names the flag that is wrong.
func (o *options) check() error {
	if err := o.checkDemo(); err != nil {
		return err
	}
	if err := o.checkReplaced(); err != nil {
		return err
	}
	if err := o.engine.Check(); err != nil {
		return nameField(err)
	}
	if err := web.Validate(*o.service.Web.WebConfigFile); err != nil {
		return fmt.Errorf("--web.config.file=%s: %w", *o.service.Web.WebConfigFile, err)
	}
	return nil
}

// checkReplaced refuses flags that a configuration file would make void: whoever
// gives one takes it to be heeded.
func (o *options) checkReplaced() error {
	if o.engine.ConfigFile == "" {
		return nil
	}
	for _, f := range replacedBy() {
		if *o.given[f[0]] {
			return fmt.Errorf("--%s: %s of --config.file=%s takes its place, set it there", f[0], f[1], o.engine.ConfigFile)
		}
	}
	return nil
}

// checkDemo refuses flags that have no meaning in a demo.
func (o *options) checkDemo() error {
	if !o.demo {
		return nil
	}
	for _, f := range voidInDemo() {
		if *o.given[f[0]] {
			return fmt.Errorf("--%s: not with --demo: %s", f[0], f[1])
		}
	}
	for _, f := range replacedBy() {
		if *o.given[f[0]] {
			return fmt.Errorf("--%s: not with --demo: whom to ask, when, and whom to tell is the story's", f[0])
		}
	}
	if o.demoKeeps {
		return checkEmpty(o.engine.DataDir)
	}
	return nil
}

// checkEmpty refuses a directory that has anything but what a volume has from its
// beginning: a story among samples of real machines could not be told from them.
func checkEmpty(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("--%s: looking whether it is empty: %w", dataFlag, err)
	}
	for _, e := range entries {
		if e.Name() != "lost+found" {
			return fmt.Errorf("--%s: %s has %q: a demo wants an empty directory", dataFlag, dir, e.Name())
		}
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
