package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/labels"
	"go.yaml.in/yaml/v3"
)

// prometheus returns the configuration in Prometheus' own form, from the file or
// from the lists, without the list of families to keep.
func (c Config) prometheus(logger *slog.Logger) (*config.Config, error) {
	if c.ConfigFile == "" {
		return c.fromLists(logger)
	}
	text, err := os.ReadFile(c.ConfigFile)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration file: %w", err)
	}
	if wrong := supported(text); len(wrong) > 0 {
		for i := range wrong {
			wrong[i] = fmt.Errorf("%s: %w", c.ConfigFile, wrong[i])
		}
		return nil, errors.Join(wrong...)
	}
	cfg, err := config.LoadFile(c.ConfigFile, false, logger)
	if err != nil {
		return nil, err // it names the file and the line
	}
	if len(c.ExternalLabels) > 0 {
		cfg.GlobalConfig.ExternalLabels = addLabels(cfg.GlobalConfig.ExternalLabels, c.ExternalLabels)
	}
	return cfg, nil
}

func addLabels(to labels.Labels, more map[string]string) labels.Labels {
	b := labels.NewBuilder(to)
	for name, value := range more {
		b.Set(name, value)
	}
	return b.Labels()
}

// fromLists writes the lists as a configuration file and has Prometheus read it,
// which fills in its defaults. JSON is YAML.
func (c Config) fromLists(logger *slog.Logger) (*config.Config, error) {
	scrape := map[string]any{"job_name": job}
	var targets []staticConfig
	for _, e := range c.Exporters {
		t, err := exporterTarget(e, c.Hostname)
		if err != nil {
			return nil, fmt.Errorf("exporters: %w", err)
		}
		targets = append(targets, t)
	}
	if len(targets) > 0 {
		scrape["static_configs"] = targets
	}
	var managers, writes []any
	for _, a := range c.Alertmanagers {
		u, err := url.Parse(a)
		if err != nil {
			return nil, fmt.Errorf("alertmanagers: %w", err)
		}
		managers = append(managers, map[string]any{
			"scheme":         u.Scheme,
			"path_prefix":    path.Clean("/" + u.Path),
			"static_configs": []staticConfig{{Targets: []string{u.Host}}},
		})
	}
	for _, w := range c.RemoteWrites {
		writes = append(writes, map[string]any{"url": w})
	}
	text, err := json.Marshal(map[string]any{
		"global": map[string]any{
			"scrape_interval":     duration(c.ScrapeInterval),
			"evaluation_interval": duration(c.EvaluationInterval),
			"external_labels":     escaped(c.ExternalLabels),
		},
		"scrape_configs": []any{scrape},
		"alerting":       map[string]any{"alertmanagers": managers},
		"remote_write":   writes,
	})
	if err != nil {
		return nil, fmt.Errorf("writing the configuration: %w", err)
	}
	cfg, err := config.Load(string(text), logger)
	if err != nil {
		return nil, fmt.Errorf("loading the configuration: %w", err)
	}
	return cfg, nil
}

func duration(d time.Duration) string { return model.Duration(d).String() }

// escaped doubles dollar signs, for Prometheus expands variables of the
// environment in external labels.
func escaped(in map[string]string) map[string]string {
	out := make(map[string]string, len(in))
	for name, value := range in {
		out[name] = strings.ReplaceAll(value, "$", "$$")
	}
	return out
}

// sections are the parts of a Prometheus configuration that are used here. Of the
// others it is better to hear than to wonder.
func sections() []string {
	return []string{"global", "scrape_configs", "scrape_config_files", "alerting", "rule_files", "remote_write"}
}

// supported says which fields of a configuration file would be ignored here, with
// their lines.
func supported(text []byte) []error {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return []error{err}
	}
	if len(doc.Content) == 0 {
		return nil // empty: Prometheus takes it too
	}
	var wrong []error
	for key, value := range pairs(doc.Content[0]) {
		switch {
		case key.Value == "alerting":
			for k, v := range pairs(value) {
				if k.Value == "alertmanagers" {
					wrong = append(wrong, staticOnly(v)...)
				}
			}
		case key.Value == "scrape_configs":
			wrong = append(wrong, staticOnly(value)...)
		case !slices.Contains(sections(), key.Value):
			wrong = append(wrong, fmt.Errorf("line %d: %s is not supported here", key.Line, key.Value))
		}
	}
	return wrong
}

// staticOnly returns what is wrong with the service discovery of each element.
func staticOnly(list *yaml.Node) []error {
	var wrong []error
	for _, element := range list.Content {
		for key := range pairs(element) {
			if strings.HasSuffix(key.Value, "_sd_configs") {
				wrong = append(wrong, fmt.Errorf("line %d: %s is not supported here, only static_configs", key.Line, key.Value))
			}
		}
	}
	return wrong
}

// pairs iterates over the keys of a mapping; over nothing for any other node.
func pairs(n *yaml.Node) func(yield func(key, value *yaml.Node) bool) {
	return func(yield func(key, value *yaml.Node) bool) {
		if n.Kind != yaml.MappingNode {
			return
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if !yield(n.Content[i], n.Content[i+1]) {
				return
			}
		}
	}
}
