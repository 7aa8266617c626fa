package node

import (
	"os"
	"strings"
)

// product names the cloud or, failing that, the machine. A cloud is named alike
// for its virtual and its bare machines.
func (t tree) product(d dmi) string {
	if name := d.cloud(); name != "" {
		return name
	}
	vendor, product := meaning(d.sysVendor), meaning(d.productName)
	switch {
	case product == "":
		product = vendor
	case vendor != "" && !strings.HasPrefix(product, vendor):
		product = vendor + " " + product
	}
	if product == "" && t.firecracker() {
		return "Firecracker"
	}
	return product
}

// cloud returns the name of the cloud whose mark the firmware bears. These are
// the marks by which cloud-init knows them.
func (d dmi) cloud() string {
	for _, c := range [...]struct{ value, prefix, name string }{
		{d.sysVendor, "Amazon EC2", "Amazon EC2"},
		{d.chassisAssetTag, "Amazon EC2", "Amazon EC2"},
		{d.productName, "Google Compute Engine", "Google Compute Engine"},
		{d.chassisAssetTag, "7783-7084-3265-9085-8269-3286-77", "Microsoft Azure"},
		{d.chassisAssetTag, "OracleCloud.com", "Oracle Cloud"},
		{d.chassisAssetTag, "OpenTelekomCloud", "Open Telekom Cloud"},
		{d.chassisAssetTag, "HUAWEICLOUD", "Huawei Cloud"},
		{d.sysVendor, "DigitalOcean", "DigitalOcean"},
		{d.sysVendor, "Hetzner", "Hetzner"},
		{d.sysVendor, "Alibaba Cloud", "Alibaba Cloud"},
		{d.productName, "Alibaba Cloud", "Alibaba Cloud"},
		{d.sysVendor, "Tencent Cloud", "Tencent Cloud"},
		{d.sysVendor, "Linode", "Linode"},
		{d.sysVendor, "Akamai", "Akamai"},
		{d.sysVendor, "Vultr", "Vultr"},
		{d.sysVendor, "Scaleway", "Scaleway"},
		{d.sysVendor, "OVH", "OVHcloud"},
		{d.sysVendor, "Exoscale", "Exoscale"},
		{d.sysVendor, "UpCloud", "UpCloud"},
		{d.productName, "OpenStack", "OpenStack"}, // after the clouds that run on it
		{d.sysVendor, "OpenStack", "OpenStack"},
	} {
		if strings.HasPrefix(c.value, c.prefix) {
			return c.name
		}
	}
	// EC2 on Xen shows Xen's own words but for the version of its firmware.
	if d.sysVendor == "Xen" && strings.Contains(strings.ToLower(d.biosVersion), "amazon") {
		return "Amazon EC2"
	}
	return ""
}

// meaning drops what makers of boards leave in where a name should be.
func meaning(s string) string {
	switch strings.ToLower(strings.TrimSuffix(s, ".")) {
	case "to be filled by o.e.m", "default string", "not specified", "not applicable", "none", "n/a", "unknown",
		"system manufacturer", "system product name", "o.e.m", "oem", "empty":
		return ""
	}
	return s
}

// firecracker reports whether Firecracker made this machine. To the processor
// it is KVM like any other and it has no DMI, but since 1.8 it signs its ACPI
// tables. Only root may read those; one of its devices shows to everybody. What
// older ones have is no proof: QEMU's microvm and libkrun look the same.
func (t tree) firecracker() bool {
	if exists(t.sysPath("bus/acpi/devices/FCVMGID:00")) {
		return true
	}
	const start, end = 10, 16 // OEM id in the header of every table
	table, err := os.ReadFile(t.sysPath("firmware/acpi/tables/FACP"))
	return err == nil && len(table) >= end && string(table[start:end]) == "FIRECK"
}
