package node

import (
	"os"
	"strings"
)

// dmi is what the firmware says that the machine is (SMBIOS). It is all empty
// where there is none: microVMs, Xen PV, most of ARM.
type dmi struct {
	sysVendor, productName, productVersion string
	boardVendor, biosVendor, biosVersion   string
	chassisAssetTag                        string
}

func (t tree) readDMI() dmi {
	id := func(name string) string { return text(t.sysPath("class/dmi/id/" + name)) }
	return dmi{
		sysVendor:       id("sys_vendor"),
		productName:     id("product_name"),
		productVersion:  id("product_version"),
		boardVendor:     id("board_vendor"),
		biosVendor:      id("bios_vendor"),
		biosVersion:     id("bios_version"),
		chassisAssetTag: id("chassis_asset_tag"),
	}
}

// byDMI tells a hypervisor by DMI.
func (t tree) byDMI(d dmi) string {
	name := d.hypervisor()
	bit, known := t.smbiosVM()
	switch {
	case name == amazon && known && !bit, name == amazon && !known && metal(d.productName):
		return "" // EC2 writes the same into its bare-metal machines
	case name == "" && strings.HasPrefix(d.boardVendor, "Oracle Corporation") && t.cpuinfoFlag():
		return virtualbox // without the flag it is one of Oracle's own servers, which systemd gets wrong
	case name == "" && bit:
		return vmOther
	}
	return name
}

func (d dmi) hypervisor() string {
	// The product before the vendor, which tells KVM from QEMU without it.
	for _, value := range []string{d.productName, d.sysVendor, d.boardVendor, d.biosVendor, d.productVersion} {
		if name := byFirmware(value); name != "" {
			return name
		}
	}
	return ""
}

// byFirmware tells a hypervisor by a word of its firmware.
func byFirmware(value string) string {
	for _, v := range [...]struct{ prefix, name string }{
		{"KVM", kvm},
		{"OpenStack", kvm}, // where CPUID does not tell
		{"KubeVirt", kvm},
		{"Amazon EC2", amazon},
		{"QEMU", qemu},
		{"VMware", vmware},
		{"VMW", vmware},
		{"innotek GmbH", virtualbox},
		{"VirtualBox", virtualbox},
		{"Xen", xen},
		{"Bochs", bochs},
		{"Parallels", parallels},
		{"BHYVE", bhyve},
		{"Hyper-V", microsoft},
		{"Apple Virtualization", apple},
		{"Google Compute Engine", google},
	} {
		if strings.HasPrefix(value, v.prefix) {
			return v.name
		}
	}
	return ""
}

// metal reports whether an EC2 instance type is a whole machine: c5.metal,
// m7i.metal-24xl.
func metal(instanceType string) bool {
	_, after, ok := strings.Cut(instanceType, ".metal")
	return ok && (after == "" || after[0] == '-')
}

// smbiosVM returns the bit by which firmware says that it belongs to a virtual
// machine: SMBIOS type 0, second byte of the extended characteristics. Only
// root may read it, and a VM need not set it.
func (t tree) smbiosVM() (set, known bool) {
	const size, extension, vm = 20, 19, 1 << 4
	b, err := os.ReadFile(t.sysPath("firmware/dmi/entries/0-0/raw"))
	if err != nil || len(b) < size || b[1] < size {
		return false, false
	}
	return b[extension]&vm != 0, true
}
