package manifests

import (
	"encoding/json"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery/dns"
	"github.com/prometheus/prometheus/discovery/kubernetes"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/relabel"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	selectors "k8s.io/apimachinery/pkg/labels"
)

// What virt_alerter calls the exporter of this node, and so what Prometheus has to: then
// Alertmanager makes one alert of the two's.
func wantTargets() map[string]map[string]string {
	return map[string]map[string]string{
		"exporter": {"job": "virt_exporter", "instance": "node-a:9971"},
		"alerter":  {"job": "virt_alerter", "instance": "node-a:9972"},
	}
}

// discovered returns the labels by which Prometheus finds a port of the pod.
func discovered(port corev1.ContainerPort, container string) map[string]string {
	number := map[string]string{"exporter": "9971", "alerter": "9972"}[port.Name]
	return map[string]string{
		"__address__":                                    "192.0.2.7:" + number,
		"__meta_kubernetes_namespace":                    "virt-exporter",
		"__meta_kubernetes_pod_name":                     "virt-exporter-x7k2p",
		"__meta_kubernetes_pod_node_name":                nodeName,
		"__meta_kubernetes_pod_container_name":           container,
		"__meta_kubernetes_pod_container_port_name":      port.Name,
		"__meta_kubernetes_pod_container_port_number":    number,
		"__meta_kubernetes_pod_label_controller_hash":    "6d5f7",
		"__meta_kubernetes_service_name":                 "virt-exporter",
		"__meta_kubernetes_endpointslice_port_name":      port.Name,
		"__meta_kubernetes_pod_container_port_protocol":  "TCP",
		"__meta_kubernetes_endpointslice_endpoint_ready": "true",
	}
}

// relabelled returns what is left of labels, and whether the target is kept.
func relabelled(of map[string]string, configs []*relabel.Config) (map[string]string, bool) {
	b := labels.NewBuilder(labels.FromMap(of))
	keep := relabel.ProcessBuilder(b, configs...)
	b.Range(func(l labels.Label) {
		if strings.HasPrefix(l.Name, "__") {
			b.Del(l.Name)
		}
	})
	return b.Labels().Map(), keep
}

func load(t *testing.T, text string) *config.Config {
	t.Helper()
	c, err := config.Load(text, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestPrometheusFindsEachPortOnce(t *testing.T) {
	c := load(t, string(read(t, filepath.Join(dir, "prometheus.yml"))))
	podLabels := selectors.Set(only[*appsv1.DaemonSet](t, "daemonset.yaml").Spec.Template.Labels)
	found := map[string]map[string]string{}
	for _, scrape := range c.ScrapeConfigs {
		for _, d := range scrape.ServiceDiscoveryConfigs {
			sd, ok := d.(*kubernetes.SDConfig)
			if !ok || sd.Role != kubernetes.RolePod || !slices.Equal(sd.NamespaceDiscovery.Names, []string{"virt-exporter"}) {
				t.Fatalf("%s looks for targets by %+v", scrape.JobName, d)
			}
			if s, err := selectors.Parse(sd.Selectors[0].Label); err != nil || !s.Matches(podLabels) {
				t.Errorf("%s does not find the pods: %v", scrape.JobName, err)
			}
		}
		for _, c := range pod(t).Containers {
			if got, keep := relabelled(discovered(c.Ports[0], c.Name), scrape.RelabelConfigs); keep {
				if _, twice := found[c.Ports[0].Name]; twice {
					t.Errorf("%s is scraped by two jobs", c.Ports[0].Name)
				}
				got["job"] = scrape.JobName
				found[c.Ports[0].Name] = got
			}
		}
	}
	if diff := cmp.Diff(wantTargets(), found); diff != "" {
		t.Errorf("targets (- want):\n%s", diff)
	}
}

// Each Alertmanager has to be told everything: by its own address, which a headless
// Service gives, and not by that of a Service, which chooses one.
func TestPrometheusTellsEachAlertmanager(t *testing.T) {
	managers := load(t, string(read(t, filepath.Join(dir, "prometheus.yml")))).AlertingConfig.AlertmanagerConfigs
	if len(managers) != 1 || len(managers[0].ServiceDiscoveryConfigs) != 1 {
		t.Fatalf("Alertmanagers: %v", managers)
	}
	d, ok := managers[0].ServiceDiscoveryConfigs[0].(*dns.SDConfig)
	if !ok || d.Type != "A" || d.Port != 9093 || !slices.Equal(d.Names, []string{"alertmanager-headless.monitoring.svc"}) {
		t.Errorf("they are looked for by %+v", managers[0].ServiceDiscoveryConfigs[0])
	}
}

func TestServiceMonitorFindsEachPortOnce(t *testing.T) {
	monitor := only[*monitoring.ServiceMonitor](t, "operator/servicemonitor.yaml")
	service := only[*corev1.Service](t, "service.yaml")
	if !selectors.SelectorFromSet(monitor.Spec.Selector.MatchLabels).Matches(selectors.Set(service.Labels)) || monitor.Namespace != service.Namespace {
		t.Error("the monitor does not find the service")
	}
	found := map[string]map[string]string{}
	for _, endpoint := range monitor.Spec.Endpoints {
		if !slices.ContainsFunc(service.Spec.Ports, func(p corev1.ServicePort) bool { return p.Name == endpoint.Port }) {
			t.Errorf("the service has no port %s", endpoint.Port)
		}
		for _, c := range pod(t).Containers {
			port := c.Ports[0]
			if port.Name != endpoint.Port {
				continue // the operator looks for the name
			}
			target := discovered(port, c.Name)
			// The operator's own, which come first.
			for name, value := range map[string]string{
				"namespace": "virt-exporter", "service": "virt-exporter", "pod": "virt-exporter-x7k2p", "container": c.Name,
				"job": "virt-exporter", "endpoint": port.Name,
			} {
				target[name] = value
			}
			found[port.Name], _ = relabelled(target, ofOperator(t, endpoint.RelabelConfigs))
		}
	}
	if diff := cmp.Diff(wantTargets(), found); diff != "" {
		t.Errorf("targets (- want):\n%s", diff)
	}
}

// ofOperator returns what Prometheus is told by the operator.
func ofOperator(t *testing.T, configs []monitoring.RelabelConfig) []*relabel.Config {
	t.Helper()
	var all []map[string]any
	for _, c := range configs {
		one := map[string]any{}
		for name, value := range map[string]string{"target_label": c.TargetLabel, "regex": c.Regex, "action": strings.ToLower(c.Action)} {
			if value != "" {
				one[name] = value
			}
		}
		if len(c.SourceLabels) > 0 {
			one["source_labels"] = c.SourceLabels
		}
		for name, value := range map[string]*string{"separator": c.Separator, "replacement": c.Replacement} {
			if value != nil {
				one[name] = *value
			}
		}
		all = append(all, one)
	}
	// JSON is YAML.
	text, err := json.Marshal(map[string]any{"scrape_configs": []any{map[string]any{"job_name": "x", "relabel_configs": all}}})
	if err != nil {
		t.Fatal(err)
	}
	return load(t, string(text)).ScrapeConfigs[0].RelabelConfigs
}
