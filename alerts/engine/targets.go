package engine

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"

	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery"
	"github.com/prometheus/prometheus/discovery/targetgroup"
)

// job is the label of what is scraped from the list of exporters.
const job = "virt_exporter"

// targetGroups are the targets of each job, in the form in which Prometheus'
// managers take them from service discovery.
type targetGroups = map[string][]*targetgroup.Group

// staticTargets returns the targets of a job. Only static ones can be there:
// no other kind of service discovery is linked.
func staticTargets(configs discovery.Configs) ([]*targetgroup.Group, error) {
	var groups []*targetgroup.Group
	for _, c := range configs {
		static, ok := c.(discovery.StaticConfig)
		if !ok {
			return nil, fmt.Errorf("%s_sd_configs are not supported, only static_configs", c.Name())
		}
		groups = append(groups, static...)
	}
	return groups, nil
}

func scrapeTargets(cfg *config.Config) (targetGroups, error) {
	jobs, err := cfg.GetScrapeConfigs()
	if err != nil {
		return nil, err
	}
	all := targetGroups{}
	for _, j := range jobs {
		if all[j.JobName], err = staticTargets(j.ServiceDiscoveryConfigs); err != nil {
			return nil, fmt.Errorf("job %s: %w", j.JobName, err)
		}
	}
	return all, nil
}

func alertmanagerTargets(cfg *config.Config) (targetGroups, error) {
	all := targetGroups{}
	for key, am := range cfg.AlertingConfig.AlertmanagerConfigs.ToMap() {
		groups, err := staticTargets(am.ServiceDiscoveryConfigs)
		if err != nil {
			return nil, fmt.Errorf("alerting: %w", err)
		}
		all[key] = groups
	}
	return all, nil
}

// staticConfig is a target and its labels, as a configuration file has them.
type staticConfig struct {
	Targets []string          `json:"targets"`
	Labels  map[string]string `json:"labels,omitempty"`
}

// exporterTarget turns the URL of an exporter into a target.
func exporterTarget(raw, hostname string) (staticConfig, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return staticConfig{}, err
	}
	labels := map[string]string{
		"__scheme__":       u.Scheme,
		"__metrics_path__": u.Path,
		"instance":         instance(u, hostname),
	}
	if u.Path == "" || u.Path == "/" {
		labels["__metrics_path__"] = "/metrics"
	}
	for name, values := range u.Query() {
		labels["__param_"+name] = values[0]
	}
	return staticConfig{Targets: []string{hostPort(u, u.Hostname())}, Labels: labels}, nil
}

// instance is how people know a target. That of a loopback address says nothing
// to those who read a page, so it is the name of this host.
func instance(u *url.URL, hostname string) string {
	host := u.Hostname()
	if hostname != "" && loopback(host) {
		host = hostname
	}
	return hostPort(u, host)
}

func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

func hostPort(u *url.URL, host string) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(host, port)
}
