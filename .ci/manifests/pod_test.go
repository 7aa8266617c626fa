package manifests

import (
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

const (
	exporter = "virt-exporter"
	alerter  = "virt-alerter"
)

func pod(t *testing.T) corev1.PodSpec {
	t.Helper()
	return only[*appsv1.DaemonSet](t, "daemonset.yaml").Spec.Template.Spec
}

func container(t *testing.T, name string) corev1.Container {
	t.Helper()
	all := pod(t).Containers
	i := slices.IndexFunc(all, func(c corev1.Container) bool { return c.Name == name })
	if i < 0 {
		t.Fatalf("the pod has no container %s", name)
	}
	return all[i]
}

func TestEachMountHasAVolume(t *testing.T) {
	volumes := map[string]bool{}
	for _, v := range pod(t).Volumes {
		volumes[v.Name] = false
	}
	for _, c := range pod(t).Containers {
		for _, m := range c.VolumeMounts {
			if _, ok := volumes[m.Name]; !ok {
				t.Errorf("%s mounts %s, which is no volume", c.Name, m.Name)
			}
			volumes[m.Name] = true
		}
	}
	for name, used := range volumes {
		if !used {
			t.Errorf("nobody mounts the volume %s", name)
		}
	}
}

// The exporter reads, and nobody else has anything of the node.
func TestMountsOfTheNode(t *testing.T) {
	hostPaths := map[string]*corev1.HostPathVolumeSource{}
	for _, v := range pod(t).Volumes {
		if v.HostPath != nil {
			hostPaths[v.Name] = v.HostPath
		}
	}
	for _, c := range pod(t).Containers {
		for _, m := range c.VolumeMounts {
			host, ok := hostPaths[m.Name]
			if !ok {
				continue
			}
			if c.Name != exporter {
				t.Errorf("%s has %s of the node", c.Name, host.Path)
			}
			if want := path.Join("/host", host.Path); m.MountPath != want {
				t.Errorf("%s is at %s, want %s: where the exporter looks", host.Path, m.MountPath, want)
			}
			if !m.ReadOnly || m.RecursiveReadOnly == nil || *m.RecursiveReadOnly != corev1.RecursiveReadOnlyIfPossible || m.MountPropagation != nil {
				t.Errorf("%s is not read-only with what is below", host.Path)
			}
			if host.Type == nil || *host.Type != corev1.HostPathDirectory && *host.Type != corev1.HostPathDirectoryOrCreate {
				t.Errorf("%s is not asked to be a directory", host.Path)
			}
		}
	}
}

// A socket of an engine is as good as root on the node, read-only or not.
func TestNoSocketOfAnEngineIsMounted(t *testing.T) {
	for _, v := range pod(t).Volumes {
		if v.HostPath == nil {
			continue
		}
		for _, socket := range []string{
			"/run/containerd/containerd.sock", "/run/crio/crio.sock", "/run/docker.sock", "/var/run/docker.sock",
			"/run/k3s/containerd/containerd.sock", "/run/containerd/s/shim", "/run/dbus/system_bus_socket", "/run/systemd/private",
			"/var/lib/kubelet/pod-resources/kubelet.sock", "/run/libvirt/libvirt-sock",
		} {
			if under(socket, v.HostPath.Path) {
				t.Errorf("%s is below the volume %s, %s", socket, v.Name, v.HostPath.Path)
			}
		}
	}
}

func under(file, dir string) bool {
	return dir == "/" || file == dir || strings.HasPrefix(file, strings.TrimSuffix(dir, "/")+"/")
}

func TestContainersAreConfined(t *testing.T) {
	spec := pod(t)
	if spec.AutomountServiceAccountToken == nil || *spec.AutomountServiceAccountToken {
		t.Error("the pod has a token of the API server, which nobody in it needs")
	}
	account := only[*corev1.ServiceAccount](t, "namespace.yaml")
	if account.Name != spec.ServiceAccountName || account.Namespace != "virt-exporter" || account.AutomountServiceAccountToken == nil || *account.AutomountServiceAccountToken {
		t.Errorf("the pod's service account %s is not the one without a token: %v", spec.ServiceAccountName, account)
	}
	if s := spec.SecurityContext; s == nil || s.SeccompProfile == nil || s.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
		t.Error("the pod has no seccomp profile")
	}
	for _, c := range spec.Containers {
		s := c.SecurityContext
		if s == nil || s.Capabilities == nil {
			t.Fatalf("%s has no security context", c.Name)
		}
		if s.Privileged != nil && *s.Privileged {
			t.Errorf("%s is privileged", c.Name)
		}
		if !is(s.ReadOnlyRootFilesystem, true) || !is(s.AllowPrivilegeEscalation, false) {
			t.Errorf("%s may write its root or get more rights", c.Name)
		}
		if diff := cmp.Diff([]corev1.Capability{"ALL"}, s.Capabilities.Drop); diff != "" {
			t.Errorf("%s does not drop all capabilities:\n%s", c.Name, diff)
		}
	}
	// What it grants is compared with the unit's by the exporter's own tests.
	if c := container(t, exporter).SecurityContext.Capabilities; slices.Contains(c.Add, "SYS_ADMIN") || slices.Contains(c.Add, "ALL") {
		t.Errorf("the exporter is given %v", c.Add)
	}
	s := container(t, alerter).SecurityContext
	if len(s.Capabilities.Add) != 0 || !is(s.RunAsNonRoot, true) || s.RunAsUser == nil || *s.RunAsUser == 0 {
		t.Error("the alerter has rights that it does not need")
	}
}

func is(b *bool, want bool) bool { return b != nil && *b == want }

// A node keeps what it once had of a tag: one that is given to another image would leave
// nodes with different programs. What is shipped names no image that can be had, so that
// nobody forgets to choose.
func TestImagesAreOfAVersion(t *testing.T) {
	for _, c := range pod(t).Containers {
		want := "registry.example.com/" + strings.ReplaceAll(c.Name, "-", "_") + ":VERSION"
		if c.Image != want || c.ImagePullPolicy != corev1.PullIfNotPresent {
			t.Errorf("%s is of the image %s, %s; want %s", c.Name, c.Image, c.ImagePullPolicy, want)
		}
	}
}

func TestResources(t *testing.T) {
	for _, c := range pod(t).Containers {
		if c.Resources.Requests.Memory().IsZero() || c.Resources.Requests.Cpu().IsZero() || c.Resources.Limits.Memory().IsZero() {
			t.Errorf("%s names not what it takes: %v", c.Name, c.Resources)
		}
		if !c.Resources.Limits.Cpu().IsZero() {
			t.Errorf("%s has a quota of CPU", c.Name)
		}
	}
}

// Ports are named alike by containers, probes and the Service, and on the network of the
// node they are the node's.
func TestPorts(t *testing.T) {
	spec := pod(t)
	if !spec.HostNetwork || spec.DNSPolicy != corev1.DNSClusterFirstWithHostNet {
		t.Error("the pod is not on the node's network, or finds no service there")
	}
	ports := map[string]int32{}
	for _, c := range spec.Containers {
		if len(c.Ports) != 1 || c.Ports[0].HostPort != c.Ports[0].ContainerPort {
			t.Fatalf("%s has the ports %v", c.Name, c.Ports)
		}
		port := c.Ports[0]
		ports[port.Name] = port.ContainerPort
		for name, probe := range map[string]*corev1.Probe{"/-/healthy": c.LivenessProbe, "/-/ready": c.ReadinessProbe} {
			if probe == nil || probe.HTTPGet == nil || probe.HTTPGet.Path != name || probe.HTTPGet.Port != intstr.FromString(port.Name) {
				t.Errorf("%s has another probe than %s on %s: %v", c.Name, name, port.Name, probe)
			}
		}
	}
	if diff := cmp.Diff(map[string]int32{"exporter": 9971, "alerter": 9972}, ports); diff != "" {
		t.Errorf("ports:\n%s", diff)
	}
	service := only[*corev1.Service](t, "service.yaml")
	for _, p := range service.Spec.Ports {
		if p.TargetPort != intstr.FromString(p.Name) || ports[p.Name] != p.Port {
			t.Errorf("the service's port %s leads to %s, %d", p.Name, p.TargetPort.String(), p.Port)
		}
		delete(ports, p.Name)
	}
	if len(ports) != 0 {
		t.Errorf("the service has no ports %v", ports)
	}
}

func TestSelectorsMatch(t *testing.T) {
	set := only[*appsv1.DaemonSet](t, "daemonset.yaml")
	of := labels.Set(set.Spec.Template.Labels)
	if !labels.SelectorFromSet(set.Spec.Selector.MatchLabels).Matches(of) {
		t.Error("the DaemonSet does not know its own pods")
	}
	service := only[*corev1.Service](t, "service.yaml")
	if !labels.SelectorFromSet(service.Spec.Selector).Matches(of) {
		t.Error("the service does not find the pods")
	}
	if service.Spec.ClusterIP != corev1.ClusterIPNone {
		t.Error("the service balances")
	}
	space := only[*corev1.Namespace](t, "namespace.yaml")
	if space.Name != set.Namespace || space.Name != service.Namespace || space.Labels["pod-security.kubernetes.io/enforce"] != "privileged" {
		t.Errorf("the namespace %s is not the pods', or does not admit them", space.Name)
	}
	quota := only[*corev1.ResourceQuota](t, "namespace.yaml")
	if quota.Namespace != space.Name || !slices.Contains(quota.Spec.ScopeSelector.MatchExpressions[0].Values, set.Spec.Template.Spec.PriorityClassName) {
		t.Error("the quota is not for the pods' priority")
	}
}
