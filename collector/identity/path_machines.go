package identity

import (
	"strings"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// matchVM knows the directories of virtual machines. Their paths often have but a
// part of a name, hence nothing but the kind is told; Resolve makes the best of
// it.
func matchVM(p place, name string) (Match, bool) {
	if _, _, ok := vmName(p, name); !ok {
		return Match{}, false
	}
	return Match{Kind: model.VM}, true
}

// vmName returns what the directory of a virtual machine says of it. The
// runtime is empty where the path does not tell.
func vmName(p place, name string) (runtime, vm string, ok bool) {
	if inner, ok := cut(name, "machine-", ".scope"); ok {
		if driver, vm, ok := libvirtName(unescape(inner)); ok && driver != "lxc" {
			return driverRuntime(driver), vm, true
		}
	}
	if vm, ok := cut(name, "systemd-vmspawn@", ".service"); ok {
		return "qemu", unescape(vm), true
	}
	if i := strings.LastIndex(name, ".libvirt-"); i > 0 && name[i:] != ".libvirt-lxc" {
		if _, vm, ok := libvirtName(name[:i]); ok {
			return driverRuntime(name[i+len(".libvirt-"):]), vm, true
		}
		return driverRuntime(name[i+len(".libvirt-"):]), name[:i], true
	}
	if vmid := strings.TrimSuffix(name, ".scope"); vmid != name && p.parent == "qemu.slice" && digits(vmid) {
		return "qemu", vmid, true // Proxmox
	}
	if p.parent == "firecracker" {
		return p.parent, name, true
	}
	id, isKata := strings.CutPrefix(name, "kata_")
	return "", id, isKata && hexID(id) || p.parent == "kata_overhead"
}

// driverRuntime returns the label runtime for a driver of libvirt.
func driverRuntime(driver string) string {
	switch driver {
	case "ch":
		return "cloud-hypervisor"
	case "libxl":
		return "xen"
	}
	return text(driver)
}

// libvirtName splits DRIVER-NUMBER-NAME, the name that libvirt registers with
// machined.
func libvirtName(s string) (driver, name string, ok bool) {
	driver, rest, _ := strings.Cut(s, "-")
	switch driver {
	case "qemu", "lxc", "ch", "xen", "libxl", "bhyve":
	default:
		return "", "", false
	}
	number, name, _ := strings.Cut(rest, "-")
	return driver, name, digits(number) && name != ""
}

// matchLXC knows LXC 4 and later (lxc.payload.NAME, and the monitor apart), the
// older /lxc/NAME and Proxmox' /lxc/VMID, below which "ns" is the container's
// own root. Incus and LXD use the same paths: files tell them apart.
func matchLXC(p place, name string) (Match, bool) {
	switch {
	case strings.HasPrefix(name, "lxc.monitor.") || name == "lxc.monitor" || name == "lxc.pivot":
		return p.helper("lxc"), true
	case p.parent == "lxc" || p.parent == "lxc.payload":
	default:
		var ok bool
		if name, ok = strings.CutPrefix(name, "lxc.payload."); !ok || name == "" {
			return Match{}, false
		}
	}
	m := p.named("lxc", name)
	if digits(name) {
		m.ID = name // a VMID, as far as Proxmox is concerned
	}
	return m, true
}

// matchMachine knows the units of systemd-nspawn and of libvirt's LXC driver.
// The unit is the guest: it holds the payload, the supervisor and the limits.
func matchMachine(p place, name string) (Match, bool) {
	if machine, ok := cut(name, "systemd-nspawn@", ".service"); ok {
		return p.named("nspawn", unescape(machine)), true
	}
	if inner, ok := cut(name, "machine-", ".scope"); ok {
		inner = unescape(inner)
		if m, ok := p.libvirtLXC(inner); ok {
			return m, true
		}
		return p.named("nspawn", inner), true
	}
	if inner, ok := cut(name, "", ".libvirt-lxc"); ok {
		if m, ok := p.libvirtLXC(inner); ok {
			return m, true
		}
		return p.named("libvirt-lxc", inner), true // before libvirt 1.3 the name alone
	}
	return Match{}, false
}

// libvirtLXC reads lxc-PID-NAME: the PID of the controller is the domain's id.
func (p place) libvirtLXC(s string) (Match, bool) {
	driver, name, ok := libvirtName(s)
	if !ok || driver != "lxc" {
		return Match{}, false
	}
	m := p.named("libvirt-lxc", name)
	m.ID = s[len("lxc-") : len(s)-len(name)-1]
	return m, true
}

// matchNspawnPayload knows systemd-nspawn in a unit that is not its own
// (--keep-unit), and its supervisor. Below its own unit the payload is the
// inside of the guest. Outside of any unit both stand at the root.
func matchNspawnPayload(p place, name string) (Match, bool) {
	inUnit := strings.HasSuffix(p.parent, ".service") || strings.HasSuffix(p.parent, ".scope")
	switch {
	case name == "supervisor" && p.depth == 0:
		return p.helper("nspawn"), true
	case name == "supervisor" && inUnit:
		return p.helper("nspawn"), true
	case name != "payload" || p.depth == 0 && p.around == "nspawn":
		return Match{}, false
	case p.depth == 0:
		return p.named("nspawn", name), true
	case inUnit:
		return p.named("nspawn", unitName(p.parent)), true
	}
	return Match{}, false
}

// unitName returns the part of a unit's name that tells it from others: the
// instance of a template (NixOS' container@NAME.service), else its name.
func unitName(unit string) string {
	if i := strings.LastIndexByte(unit, '.'); i > 0 {
		unit = unit[:i]
	}
	if _, instance, ok := strings.Cut(unit, "@"); ok && instance != "" {
		return unescape(instance)
	}
	return unescape(unit)
}
