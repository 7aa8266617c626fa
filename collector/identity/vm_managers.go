package identity

import (
	"strconv"
	"strings"
)

// origin notes what value, of whatever option, tells about who started the
// machine.
func (q *qemu) origin(value string, uid uint32) {
	switch {
	case uid != 0 && isSession(value, uid):
		q.session = true
	case strings.Contains(value, "/run/kubevirt"):
		q.kubevirt = true
	case strings.Contains(value, "/vc/vm/"), strings.Contains(value, "/run/kata/"):
		q.kata = true
	}
}

// isSession reports whether value has a path of the libvirt that a user runs
// without root. A disk somewhere in a user's home is no sign of it.
func isSession(value string, uid uint32) bool {
	if strings.Contains(value, "/.config/libvirt/qemu/lib/domain-") {
		return true
	}
	const run = "/run/user/"
	i := strings.Index(value, run)
	return i >= 0 && strings.HasPrefix(value[i+len(run):], strconv.FormatUint(uint64(uid), 10)+"/libvirt/qemu/")
}

// identify names the machine as the program that started it does.
func (q *qemu) identify(vm *VM, p Process) {
	sandbox, isSandbox := strings.CutPrefix(q.name, "sandbox-")
	namespace, vmi, isVMI := strings.Cut(q.name, "_")
	project, instance, isInstance := q.inProject()
	switch {
	case isSandbox && (q.kata || hexID(sandbox)):
		vm.ID = keep(sandbox)
		vm.Name = ShortID(vm.ID)
	case isVMI && q.inKubeVirt(p.Cgroup):
		vm.KubeNamespace = keep(namespace)
		vm.Name = keep(namespace + "/" + vmi)
	case q.session && q.name != "":
		vm.Name = userScope + strconv.FormatUint(uint64(p.UID), 10) + "/" + keep(q.name)
	case isInstance:
		vm.Project = keep(project)
		vm.Name = keep(instance)
		if project != "" {
			vm.Name = keep(project + "/" + instance)
		}
	default:
		vm.ID = keep(q.vmid)
		vm.Name = keep(q.name)
		if vm.Name == "" {
			vm.Name = vm.ID // Proxmox' own choice is "vm" and the number
		}
	}
}

// inKubeVirt tells KubeVirt's NAMESPACE_VMI from other names: neither of the two
// can have an underscore.
func (q *qemu) inKubeVirt(cgroup string) bool {
	return q.kubevirt || q.manufacturer == "KubeVirt" || strings.Contains(cgroup, "/kubepods")
}

// inProject knows Incus and LXD: their QEMU reads PROJECT_INSTANCE/qemu.conf, or
// INSTANCE/qemu.conf in the default project. An instance has no underscore in
// its name, a project may.
func (q *qemu) inProject() (project, instance string, ok bool) {
	if baseName(q.readconfig) != "qemu.conf" {
		return "", "", false
	}
	dir := dirName(q.readconfig)
	i := strings.LastIndexByte(dir, '_')
	instance = dir[i+1:]
	if instance == "" || q.name != dir && q.name != instance {
		return "", "", false
	}
	if i > 0 {
		project = dir[:i]
	}
	return project, instance, true
}
