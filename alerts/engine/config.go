package engine

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"time"

	"github.com/prometheus/common/model"
)

// Config is what a program chooses. DefaultConfig has what is usual.
type Config struct {
	Exporters     []string // URLs to scrape; one without a path means /metrics
	Alertmanagers []string // base URLs; none: alerts are only shown
	RemoteWrites  []string // URLs of remote write receivers
	// ConfigFile is a Prometheus configuration file. Its global, scrape_configs,
	// alerting, rule_files and remote_write replace the three lists above and the
	// two intervals.
	ConfigFile string
	RuleFiles  []string // globs of the user's rule files, besides those of ConfigFile
	Bundled    bool     // evaluate the bundled rules

	ScrapeInterval     time.Duration
	EvaluationInterval time.Duration

	ExternalURL    string            // where people reach this program; alerts link to it
	ExternalLabels map[string]string // added to every alert and every sample that is sent elsewhere
	Heartbeat      string            // URL that is fetched each minute, while all is well
	Keep           []string          // names or regular expressions of families to keep besides
	KeepFor        []string          // PromQL, for instance of dashboards, whose families are kept besides
	KeepAll        bool              // keep every family
	Hostname       string            // replaces a loopback address in the label instance
	Instance       string            // the label instance of what it says of itself, HOST:PORT; empty: Hostname

	DataDir       string
	Retention     time.Duration
	RetentionSize int64 // bytes of blocks; 0: no limit

	MaxSamples   int // that one query may hold in memory
	QueryTimeout time.Duration

	OutageTolerance time.Duration // the longest pause over which `for` is restored
	ForGracePeriod  time.Duration // rules with a shorter `for` begin anew after a restart
	ResendDelay     time.Duration // between two messages about an alert that still fires
}

// DefaultConfig returns what is usual: the bundled rules, no exporter, no
// Alertmanager and no data directory, which the program must name.
func DefaultConfig() Config {
	return Config{
		Bundled:            true,
		ScrapeInterval:     15 * time.Second,
		EvaluationInterval: 15 * time.Second,
		Retention:          24 * time.Hour,
		MaxSamples:         10_000_000,
		QueryTimeout:       30 * time.Second,
		OutageTolerance:    time.Hour,
		ResendDelay:        time.Minute,
	}
}

// Check says in one line what is wrong with the configuration, and in which
// field. It reads no file; Validate does.
func (c Config) Check() error {
	for _, check := range []func() error{c.checkURLs, c.checkFiles, c.checkTimes, c.checkLabels} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (c Config) checkURLs() error {
	lists := []struct {
		field string
		urls  []string
	}{
		{"exporters", c.Exporters},
		{"alertmanagers", c.Alertmanagers},
		{"remote writes", c.RemoteWrites},
		{"external URL", optional(c.ExternalURL)},
		{"heartbeat", optional(c.Heartbeat)},
	}
	for _, l := range lists {
		seen := map[string]bool{}
		for _, u := range l.urls {
			if err := checkURL(u); err != nil {
				return fmt.Errorf("%s: %w", l.field, err)
			}
			if seen[u] {
				return fmt.Errorf("%s: a URL of %s is given twice", l.field, hostOf(u))
			}
			seen[u] = true
		}
		if c.ConfigFile != "" && len(l.urls) > 0 && l.field != "external URL" && l.field != "heartbeat" {
			return fmt.Errorf("%s: the configuration file has them, give one or the other", l.field)
		}
	}
	return nil
}

func optional(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

// hostOf returns the part of a checked URL that is no secret.
func hostOf(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return ""
	}
	return u.Host
}

// checkURL gives nothing of a URL back but its host, for a path may be a secret.
func checkURL(s string) error {
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return errors.New("not a URL")
	case u.Scheme != "http" && u.Scheme != "https":
		return errors.New("it does not begin with http:// or https://")
	case u.Hostname() == "":
		return errors.New("it names no host")
	case u.User != nil:
		return fmt.Errorf("the URL of %s has a user or password, which whoever lists processes would see", u.Host)
	case u.Fragment != "":
		return fmt.Errorf("the URL of %s has a fragment", u.Host)
	}
	return nil
}

func (c Config) checkFiles() error {
	for _, g := range c.RuleFiles {
		if _, err := filepath.Match(g, ""); err != nil {
			return fmt.Errorf("rule files: %q: %w", g, err)
		}
	}
	if c.DataDir == "" {
		return errors.New("data directory: none is given")
	}
	if c.RetentionSize < 0 {
		return errors.New("retention size: less than nothing")
	}
	if c.MaxSamples <= 0 {
		return errors.New("max samples: a query needs some")
	}
	return nil
}

func (c Config) checkTimes() error {
	rows := []struct {
		field string
		d     time.Duration
		min   time.Duration
	}{
		{"scrape interval", c.ScrapeInterval, 100 * time.Millisecond},
		{"evaluation interval", c.EvaluationInterval, 100 * time.Millisecond},
		{"retention", c.Retention, time.Hour},
		{"query timeout", c.QueryTimeout, 100 * time.Millisecond},
		{"outage tolerance", c.OutageTolerance, 0},
		{"for grace period", c.ForGracePeriod, 0},
		{"resend delay", c.ResendDelay, 0},
	}
	for _, r := range rows {
		if r.d < r.min {
			return fmt.Errorf("%s: %s is less than %s", r.field, r.d, r.min)
		}
	}
	return nil
}

func (c Config) checkLabels() error {
	for name, value := range c.ExternalLabels {
		if !model.UTF8Validation.IsValidLabelName(name) || name == model.MetricNameLabel {
			return fmt.Errorf("external labels: %q is no label name", name)
		}
		if !model.LabelValue(value).IsValid() {
			return fmt.Errorf("external labels: the value of %s is not UTF-8", name)
		}
	}
	return nil
}
