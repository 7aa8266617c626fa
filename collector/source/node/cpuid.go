package node

import (
	"strings"

	"github.com/klauspost/cpuid/v2"
)

// HypervisorVendor returns the signature that the hypervisor shows in CPUID
// leaf 0x40000000, such as KVMKVMKVM. It is empty without a hypervisor, with
// one that does not say, and on anything but x86. /proc/cpuinfo has only the
// bit that there is one.
func HypervisorVendor() string {
	if !cpuid.CPU.VM() {
		return "" // without that bit the leaf holds leftovers of another
	}
	return strings.Trim(cpuid.CPU.HypervisorVendorString, " \x00")
}
