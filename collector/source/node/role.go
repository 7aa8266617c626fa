package node

import (
	"os"
	"strings"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// role says what the machine is. A container in a VM is a container.
func (t tree) role(below hypervisor) model.Role {
	switch {
	case t.container():
		return model.RoleContainer
	case below.name != "" && !below.host:
		return model.RoleVM
	}
	return model.RoleHost
}

// container reports whether the root that we look at is a container's.
func (t tree) container() bool {
	// OpenVZ has vz in both and bc on the host only.
	if exists(t.procPath("vz")) && !exists(t.procPath("bc")) {
		return true
	}
	release := text(t.procPath("sys/kernel/osrelease"))
	if strings.Contains(release, "Microsoft") || strings.Contains(release, "WSL") {
		return true
	}
	// What the container's manager or its init left for us, and what the
	// manager gave to that init, which only root may see.
	if text(t.rootPath("run/host/container-manager")) != "" || text(t.rootPath("run/systemd/container")) != "" || t.initVariable() != "" {
		return true
	}
	return t.marked() || t.cgroupNamespace()
}

// initVariable returns the variable container of process 1.
func (t tree) initVariable() string {
	b, err := os.ReadFile(t.procPath("1/environ"))
	if err != nil {
		return ""
	}
	for variable := range strings.SplitSeq(string(b), "\x00") {
		if value, ok := strings.CutPrefix(variable, "container="); ok {
			return value
		}
	}
	return ""
}

// marked reports whether Docker or Podman left their mark in the root.
//
// Here we ask for more than systemd does: the mark also gets into images of
// virtual machines that are made from a container's. Where the kernel's own
// threads can be seen, and we are in no engine's cgroup, it is a leftover.
func (t tree) marked() bool {
	if !exists(t.rootPath("run/.containerenv")) && !exists(t.rootPath(".dockerenv")) {
		return false
	}
	if text(t.procPath("2/comm")) != "kthreadd" {
		return true
	}
	b, err := os.ReadFile(t.procPath("self/cgroup"))
	cgroups := string(b)
	return err != nil || strings.Contains(cgroups, "docker") || strings.Contains(cgroups, "libpod")
}

// cgroupNamespace reports whether the root of the cgroups is not the machine's:
// the one sign of a container whose engine leaves no mark, as in a Kubernetes
// pod.
func (t tree) cgroupNamespace() bool {
	cgroup := t.rootPath("sys/fs/cgroup")
	if exists(cgroup + "/cgroup.controllers") {
		// A root has neither. Kernels before 4.14 have only the first in other
		// cgroups, and those have no list of features either.
		return exists(cgroup+"/cgroup.events") && (exists(cgroup+"/cgroup.type") || !exists(t.sysPath("kernel/cgroup/features")))
	}
	// Only a root has a release agent.
	return exists(cgroup+"/systemd/cgroup.procs") && !exists(cgroup+"/systemd/release_agent")
}
