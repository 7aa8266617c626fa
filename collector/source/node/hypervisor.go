package node

import (
	"os"
	"strconv"
	"strings"
)

// Hypervisors, in the words of systemd-detect-virt but for virtualbox, which it
// calls oracle.
const (
	acrn       = "acrn"
	amazon     = "amazon" // Nitro
	apple      = "apple"
	bhyve      = "bhyve"
	bochs      = "bochs"
	google     = "google"
	kvm        = "kvm"
	microsoft  = "microsoft" // Hyper-V
	parallels  = "parallels"
	powervm    = "powervm"
	qemu       = "qemu" // without KVM
	qnx        = "qnx"
	sre        = "sre"
	uml        = "uml" // user mode Linux
	virtualbox = "virtualbox"
	vmware     = "vmware"
	xen        = "xen"
	zvm        = "zvm"
	vmOther    = "vm-other" // there is one, but it does not say which
)

// hypervisor is what the machine runs on.
type hypervisor struct {
	name string // empty on bare metal

	// host says that the machine is not a guest of the hypervisor but its
	// control domain: dom0, or the root partition of Hyper-V.
	host bool
}

// hypervisor decides what the machine runs on.
//
// DMI comes first for those that use KVM below or feign to be another in CPUID.
// Then CPUID, which says KVM whatever a provider wrote into DMI. Then the rest.
func (t tree) hypervisor(d dmi, cpuid string) hypervisor {
	// systemd takes dom0 last and so calls one in a nested Xen a VM. For us it
	// is the host of the guests that it controls.
	if t.dom0() {
		return hypervisor{name: xen, host: true}
	}
	byDMI := t.byDMI(d)
	switch byDMI {
	case virtualbox, xen, amazon, parallels, google:
		return hypervisor{name: byDMI}
	}
	if vendor, ok := field(t.procPath("cpuinfo"), "vendor_id"); ok && strings.HasPrefix(vendor, "User Mode Linux") {
		return hypervisor{name: uml}
	}
	if exists(t.procPath("xen")) {
		return hypervisor{name: xen}
	}
	byCPUID := byCPUID(cpuid)
	if byCPUID == "" && t.cpuinfoFlag() {
		byCPUID = vmOther
	}
	if byCPUID == microsoft {
		return hypervisor{name: microsoft, host: t.rootPartition(d, byDMI)}.unless(byDMI)
	}
	candidates := []string{byCPUID, byDMI, t.bySysfs(), t.byDeviceTree(), t.bySysinfo()}
	for _, name := range candidates {
		if name != "" && name != vmOther {
			return hypervisor{name: name}
		}
	}
	for _, name := range candidates {
		if name == vmOther {
			return hypervisor{name: vmOther}
		}
	}
	return hypervisor{}
}

// unless returns what DMI says where that speaks against h. QEMU takes on the
// signature of Hyper-V to offer its enlightenments, and it does so under KVM.
func (h hypervisor) unless(byDMI string) hypervisor {
	switch byDMI {
	case "", vmOther, microsoft:
		return h
	case qemu:
		return hypervisor{name: kvm}
	}
	return hypervisor{name: byDMI}
}

// byCPUID tells a hypervisor by its signature.
func byCPUID(vendor string) string {
	switch strings.TrimSpace(vendor) {
	case "":
		return ""
	case "KVMKVMKVM", "Linux KVM Hv":
		return kvm
	case "TCGTCGTCGTCG":
		return qemu
	case "XenVMMXenVMM":
		return xen
	case "VMwareVMware":
		return vmware
	case "Microsoft Hv":
		return microsoft
	case "VBoxVBoxVBox":
		return virtualbox
	case "bhyve bhyve":
		return bhyve
	case "lrpepyh  vr", "lrpepyh vr", "prl hyperv":
		return parallels
	case "QNXQVMBSQG":
		return qnx
	case "ACRNACRNACRN":
		return acrn
	case "SRESRESRESRE":
		return sre
	case "Apple VZ":
		return apple
	}
	return vmOther
}

// cpuinfoFlag reports whether /proc/cpuinfo of an x86 has the flag that there
// is a hypervisor. It is all that is known where CPUID's signature is hidden.
func (t tree) cpuinfoFlag() bool {
	flags, _ := field(t.procPath("cpuinfo"), "flags")
	for flag := range strings.FieldsSeq(flags) {
		if flag == "hypervisor" {
			return true
		}
	}
	return false
}

// dom0 reports whether this is Xen's control domain. The kernel says so in its
// features, and older ones in /proc/xen, which holds files only where xenfs is
// mounted.
func (t tree) dom0() bool {
	const featureDom0 = 11
	features, err := strconv.ParseUint(text(t.sysPath("hypervisor/properties/features")), 16, 64)
	if err == nil {
		return features&(1<<featureDom0) != 0
	}
	for capability := range strings.SplitSeq(text(t.procPath("xen/capabilities")), ",") {
		if capability == "control_d" {
			return true
		}
	}
	return false
}

// rootPartition reports whether this is the root partition of Hyper-V: it has
// the device that makes partitions, and firmware of no virtual machine. Either
// alone can be had in a VM.
func (t tree) rootPartition(d dmi, byDMI string) bool {
	return byDMI == "" && d.sysVendor != "" && d.productName != "Virtual Machine" && exists(t.sysPath("class/misc/mshv"))
}

// bySysfs looks at what the kernel calls the hypervisor it was started on.
func (t tree) bySysfs() string {
	switch text(t.sysPath("hypervisor/type")) {
	case "":
		return ""
	case "xen":
		return xen
	}
	return vmOther
}

// byDeviceTree is for machines without ACPI: ARM, POWER, RISC-V.
func (t tree) byDeviceTree() string {
	dir := t.procPath("device-tree")
	switch compatible := text(dir + "/hypervisor/compatible"); {
	case compatible == "":
	case compatible == "linux,kvm":
		return kvm
	case strings.Contains(compatible, "xen"):
		return xen
	case strings.Contains(compatible, "vmware"):
		return vmware
	default:
		return vmOther
	}
	if exists(dir+"/ibm,partition-name") && exists(dir+"/hmc-managed?") && !exists(dir+"/chosen/qemu,graphic-width") {
		return powervm
	}
	entries, _ := os.ReadDir(dir + "/.") // a link to sysfs; without it there is no device tree
	for _, e := range entries {
		if strings.Contains(e.Name(), "fw-cfg") {
			return qemu
		}
	}
	if text(dir+"/compatible") == "qemu,pseries" {
		return qemu
	}
	return ""
}

// bySysinfo is for s390, where /proc/sysinfo names the hypervisors one above
// the other, the innermost as VM00.
func (t tree) bySysinfo() string {
	program, ok := field(t.procPath("sysinfo"), "VM00 Control Program")
	switch {
	case !ok:
		return ""
	case strings.HasPrefix(program, "z/VM"):
		return zvm
	}
	return kvm
}
