package main

import (
	"bytes"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/virt-exporter/virt_exporter/alerts/engine"
	"github.com/virt-exporter/virt_exporter/dashboards"
)

// defaults is the engine's configuration without flags.
func defaults(t *testing.T) engine.Config {
	t.Helper()
	cfg := engine.DefaultConfig()
	var err error
	if cfg.Hostname, err = os.Hostname(); err != nil {
		t.Fatal(err)
	}
	cfg.Exporters = []string{"http://127.0.0.1:9971/metrics"}
	cfg.Instance = cfg.Hostname + ":9972"
	cfg.ExternalURL = "http://" + cfg.Instance
	cfg.DataDir = "virt_alerter-data"
	cfg.KeepFor = dashboards.Expressions()
	return cfg
}

func TestFlagsFillTheConfig(t *testing.T) {
	t.Setenv("STATE_DIRECTORY", "")
	tests := []struct {
		name   string
		args   []string
		change func(*engine.Config)
	}{
		{"none: the defaults", nil, func(*engine.Config) {}},
		{"exporters", []string{"--exporter=http://a:1/m", "--exporter=http://b:1"}, func(c *engine.Config) {
			c.Exporters = []string{"http://a:1/m", "http://b:1"}
		}},
		{"where to send", []string{"--alertmanager=http://a", "--alertmanager=http://b", "--remote-write=http://c/write"}, func(c *engine.Config) {
			c.Alertmanagers = []string{"http://a", "http://b"}
			c.RemoteWrites = []string{"http://c/write"}
		}},
		{"rules", []string{"--rules=/etc/*.yml", "--rules=x.yml", "--no-rules.bundled"}, func(c *engine.Config) {
			c.RuleFiles, c.Bundled = []string{"/etc/*.yml", "x.yml"}, false
		}},
		{"a configuration file has the exporters", []string{"--config.file=p.yml"}, func(c *engine.Config) {
			c.ConfigFile, c.Exporters = "p.yml", nil
		}},
		{"storage", []string{"--storage.path=/d", "--storage.retention=2d", "--storage.max-size=512MB"}, func(c *engine.Config) {
			c.DataDir, c.Retention, c.RetentionSize = "/d", 48*time.Hour, 512<<20
		}},
		{"intervals", []string{"--scrape.interval=5s", "--evaluation.interval=1m"}, func(c *engine.Config) {
			c.ScrapeInterval, c.EvaluationInterval = 5*time.Second, time.Minute
		}},
		{"families to keep", []string{"--scrape.keep=go_.*", "--scrape.keep=x", "--scrape.keep-all"}, func(c *engine.Config) {
			c.Keep, c.KeepAll = []string{"go_.*", "x"}, true
		}},
		{"the world outside", []string{"--heartbeat.url=https://h/x", "--external.url=https://e/x", "--external.label=site=a=b", "--external.label=rack="}, func(c *engine.Config) {
			c.Heartbeat, c.ExternalURL = "https://h/x", "https://e/x"
			c.ExternalLabels = map[string]string{"site": "a=b", "rack": ""}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			opts, err := parseFlags(tt.args, &bytes.Buffer{})
			if err != nil {
				t.Fatal(err)
			}
			want := defaults(t)
			tt.change(&want)
			if diff := cmp.Diff(want, opts.engine); diff != "" {
				t.Errorf("config (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDefaultsPassTheCheck(t *testing.T) {
	opts, err := parseFlags(nil, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	if err := opts.check(); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{":9972"}, *opts.service.Web.WebListenAddresses); diff != "" {
		t.Errorf("addresses (-want +got):\n%s", diff)
	}
}

func TestDataDirectoryIsThatOfTheService(t *testing.T) {
	for state, want := range map[string]string{
		"":                    "virt_alerter-data",
		"/var/lib/a":          "/var/lib/a",
		"/var/lib/a:/var/lib": "/var/lib/a",
	} {
		t.Setenv("STATE_DIRECTORY", state)
		opts, err := parseFlags(nil, &bytes.Buffer{})
		if err != nil {
			t.Fatal(err)
		}
		if opts.engine.DataDir != want {
			t.Errorf("%q: got %q, want %q", state, opts.engine.DataDir, want)
		}
	}
	opts, err := parseFlags([]string{"--storage.path=x"}, &bytes.Buffer{})
	if err != nil || opts.engine.DataDir != "x" {
		t.Errorf("the flag does not win: %v", err)
	}
}

// Whoever lists processes sees their arguments, but not their environment.
func TestHeartbeatComesFromTheEnvironment(t *testing.T) {
	t.Setenv("VIRT_HEARTBEAT_URL", "https://h/secret")
	opts, err := parseFlags(nil, &bytes.Buffer{})
	if err != nil || opts.engine.Heartbeat != "https://h/secret" {
		t.Errorf("got %q, %v", opts.engine.Heartbeat, err)
	}
}

func TestOwnURLHasThePort(t *testing.T) {
	for _, tt := range []struct {
		host   string
		listen []string
		want   string
	}{
		{"box", []string{":9972"}, "http://box:9972"},
		{"box", []string{"127.0.0.1:80", ":9972"}, "http://box:80"},
		{"box", []string{"[::1]:81"}, "http://box:81"},
		{"box", []string{"vsock://:9972", ":82"}, "http://box:82"},
		{"box", []string{"nonsense"}, "http://box"},
		{"", []string{":83"}, "http://localhost:83"},
	} {
		if got := ownURL(tt.host, tt.listen); got != tt.want {
			t.Errorf("%v: got %s, want %s", tt.listen, got, tt.want)
		}
	}
}
