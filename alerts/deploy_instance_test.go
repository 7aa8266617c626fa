package alerts_test

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/common/promslog"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/relabel"
)

// loadDeployed reads a configuration with that HOSTNAME in the environment, with the
// sections that are in comments.
func loadDeployed(t *testing.T, name, hostname string) *config.Config {
	t.Helper()
	t.Setenv("HOSTNAME", hostname)
	text := regexp.MustCompile(`(?m)^# (alerting:|  .*)$`).ReplaceAllString(readText(t, filepath.Join(prometheusDir, name)), "$1")
	c, err := config.Load(text, promslog.NewNopLogger())
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return c
}

// leaving returns labels as they leave the machine: external ones are added, unless it
// has them, and then they are relabelled.
func leaving(c *config.Config, rules []*relabel.Config, alert labels.Labels) (labels.Labels, bool) {
	b := labels.NewBuilder(alert)
	c.GlobalConfig.ExternalLabels.Range(func(l labels.Label) {
		if alert.Get(l.Name) == "" {
			b.Set(l.Name, l.Value)
		}
	})
	kept := relabel.ProcessBuilder(b, rules...)
	return b.Labels(), kept
}

// Who evaluates rules beside an exporter calls it as virt_alerter does by itself.
func TestDeployedAlertsNameTheMachine(t *testing.T) {
	for _, file := range []string{"prometheus.yml", "native-histograms.yml", "remote-write.yml"} {
		for _, test := range []struct{ hostname, instance, want string }{
			{"host1", "127.0.0.1:9971", "host1:9971"},
			{"host1", "127.0.0.1:9981", "host1:9981"}, // two targets on one address stay two
			{"host1.example.net", "localhost:9971", "host1.example.net:9971"},
			{"host1", "[::1]:9971", "host1:9971"},
			{"host1", "guest1:9971", "guest1:9971"}, // what has a name keeps it
			{"host1", "host1", "host1"},
			{"", "127.0.0.1:9971", "127.0.0.1:9971"},
			{"${HOSTNAME}", "127.0.0.1:9971", "127.0.0.1:9971"}, // nobody has put it in
		} {
			t.Run(file+" "+test.hostname+" "+test.instance, func(t *testing.T) {
				c := loadDeployed(t, file, test.hostname)
				if len(c.AlertingConfig.AlertmanagerConfigs) != 1 {
					t.Fatalf("%d Alertmanagers", len(c.AlertingConfig.AlertmanagerConfigs))
				}
				got, kept := leaving(c, c.AlertingConfig.AlertRelabelConfigs, labels.FromStrings("alertname", "A", "instance", test.instance))
				if !kept || got.Get("instance") != test.want || got.Has("virt_exporter_host") {
					t.Errorf("%v %v, want %s", kept, got, test.want)
				}
			})
		}
	}
}

// Whoever puts these parts into a file of their own has other alerts too.
func TestDeployedAlertsLeaveLabelsOfOthers(t *testing.T) {
	for _, file := range []string{"prometheus.yml", "native-histograms.yml", "remote-write.yml"} {
		c := loadDeployed(t, file, "host1")
		for _, alert := range []labels.Labels{
			labels.FromStrings("alertname", "DiskFull", "host", "db1"),
			labels.FromStrings("alertname", "DiskFull", "host", "db1", "instance", "db1:9100"),
		} {
			got, kept := leaving(c, c.AlertingConfig.AlertRelabelConfigs, alert)
			for name, value := range alert.Map() {
				if !kept || got.Get(name) != value {
					t.Errorf("%s: %v leaves as %v", file, alert, got)
				}
			}
		}
	}
}

// With the inhibit rules as they are, a machine that is down mutes what is its own.
func TestMachineThatIsDownMutesNoOther(t *testing.T) {
	down := labels.FromStrings("alertname", "VirtExporterDown", "severity", "critical", "job", "virt_exporter", "instance", "127.0.0.1:9971")
	hung := labels.FromStrings("alertname", "VirtShareHung", "severity", "critical", "job", "virt_exporter", "instance", "127.0.0.1:9971")
	for _, file := range []string{"prometheus.yml", "remote-write.yml"} {
		for _, test := range []struct {
			down, hung string // whose HOSTNAME
			muted      bool
		}{
			{"host1", "host1", true},
			{"host1", "host2", false},
			{"", "", false}, // perhaps of two machines
			{"${HOSTNAME}", "${HOSTNAME}", false},
			{"localhost", "localhost", false},
		} {
			t.Run(file+" "+test.down+" "+test.hung, func(t *testing.T) {
				from := func(hostname string, alert labels.Labels) map[string]string {
					c := loadDeployed(t, file, hostname)
					got, _ := leaving(c, c.AlertingConfig.AlertRelabelConfigs, alert)
					return got.Map()
				}
				source, target := from(test.down, down), from(test.hung, hung)
				muted := false
				for _, r := range inhibitRules(t) {
					muted = muted || r.mutes(t, source, target)
				}
				if muted != test.muted {
					t.Errorf("muted: %v, by %v of %v", muted, source, target)
				}
			})
		}
	}
}

// At the centre a machine's name is all that tells its series from those of others.
func TestDeployedAgentSendsUnderItsMachinesName(t *testing.T) {
	for _, test := range []struct{ hostname, instance, want string }{
		{"host1", "127.0.0.1:9971", "host1:9971"},
		{"host1", "127.0.0.1:9981", "host1:9981"},
		{"host1", "127.1.2.3:9971", "host1:9971"},
		{"host1", "[::1]:9971", "host1:9971"},
		{"host1", "guest1:9971", "guest1:9971"},
		{"localhost1", "127.0.0.1:9971", "localhost1:9971"},
		{"", "127.0.0.1:9971", ""},
		{"", "guest1:9971", ""},
		{"${HOSTNAME}", "127.0.0.1:9971", ""},
		{"%H", "127.0.0.1:9971", ""},
		{"localhost", "127.0.0.1:9971", ""},
		{"localhost.localdomain", "127.0.0.1:9971", ""},
	} {
		t.Run(test.hostname+" "+test.instance, func(t *testing.T) {
			c := loadDeployed(t, "remote-write.yml", test.hostname)
			to := c.RemoteWriteConfigs[0]
			if strings.HasPrefix(to.URL.Hostname(), "127.") {
				t.Errorf("it sends to %s, which is itself", to.URL)
			}
			if auth := to.HTTPClientConfig.BasicAuth; to.URL.Scheme != "https" || auth == nil || auth.PasswordFile == "" {
				t.Errorf("it sends to %s, where nobody asks who it is", to.URL)
			}
			got, kept := leaving(c, c.RemoteWriteConfigs[0].WriteRelabelConfigs, labels.FromStrings("__name__", "up", "instance", test.instance))
			if kept != (test.want != "") || kept && (got.Get("instance") != test.want || got.Has("virt_exporter_host")) {
				t.Errorf("%v %v, want %q", kept, got, test.want)
			}
		})
	}
}
