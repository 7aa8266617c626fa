package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/exporter-toolkit/web"
)

// TestBadInputIsOneLine runs the program with what it cannot work with. DIR in
// an argument and in the expected line is the test's directory.
func TestBadInputIsOneLine(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, dir, "file", "")
	writeFile(t, dir, "field.yml", "nope: 1\n")

	tests := []struct{ name, arg, want string }{ // of several arguments, a space between
		{"unknown flag", "--x", "unknown long flag '--x', try --help"},
		{"argument", "serve", "unexpected serve, try --help"},
		{"log level", "--log.level=loud", "--log.level=loud: enum value must be one of debug,info,warn,error, got 'loud', try --help"},
		{"duration", "--scrape.interval=soon", `--scrape.interval=soon: not a valid duration string: "soon", try --help`},
		{"size", "--storage.max-size=many", `--storage.max-size=many: units: invalid many, try --help`},
		{"exporter", "--exporter=box:9971", `--exporter: it does not begin with http:// or https://`},
		{"alertmanager", "--alertmanager=ftp://x", `--alertmanager: it does not begin with http:// or https://`},
		{"remote write", "--remote-write=http://", "--remote-write: it names no host"},
		{"password", "--exporter=http://u:secret@h/", "--exporter: the URL of h has a user or password, which whoever lists processes would see"},
		{"rules", "--rules=[", `--rules: "[": syntax error in pattern`},
		{"heartbeat", "--heartbeat.url=x", `--heartbeat.url: it does not begin with http:// or https://`},
		{"external URL", "--external.url=x", `--external.url: it does not begin with http:// or https://`},
		{"external label without a value", "--external.label=x", "--external.label=x: want NAME=VALUE, try --help"},
		{"external label", "--external.label=__name__=x", `--external.label: "__name__" is no label name`},
		{"retention", "--storage.retention=1s", "--storage.retention: 1s is less than 1h0m0s"},
		{"scrape interval", "--scrape.interval=1ms", "--scrape.interval: 1ms is less than 100ms"},
		{"evaluation interval", "--evaluation.interval=1ms", "--evaluation.interval: 1ms is less than 100ms"},
		{"no data directory", "--storage.path=", "--storage.path: none is given"},
		{"exporter beside a file", "--config.file=p.yml --exporter=http://a", "--exporter: scrape_configs of --config.file=p.yml takes its place, set it there"},
		{"bad exporter beside a file", "--config.file=p.yml --exporter=a", "--exporter: scrape_configs of --config.file=p.yml takes its place, set it there"},
		{"Alertmanager beside a file", "--config.file=p.yml --alertmanager=http://a", "--alertmanager: alerting.alertmanagers of --config.file=p.yml takes its place, set it there"},
		{"remote write beside a file", "--config.file=p.yml --remote-write=http://a", "--remote-write: remote_write of --config.file=p.yml takes its place, set it there"},
		{"scrape interval beside a file", "--scrape.interval=5s --config.file=p.yml", "--scrape.interval: global.scrape_interval of --config.file=p.yml takes its place, set it there"},
		{"the usual scrape interval beside a file", "--config.file=p.yml --scrape.interval=15s", "--scrape.interval: global.scrape_interval of --config.file=p.yml takes its place, set it there"},
		{"evaluation interval beside a file", "--config.file=p.yml --evaluation.interval=5s", "--evaluation.interval: global.evaluation_interval of --config.file=p.yml takes its place, set it there"},
		{"web config missing", "--web.config.file=DIR/nope.yml", "--web.config.file=DIR/nope.yml: open DIR/nope.yml: no such file or directory"},
		{"web config with unknown fields", "--web.config.file=DIR/field.yml", "--web.config.file=DIR/field.yml: yaml: unmarshal errors: line 1: field nope not found in type web.Config"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			args := strings.Fields(strings.ReplaceAll(tt.arg, "DIR", dir))
			want := "virt_alerter: error: " + strings.ReplaceAll(tt.want, "DIR", dir) + "\n"
			code := run(t.Context(), args, &stdout, &stderr, noListener)
			if code != 64 {
				t.Errorf("exit code %d, want 64", code)
			}
			if got := stderr.String(); got != want {
				t.Errorf("stderr:\n got: %swant: %s", got, want)
			}
			if stdout.Len() != 0 {
				t.Errorf("stdout: %s", stdout.String())
			}
		})
	}
}

// What is found only when files are read is one line as well.
func TestBadFilesAreOneLine(t *testing.T) {
	dir := t.TempDir()
	bad := writeFile(t, dir, "bad.yml", "groups:\n  - name: a\n    rules:\n      - alert: A\n        expr: sum(\n")
	file := writeFile(t, dir, "file", "")
	tests := []struct {
		name string
		args []string
		has  []string
	}{
		{"rules", []string{"--rules=" + bad}, []string{bad, "unclosed left parenthesis"}},
		{"missing rules", []string{"--rules=" + dir + "/nope.yml"}, []string{dir + "/nope.yml"}},
		{"missing configuration", []string{"--config.file=" + dir + "/nope.yml"}, []string{dir + "/nope.yml"}},
		{"family to keep", []string{"--scrape.keep=("}, []string{"--scrape.keep: ", "missing closing )"}},
		{"data directory a file", []string{"--storage.path=" + file}, []string{"--storage.path: making it: ", file}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var stderr bytes.Buffer
			args := append([]string{"--log.level=error"}, tt.args...)
			if !slices.ContainsFunc(args, isDataDir) {
				args = append(args, "--storage.path="+t.TempDir())
			}
			if code := run(t.Context(), args, &stderr, &stderr, noListener); code != 1 {
				t.Errorf("exit code %d", code)
			}
			for _, want := range tt.has {
				if !strings.Contains(stderr.String(), want) {
					t.Errorf("no %q in: %s", want, stderr.String())
				}
			}
			if strings.Count(stderr.String(), "\n") != 1 {
				t.Errorf("more than a line: %s", stderr.String())
			}
		})
	}
}

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	good := writeFile(t, dir, "good.yml", strings.ReplaceAll(ownRule, "NAME", "Own"))
	bad := writeFile(t, dir, "bad.yml", "groups:\n  - name: a\n    rules:\n      - alert: A\n        expr: sum(\n")
	worse := writeFile(t, dir, "worse.yml", "groups:\n  - name: a\n    rulez: []\n")
	sections := writeFile(t, dir, "sections.yml", "remote_read: []\ntracing: {}\n")
	misspelt := writeFile(t, dir, "misspelt.yml", "groups:\n  - name: a\n    rules:\n      - record: virt:alert_threshold:override\n        labels: {alert: VirtMisspelt, severity: warning}\n        expr: vector(1)\n")
	beside := writeFile(t, dir, "beside.yml", "global: {scrape_interval: 5s}\n")
	for _, tt := range []struct {
		name string
		args []string
		code int
		has  []string
	}{
		{"an override changes nothing", []string{"--rules=" + misspelt}, 0, []string{
			"level=warn ", `msg="An override changes no threshold" file=` + misspelt, "line=4", "no alert has this name", "the configuration and all rules are well",
		}},
		{"what a configuration file leaves alone", []string{"--config.file=" + beside, "--rules=" + good, "--scrape.keep=a", "--storage.retention=2d", "--external.label=a=b"}, 0, []string{"are well"}},
		{"well", []string{"--rules=" + good}, 0, []string{"the configuration and all rules are well"}},
		{"both files are wrong", []string{"--rules=" + bad, "--rules=" + worse}, 1, []string{
			"virt_alerter: error: " + bad + ":", "unclosed left parenthesis", "virt_alerter: error: " + worse + ":", "line 3",
		}},
		{"a flag's value is wrong", []string{"--scrape.keep=("}, 1, []string{"virt_alerter: error: --scrape.keep: "}},
		{"two sections are not supported", []string{"--config.file=" + sections}, 1, []string{sections + ": line 1: ", sections + ": line 2: "}},
		{"a flag is wrong", []string{"--exporter=x"}, 64, []string{"--exporter"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			args := append([]string{"--check", "--storage.path=" + dir + "/never"}, tt.args...)
			if code := run(t.Context(), args, &out, &out, noListener); code != tt.code {
				t.Errorf("exit code %d, want %d", code, tt.code)
			}
			for _, want := range tt.has {
				if !strings.Contains(out.String(), want) {
					t.Errorf("no %q in:\n%s", want, out.String())
				}
			}
		})
	}
}

// A listener that cannot be opened is found when the engine runs already: it
// ends with it.
func TestListenerThatCannotBeOpenedNamesTheFlag(t *testing.T) {
	tests := []struct{ name, arg, want string }{
		{"no port", "--web.listen-address=localhost", "--web.listen-address: listen tcp: address localhost: missing port in address"},
		{"no such port", "--web.listen-address=127.0.0.1:99999", "--web.listen-address: listen tcp: address 99999: invalid port"},
		{"no systemd", "--web.systemd-socket", "--web.systemd-socket: no socket activation file descriptors found"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			args := []string{tt.arg, "--log.level=error", "--exporter=http://127.0.0.1:1", "--storage.path=" + t.TempDir()}
			code := run(t.Context(), args, &stdout, &stderr, web.ListenAndServe)
			want := "virt_alerter: error: " + tt.want + "\n"
			if code != 1 || stderr.String() != want {
				t.Errorf("exit code %d, stderr:\n got: %swant: %s", code, stderr.String(), want)
			}
		})
	}
}
