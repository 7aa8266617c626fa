package manifests

import (
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

const nodeName = "node-a"

// exposition is what an exporter says, by family.
type exposition map[string]*dto.MetricFamily

// metric returns the first of a family that has these labels, nil for none.
func (x exposition) metric(family string, labels ...string) *dto.Metric {
	for _, m := range x[family].GetMetric() {
		has := func(name, value string) bool {
			return slices.ContainsFunc(m.GetLabel(), func(l *dto.LabelPair) bool { return l.GetName() == name && l.GetValue() == value })
		}
		matches := true
		for i := 0; i < len(labels); i += 2 {
			matches = matches && has(labels[i], labels[i+1])
		}
		if matches {
			return m
		}
	}
	return nil
}

func label(m *dto.Metric, name string) string {
	for _, l := range m.GetLabel() {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return ""
}

// get asks for a page until it is there.
func (n *node) get(url string) string {
	n.Helper()
	var text string
	n.await(url, func() bool {
		r, err := http.Get(url)
		if err != nil {
			return false
		}
		defer r.Body.Close()
		b, err := io.ReadAll(r.Body)
		text = string(b)
		return err == nil && r.StatusCode == http.StatusOK
	})
	return text
}

// scrape waits for the end of the second in which scrapes share a reading.
func (n *node) scrape(address string) exposition {
	n.Helper()
	time.Sleep(1010 * time.Millisecond)
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(n.get("http://" + address + "/metrics")))
	if err != nil {
		n.Fatal(err)
	}
	return families
}

// daemonPod runs the pod of the DaemonSet on other ports of this machine's loopback, and
// returns the addresses of the exporter and the alerter.
func (n *node) daemonPod() (ofExporter, ofAlerter string) {
	n.Helper()
	spec := pod(n.T)
	ofExporter, ofAlerter = freeAddress(n.T), freeAddress(n.T)
	elsewhere := strings.NewReplacer(
		"127.0.0.1:9971", ofExporter, "listen-address=:9971", "listen-address="+ofExporter,
		"listen-address=:9972", "listen-address="+ofAlerter, "alertmanager.monitoring.svc:9093", "127.0.0.1:9",
	)
	config := n.sandboxOf("virt-exporter", "virt-exporter-x7k2p", "0e9ff6a1-3c4d-4f0a-9c53-5f3c3a0b6a01", "burstable", spec)
	sandbox := n.sandbox(config)
	for _, c := range spec.Containers {
		for i, arg := range c.Args {
			c.Args[i] = elsewhere.Replace(arg)
		}
		logged := n.start(sandbox, config, n.containerOf(spec, c, nodeName))
		n.Cleanup(func() {
			if n.Failed() {
				n.Logf("%s has logged: %s", c.Name, logged())
			}
		})
		address := map[string]string{exporter: ofExporter, alerter: ofAlerter}[c.Name]
		for _, probe := range []*corev1.Probe{c.LivenessProbe, c.ReadinessProbe} {
			n.get("http://" + address + probe.HTTPGet.Path)
		}
	}
	return ofExporter, ofAlerter
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// rootExporter runs the exporter without any confinement on the same node.
func (n *node) rootExporter() (address string) {
	n.Helper()
	address = freeAddress(n.T)
	// The kernel's log is the machine's own.
	dev := filepath.Join(n.root, "dev")
	n.mkdir(dev, 0o755)
	if err := unix.Mknod(filepath.Join(dev, "kmsg"), unix.S_IFCHR|0o600, int(unix.Mkdev(1, 11))); err != nil {
		n.Fatal(err)
	}
	cmd := exec.Command(n.exporter, "--web.listen-address="+address, "--path.rootfs="+n.root)
	if err := cmd.Start(); err != nil {
		n.Fatal(err)
	}
	n.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed: how it ended is no news
	})
	return address
}

// simplePod runs a pod with one container of busybox or of the node's programs.
func (n *node) simplePod(namespace, name, uid, containerName string, command ...string) {
	n.Helper()
	no, yes, root := false, true, int64(0)
	c := corev1.Container{
		Name: containerName, Command: command,
		VolumeMounts: []corev1.VolumeMount{{Name: "usr", MountPath: "/usr", ReadOnly: true}, {Name: "disk", MountPath: "/disk", ReadOnly: true}},
		Resources:    corev1.ResourceRequirements{Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("512Mi")}},
		SecurityContext: &corev1.SecurityContext{
			RunAsUser: &root, RunAsGroup: &root, ReadOnlyRootFilesystem: &no, AllowPrivilegeEscalation: &yes,
			Capabilities: &corev1.Capabilities{},
		},
	}
	spec := corev1.PodSpec{Containers: []corev1.Container{c}, Volumes: []corev1.Volume{
		{Name: "usr", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/usr"}}},
		{Name: "disk", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/disk"}}},
	}}
	config := n.sandboxOf(namespace, name, uid, "burstable", spec)
	made := n.containerOf(spec, c, nodeName)
	made.Linux.Resources.CpusetCpus = "0" // all want the same CPU
	logged := n.start(n.sandbox(config), config, made)
	n.Cleanup(func() {
		if n.Failed() {
			n.Logf("%s has logged: %s", containerName, logged())
		}
	})
}

// The pod of the DaemonSet as a kubelet would have it from a real containerd.
func TestPodOnContainerd(t *testing.T) {
	n := startNode(t)
	n.simplePod("shop", "web-0", "26fbbddd-86b1-4977-8715-564ff5bcff56", "web", "/bin/busybox", "sh", "-c", "while :; do :; done")
	ofExporter, ofAlerter := n.daemonPod()
	reference := n.rootExporter()

	t.Run("names containers and no sandboxes", func(t *testing.T) {
		x := n.with(t).scrape(ofExporter)
		for _, name := range []string{"shop/web-0/web", "virt-exporter/virt-exporter-x7k2p/virt-exporter", "virt-exporter/virt-exporter-x7k2p/virt-alerter"} {
			m := x.metric("virt_guest_info", "kind", "container", "runtime", "containerd", "guest", name)
			if m == nil || label(m, "image") != image {
				t.Errorf("%s is %v", name, m)
			}
		}
		for _, m := range x["virt_guest_info"].GetMetric() {
			if strings.Contains(label(m, "cgroup"), "/kubepods/") && strings.Count(label(m, "guest"), "/") != 2 {
				t.Errorf("%s has no name of Kubernetes", m)
			}
		}
	})
	t.Run("sees what root sees", func(t *testing.T) {
		n.with(t).sameAsRoot(ofExporter, reference)
	})
	t.Run("the alerter scrapes it by the node's name", func(t *testing.T) {
		host, err := os.Hostname()
		if err != nil {
			t.Fatal(err)
		}
		_, port, _ := net.SplitHostPort(ofExporter)
		n := n.with(t)
		n.await("a scrape of the alerter", func() bool {
			answer := n.get("http://" + ofAlerter + `/api/v1/query?query=up{job="virt_exporter"}`)
			return strings.Contains(answer, `"instance":"`+net.JoinHostPort(host, port)+`"`) && strings.Contains(answer, `"1"]`)
		})
	})
	t.Run("sees the machines of KubeVirt", func(t *testing.T) { n.with(t).kubeVirt(ofExporter) })
}

// sameAsRoot compares what can be seen, and what not and why, with what an exporter has
// that is confined by nothing. Some is known from a later reading on, and on a busy
// machine by one of the two before the other.
func (n *node) sameAsRoot(confined, reference string) {
	n.Helper()
	var differ []string
	for deadline := time.Now().Add(40 * time.Second); time.Now().Before(deadline); {
		if differ = differences(n.scrape(confined), n.scrape(reference)); len(differ) == 0 {
			return
		}
	}
	n.Error(strings.Join(differ, "\n"))
}

// differences says what a pod sees otherwise than root does, or not at all.
func differences(pod, root exposition) (differ []string) {
	for _, family := range []string{"virt_source_available", "virt_feature_available", "virt_bpf_program_loaded"} {
		want := states(root, family)
		if _, ok := want["oom_log cgroup"]; ok {
			want["oom_log cgroup"] = "0 not_supported" // no pod may open /dev/kmsg unless it is privileged
		}
		if diff := cmp.Diff(want, states(pod, family)); diff != "" {
			differ = append(differ, fmt.Sprintf("%s (- root, + the pod):\n%s", family, diff))
		}
	}
	for _, family := range slices.Sorted(maps.Keys(root)) {
		if pod[family] == nil {
			differ = append(differ, "the pod has not the family "+family)
		}
	}
	return differ
}

// states returns a family as text, by its labels.
func states(x exposition, family string) map[string]string {
	all := map[string]string{}
	for _, m := range x[family].GetMetric() {
		var labels []string
		for _, l := range m.GetLabel() {
			if l.GetName() != "reason" {
				labels = append(labels, l.GetValue())
			}
		}
		all[strings.Join(labels, " ")] = fmt.Sprint(m.GetGauge().GetValue(), " ", label(m, "reason"))
	}
	return all
}

// A pod as KubeVirt makes it: QEMU with its arguments in the container compute of a
// virt-launcher. A rival of another pod wants the same CPU.
func (n *node) kubeVirt(ofExporter string) {
	n.Helper()
	t := n.T
	if _, err := exec.LookPath("qemu-system-x86_64"); err != nil {
		t.Skip("needs qemu-system-x86_64")
	}
	n.mkdir(filepath.Join(n.root, "disk"), 0o755)
	disk := make([]byte, 1<<20) // boots, and computes without end
	copy(disk, []byte{0xeb, 0xfe})
	disk[510], disk[511] = 0x55, 0xaa
	if err := os.WriteFile(filepath.Join(n.root, "disk/disk.img"), disk, 0o644); err != nil {
		t.Fatal(err)
	}
	const uuid = "b56f06f0-07e9-4fe5-8913-18a14e83a4d1"
	n.simplePod("default", "virt-launcher-testvm-x7k2p", "f0eb9f8d-291f-404d-8f75-108cb2201369", "compute",
		"/usr/bin/qemu-system-x86_64", "-name", "guest=default_testvm,debug-threads=on", "-machine", "pc-q35-7.2,usb=off,dump-guest-core=off,memory-backend=pc.ram",
		"-accel", "tcg,tb-size=16", "-m", "size=131072k", "-object", `{"qom-type":"memory-backend-ram","id":"pc.ram","size":134217728}`, "-overcommit", "mem-lock=off",
		"-smp", "1,sockets=1,dies=1,cores=1,threads=1", "-object", `{"qom-type":"iothread","id":"iothread1"}`, "-uuid", uuid,
		"-smbios", "type=1,manufacturer=KubeVirt,product=None,uuid="+uuid+",family=KubeVirt", "-no-user-config", "-nodefaults", "-display", "none",
		"-drive", "file=/disk/disk.img,format=raw,readonly=on,if=none,id=disk", "-device", "virtio-blk-pci,drive=disk,bootindex=1")

	machine := []string{"kind", "vm", "runtime", "qemu", "guest", "default/testvm"}
	var x exposition
	n.await("the machine", func() bool {
		x = n.scrape(ofExporter)
		return x.metric("virt_guest_info", machine...) != nil
	})
	m := x.metric("virt_guest_info", machine...)
	for name, want := range map[string]string{
		"parent": "container/containerd/default/virt-launcher-testvm-x7k2p/compute", "uuid": uuid, "vm_key": uuid,
		"kube_namespace": "default", "kube_pod": "virt-launcher-testvm-x7k2p",
	} {
		if got := label(m, name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	var y exposition
	grown := func(family string, labels ...string) float64 {
		labels = append(labels, machine...)
		from, to := x.metric(family, labels...), y.metric(family, labels...)
		return to.GetCounter().GetValue() - from.GetCounter().GetValue()
	}
	n.await("a machine that has booted and wants more than it gets", func() bool {
		y = n.scrape(ofExporter)
		return grown("virt_guest_cpu_steal_seconds_total") > 2
	})
	x = y
	time.Sleep(3 * time.Second)
	y = n.scrape(ofExporter)
	run, steal := grown("virt_guest_cpu_run_seconds_total"), grown("virt_guest_cpu_steal_seconds_total")
	t.Logf("it ran for %.2f s and waited for %.2f s", run, steal)
	if run <= 0 || steal < 0.5 {
		t.Errorf("it ran for %.2f s and waited for %.2f s beside a rival that wants the same CPU", run, steal)
	}
	// Others may be on that CPU too.
	if by := grown("virt_guest_cpu_steal_by_seconds_total", "cause", "neighbour", "culprit", "container/containerd/shop/web-0/web"); by <= 0 {
		t.Errorf("%.2f s of it because of the rival", by)
	}
}
