package engine

import (
	"fmt"
	"log/slog"
	"slices"

	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/promql/parser"
)

// plan is everything that was read from files, checked and ready to be applied.
type plan struct {
	prom          *config.Config
	rules         ruleSet
	targets       targetGroups
	alertmanagers targetGroups
	checks        thresholdChecks
}

// Validate reads all files that the configuration names and says what is wrong
// with them, with file and line. What changes nothing is no error: the logger says
// it. It opens no data directory and no connection.
func Validate(cfg Config, logger *slog.Logger) error {
	if err := cfg.Check(); err != nil {
		return err
	}
	p, err := newPlan(cfg, parser.NewParser(parser.Options{}), logger)
	if err != nil {
		return err
	}
	for _, v := range p.checks.voids {
		v.log(logger)
	}
	return nil
}

func newPlan(cfg Config, p parser.Parser, logger *slog.Logger) (*plan, error) {
	prom, err := cfg.prometheus(logger)
	if err != nil {
		return nil, err
	}
	if prom.ScrapeConfigs, err = prom.GetScrapeConfigs(); err != nil {
		return nil, fmt.Errorf("reading scrape_config_files: %w", err)
	}
	prom.ScrapeConfigFiles = nil // they are in the list now
	next := &plan{prom: prom}
	if next.targets, err = scrapeTargets(prom); err != nil {
		return nil, err
	}
	if next.alertmanagers, err = alertmanagerTargets(prom); err != nil {
		return nil, err
	}
	globs := slices.Concat(prom.RuleFiles, cfg.RuleFiles)
	if next.rules, err = newLoader(p, logger).ruleSet(cfg.Bundled, globs); err != nil {
		return nil, err
	}
	next.checks = newThresholdChecks(p, next.rules)
	next.rules.of = nil // only errors and warnings need the text of files
	if cfg.KeepAll {
		return next, nil
	}
	kept, err := keepList(p, next.rules.groups, cfg.KeepFor, cfg.Keep)
	if err != nil {
		return nil, err
	}
	drop, err := kept.relabeling()
	if err != nil {
		return nil, err
	}
	for _, sc := range prom.ScrapeConfigs {
		sc.MetricRelabelConfigs = append(sc.MetricRelabelConfigs, drop)
	}
	return next, nil
}
