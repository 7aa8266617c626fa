package node

import (
	"errors"
	"io/fs"
	"os"
	"strings"

	"github.com/virt-exporter/virt_exporter/collector/identity"
	"github.com/virt-exporter/virt_exporter/collector/kernel"
	"github.com/virt-exporter/virt_exporter/collector/model"
)

// featureVMKey is the name of the feature that guest and host can be joined.
const featureVMKey = "vm_key"

// vmKey returns the key under which the host below knows this machine. A
// machine with no host below has none, and no such feature.
func (t tree) vmKey(below hypervisor, override string) (string, model.Feature) {
	if override != "" {
		return identity.VMKey(override), model.Feature{Name: featureVMKey}
	}
	if below.name == "" || below.host {
		return "", model.Feature{}
	}
	uuid, denied := t.uuid()
	switch key := identity.VMKey(uuid); {
	case key != "":
		return key, model.Feature{Name: featureVMKey}
	case denied:
		return "", model.Feature{
			Name: featureVMKey, Reason: model.NoPermission,
			Remedy: "run as root, or give the UUID in " + t.sysPath("class/dmi/id/product_uuid") + " with --vm-key",
		}
	}
	return "", model.Feature{
		Name: featureVMKey, Reason: model.NotSupported,
		Remedy: "the hypervisor gives this machine no UUID of its own: give the one that the host uses with --vm-key",
	}
}

// uuid returns the machine's UUID as its firmware or its hypervisor gives it.
func (t tree) uuid() (uuid string, denied bool) {
	for _, path := range []string{
		t.sysPath("class/dmi/id/product_uuid"), // root only
		t.sysPath("hypervisor/uuid"),           // Xen
		t.procPath("device-tree/vm,uuid"),      // KVM on POWER
	} {
		b, err := os.ReadFile(path)
		if s := strings.Trim(string(b), " \t\r\n\x00"); err == nil && s != "" {
			return s, false
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			denied = denied || kernel.Denied(err)
		}
	}
	uuid, _ = field(t.procPath("sysinfo"), "VM00 UUID") // s390
	return uuid, denied
}
