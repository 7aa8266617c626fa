package manifests

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	corev1 "k8s.io/api/core/v1"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// What a kubelet makes of a pod for its runtime, of the fields that ours has.

// sandboxOf returns the configuration of a pod's sandbox.
func (n *node) sandboxOf(namespace, name, uid, class string, spec corev1.PodSpec) *cri.PodSandboxConfig {
	n.Helper()
	logs := filepath.Join(n.root, "var/log/pods", namespace+"_"+name+"_"+uid)
	if err := os.MkdirAll(logs, 0o755); err != nil {
		n.Fatal(err)
	}
	return &cri.PodSandboxConfig{
		Metadata:     &cri.PodSandboxMetadata{Name: name, Namespace: namespace, Uid: uid},
		LogDirectory: logs,
		Labels:       map[string]string{"io.kubernetes.pod.name": name, "io.kubernetes.pod.namespace": namespace, "io.kubernetes.pod.uid": uid},
		Linux: &cri.LinuxPodSandboxConfig{
			CgroupParent:    filepath.Join("/kubepods", class, "pod"+uid),
			SecurityContext: &cri.LinuxSandboxSecurityContext{NamespaceOptions: namespaces(spec)},
		},
	}
}

// namespaces of a pod. All have the node's network here: there are no plugins for another.
func namespaces(spec corev1.PodSpec) *cri.NamespaceOption {
	o := &cri.NamespaceOption{Network: cri.NamespaceMode_NODE, Pid: cri.NamespaceMode_CONTAINER, Ipc: cri.NamespaceMode_POD}
	if spec.HostPID {
		o.Pid = cri.NamespaceMode_NODE
	}
	return o
}

// containerOf returns the configuration of a container of a pod.
func (n *node) containerOf(spec corev1.PodSpec, c corev1.Container, nodeName string) *cri.ContainerConfig {
	n.Helper()
	config := &cri.ContainerConfig{
		Metadata: &cri.ContainerMetadata{Name: c.Name},
		Image:    &cri.ImageSpec{Image: image},
		Command:  c.Command,
		Labels:   map[string]string{"io.kubernetes.container.name": c.Name},
		Mounts:   n.mountsOf(spec, c),
		Linux: &cri.LinuxContainerConfig{
			Resources: &cri.LinuxContainerResources{
				MemoryLimitInBytes: c.Resources.Limits.Memory().Value(),
				CpuShares:          max(2, c.Resources.Requests.Cpu().MilliValue()*1024/1000),
			},
			SecurityContext: securityOf(spec, c),
		},
	}
	expand := strings.NewReplacer()
	for _, e := range c.Env {
		if e.ValueFrom == nil || e.ValueFrom.FieldRef == nil || e.ValueFrom.FieldRef.FieldPath != "spec.nodeName" {
			n.Fatalf("the test knows nothing of the variable %s", e.Name)
		}
		config.Envs = append(config.Envs, &cri.KeyValue{Key: e.Name, Value: []byte(nodeName)})
		expand = strings.NewReplacer("$("+e.Name+")", nodeName)
	}
	for _, arg := range c.Args {
		config.Args = append(config.Args, expand.Replace(arg))
	}
	return config
}

// securityOf returns what a container may do.
func securityOf(spec corev1.PodSpec, c corev1.Container) *cri.LinuxContainerSecurityContext {
	s := c.SecurityContext
	out := &cri.LinuxContainerSecurityContext{
		NamespaceOptions: namespaces(spec),
		Capabilities:     &cri.Capability{},
		RunAsUser:        &cri.Int64Value{Value: *s.RunAsUser},
		RunAsGroup:       &cri.Int64Value{Value: *s.RunAsGroup},
		ReadonlyRootfs:   *s.ReadOnlyRootFilesystem,
		NoNewPrivs:       !*s.AllowPrivilegeEscalation,
		Seccomp:          &cri.SecurityProfile{ProfileType: cri.SecurityProfile_RuntimeDefault},
		MaskedPaths: []string{
			"/proc/asound", "/proc/acpi", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
			"/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware", "/sys/devices/virtual/powercap",
		},
		ReadonlyPaths: []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"},
	}
	if s.AppArmorProfile != nil && s.AppArmorProfile.Type == corev1.AppArmorProfileTypeUnconfined {
		out.Apparmor = &cri.SecurityProfile{ProfileType: cri.SecurityProfile_Unconfined}
	}
	for _, name := range s.Capabilities.Drop {
		out.Capabilities.DropCapabilities = append(out.Capabilities.DropCapabilities, string(name))
	}
	for _, name := range s.Capabilities.Add {
		out.Capabilities.AddCapabilities = append(out.Capabilities.AddCapabilities, string(name))
	}
	return out
}

// mountsOf makes the volumes of a container. The node's own files are those of this
// machine in /proc and /sys, and else below the node's root.
func (n *node) mountsOf(spec corev1.PodSpec, c corev1.Container) (mounts []*cri.Mount) {
	n.Helper()
	sources := map[string]string{}
	for _, v := range spec.Volumes {
		switch {
		case v.EmptyDir != nil:
			sources[v.Name] = filepath.Join(n.root, "empty", v.Name)
			n.mkdir(sources[v.Name], 0o777)
		case under(v.HostPath.Path, "/proc"), under(v.HostPath.Path, "/sys"), v.HostPath.Path == "/usr":
			sources[v.Name] = v.HostPath.Path
		default:
			sources[v.Name] = filepath.Join(n.root, v.HostPath.Path)
			n.mkdir(sources[v.Name], 0o755)
		}
	}
	for _, m := range c.VolumeMounts {
		mounts = append(mounts, &cri.Mount{HostPath: sources[m.Name], ContainerPath: m.MountPath, Readonly: m.ReadOnly})
	}
	return mounts
}

func (n *node) mkdir(dir string, mode os.FileMode) {
	n.Helper()
	err := os.MkdirAll(dir, mode)
	if err == nil {
		err = os.Chmod(dir, mode)
	}
	if err != nil {
		n.Fatal(fmt.Errorf("making a volume: %w", err))
	}
}
