package engine

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestCheckNamesTheField(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Config)
		want   string // empty: all is well
	}{
		{"usual", func(*Config) {}, ""},
		{"no exporter", func(c *Config) { c.Exporters = nil }, ""},
		{"scheme", func(c *Config) { c.Exporters = []string{"localhost:9971"} }, "exporters: it does not begin with http"},
		{"scheme of a secret", func(c *Config) { c.Heartbeat = "hc-ping.com/secret" }, "heartbeat: it does not begin with http"},
		{"host of a secret", func(c *Config) { c.Heartbeat = "http:///secret" }, "heartbeat: it names no host"},
		{"secret twice", func(c *Config) { c.RemoteWrites = []string{"http://a/secret", "http://a/secret"} }, "remote writes: a URL of a is given twice"},
		{"no host", func(c *Config) { c.Alertmanagers = []string{"http:///x"} }, "alertmanagers: "},
		{"password", func(c *Config) { c.RemoteWrites = []string{"https://u:secret@mimir/push"} }, "remote writes: the URL of mimir has a user or password"},
		{"unreadable", func(c *Config) { c.Heartbeat = "http://h/\x7fsecret" }, "heartbeat: not a URL"},
		{"twice", func(c *Config) { c.Exporters = []string{"http://a/m", "http://a/m"} }, "exporters: a URL of a is given twice"},
		{"two sources", func(c *Config) { c.ConfigFile = "x.yml" }, "exporters: the configuration file has them"},
		{"glob", func(c *Config) { c.RuleFiles = []string{"[a"} }, `rule files: "[a"`},
		{"no directory", func(c *Config) { c.DataDir = "" }, "data directory"},
		{"size", func(c *Config) { c.RetentionSize = -1 }, "retention size"},
		{"samples", func(c *Config) { c.MaxSamples = 0 }, "max samples"},
		{"interval", func(c *Config) { c.ScrapeInterval = 0 }, "scrape interval: 0s is less than 100ms"},
		{"timeout", func(c *Config) { c.QueryTimeout = 0 }, "query timeout"},
		{"retention", func(c *Config) { c.Retention = time.Minute }, "retention: 1m0s is less than 1h0m0s"},
		{"label", func(c *Config) { c.ExternalLabels = map[string]string{"": "a"} }, `external labels: ""`},
		{"value", func(c *Config) { c.ExternalLabels = map[string]string{"a": "\xff"} }, "external labels: the value of a"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := testConfig(t)
			c.Exporters = []string{"http://127.0.0.1:9971/metrics"}
			tt.change(&c)
			err := c.Check()
			if (err == nil) != (tt.want == "") || err != nil && !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if err != nil && (strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "\n")) {
				t.Errorf("bad message: %v", err)
			}
		})
	}
}

func TestConfigFileNamesTheLine(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"empty", "", ""},
		{"static", "scrape_configs: [{job_name: a, static_configs: [{targets: ['a:1']}]}]", ""},
		{"discovery", "scrape_configs:\n- job_name: a\n  kubernetes_sd_configs: []", "line 3: kubernetes_sd_configs is not supported here"},
		{"alertmanagers", "alerting:\n  alertmanagers:\n  - consul_sd_configs: []", "line 3: consul_sd_configs is not supported here"},
		{"remote read", "global: {}\nremote_read:\n- url: http://a", "line 2: remote_read is not supported here"},
		{"second of two", "remote_read: []\ntracing: {}", "c.yml: line 2: tracing is not supported here"},
		{"unknown", "globel: {}", "line 1: globel is not supported here"},
		{"field", "global:\n  scrape_intervall: 1s", "line 2: field scrape_intervall not found"},
		{"type", "global: 1", "line 1: "},
		{"YAML", "global: [", "line 1: "},
		{"list", "- a\n", ": "},
		{"two jobs", "scrape_configs: [{job_name: a}, {job_name: a}]", `job name "a"`},
		{"missing rule file", "rule_files: [none.yml]", "none.yml"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := testConfig(t)
			c.ConfigFile = filepath.Join(t.TempDir(), "c.yml")
			write(t, c.ConfigFile, tt.text)
			err := Validate(c, quiet())
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if tt.name != "missing rule file" && err != nil && !strings.Contains(err.Error(), c.ConfigFile) {
				t.Errorf("the file is not named: %v", err)
			}
		})
	}
}

func TestExporterTarget(t *testing.T) {
	tests := []struct{ url, address, instance, path string }{
		{"http://127.0.0.1:9971/metrics", "127.0.0.1:9971", "host1:9971", "/metrics"},
		{"http://localhost:9971", "localhost:9971", "host1:9971", "/metrics"},
		{"http://[::1]:9971/x", "[::1]:9971", "host1:9971", "/x"},
		{"http://[fd00::1]/", "[fd00::1]:80", "[fd00::1]:80", "/metrics"},
		{"https://hyp2/a/b", "hyp2:443", "hyp2:443", "/a/b"},
	}
	for _, tt := range tests {
		got, err := exporterTarget(tt.url, "host1")
		if err != nil {
			t.Errorf("%s: %v", tt.url, err)
			continue
		}
		if got.Targets[0] != tt.address || got.Labels["instance"] != tt.instance || got.Labels["__metrics_path__"] != tt.path {
			t.Errorf("%s: got %v", tt.url, got)
		}
	}
}
