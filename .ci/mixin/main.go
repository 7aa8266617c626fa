// Command mixin writes the rules and the dashboards as tools expect them that vendor
// what others call a mixin: prometheus_alerts.yaml, prometheus_rules.yaml and the
// directory dashboards_out. It needs no jsonnet.
//
// With -operator it writes the rules as objects of the Prometheus operator instead.
package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"go.yaml.in/yaml/v3"

	"github.com/virt-exporter/virt_exporter/alerts"
	"github.com/virt-exporter/virt_exporter/dashboards"
)

const head = "# Made of the rule files of virt_exporter. Change those, not this one.\n"

func main() {
	var err error
	switch {
	case len(os.Args) == 3 && os.Args[1] == "-operator":
		err = writeOperator(os.Args[2], alerts.Rules())
	case len(os.Args) == 2:
		err = write(os.Args[1], alerts.Rules(), dashboards.Files())
	default:
		fmt.Fprintln(os.Stderr, "usage: mixin DIRECTORY | mixin -operator FILE")
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "mixin:", err)
		os.Exit(1)
	}
}

// write puts everything into the directory dir.
func write(dir string, rules, pages fs.FS) error {
	out := filepath.Join(dir, "dashboards_out")
	if err := os.MkdirAll(out, 0o755); err != nil {
		return fmt.Errorf("making %s: %w", out, err)
	}
	if err := writeRules(dir, rules); err != nil {
		return err
	}
	names, err := fs.Glob(pages, "*.json")
	if err != nil {
		return fmt.Errorf("listing dashboards: %w", err)
	}
	for _, name := range names {
		b, err := fs.ReadFile(pages, name)
		if err != nil {
			return fmt.Errorf("reading dashboard %s: %w", name, err)
		}
		if err := os.WriteFile(filepath.Join(out, name), b, 0o644); err != nil {
			return fmt.Errorf("writing dashboard %s: %w", name, err)
		}
	}
	return nil
}

// ruleFile is a file of groups. They are kept as nodes: comments stay, and what an
// alert shares with the next one.
type ruleFile struct {
	Groups []yaml.Node `yaml:"groups"`
}

func readRules(rules fs.FS, name string) (ruleFile, error) {
	var file ruleFile
	b, err := fs.ReadFile(rules, name)
	if err != nil {
		return file, fmt.Errorf("reading rule file %s: %w", name, err)
	}
	if err := yaml.Unmarshal(b, &file); err != nil {
		return file, fmt.Errorf("reading rule file %s: %w", name, err)
	}
	return file, nil
}

// writeRules puts groups that have alerts into one file and the others into another.
func writeRules(dir string, rules fs.FS) error {
	var alerting, recording ruleFile
	names, err := fs.Glob(rules, "*.rules.yml")
	if err != nil {
		return fmt.Errorf("listing rule files: %w", err)
	}
	for _, name := range names {
		file, err := readRules(rules, name)
		if err != nil {
			return err
		}
		for _, g := range file.Groups {
			alerts, err := hasAlerts(&g)
			if err != nil {
				return fmt.Errorf("rule file %s: %w", name, err)
			}
			if alerts {
				alerting.Groups = append(alerting.Groups, g)
			} else {
				recording.Groups = append(recording.Groups, g)
			}
		}
	}
	if err := encode(filepath.Join(dir, "prometheus_alerts.yaml"), alerting); err != nil {
		return err
	}
	return encode(filepath.Join(dir, "prometheus_rules.yaml"), recording)
}

// hasAlerts reports whether a group has an alert. What it records for that stays with
// it.
func hasAlerts(group *yaml.Node) (bool, error) {
	var g struct {
		Rules []struct {
			Alert string `yaml:"alert"`
		} `yaml:"rules"`
	}
	if err := group.Decode(&g); err != nil {
		return false, fmt.Errorf("reading a group: %w", err)
	}
	for _, r := range g.Rules {
		if r.Alert != "" {
			return true, nil
		}
	}
	return false, nil
}

func encode(file string, what ruleFile) error {
	b := bytes.NewBufferString(head)
	to := yaml.NewEncoder(b)
	to.SetIndent(2)
	if err := to.Encode(what); err != nil {
		return fmt.Errorf("encoding %s: %w", file, err)
	}
	if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
		return fmt.Errorf("writing %s: %w", file, err)
	}
	return nil
}
