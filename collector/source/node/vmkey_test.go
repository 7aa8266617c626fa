package node

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

func TestVMKey(t *testing.T) {
	const (
		uuid    = "3F2504E0-4F89-11D3-9A0C-0305E82C3301"
		key     = "3f2504e0-4f89-11d3-9a0c-0305e82c3301"
		swapped = "e004253f-894f-d311-9a0c-0305e82c3301"
	)
	droplet := firmware("sys_vendor", "DigitalOcean")
	for _, tc := range []struct {
		name     string
		cpuid    string
		files    files
		override string
		key      string
		reason   model.Reason
		none     bool // has no such feature
	}{
		{name: "VM", cpuid: "KVMKVMKVM", files: droplet.with("sys/class/dmi/id/product_uuid", uuid+"\n"), key: key},
		{name: "VM whose firmware has the other order", cpuid: "KVMKVMKVM", files: droplet.with("sys/class/dmi/id/product_uuid", swapped+"\n"), key: key},
		{name: "container in a VM", cpuid: "KVMKVMKVM", files: files{".dockerenv": "", "sys/class/dmi/id/product_uuid": uuid}, key: key},
		{name: "Xen PV domU", files: files{"proc/xen/x": "", "sys/hypervisor/uuid": uuid + "\n"}, key: key},
		{name: "KVM on POWER", files: files{"proc/device-tree/compatible": "qemu,pseries\x00", "proc/device-tree/vm,uuid": uuid + "\x00"}, key: key},
		{name: "KVM on s390", files: files{"proc/sysinfo": "VM00 Control Program: KVM/Linux\nVM00 UUID:            " + key + "\n"}, key: key},
		{name: "override", cpuid: "KVMKVMKVM", files: droplet, override: swapped, key: key},
		{name: "override on what looks like bare metal", override: uuid, key: key},
		{name: "no UUID", cpuid: "KVMKVMKVM", reason: model.NotSupported},
		{name: "UUID of nobody", cpuid: "KVMKVMKVM", files: files{"sys/class/dmi/id/product_uuid": "00000000-0000-0000-0000-000000000000\n"}, reason: model.NotSupported},
		{name: "bare metal", files: files{"sys/class/dmi/id/product_uuid": uuid}, none: true},
		{name: "dom0", files: files{"sys/class/dmi/id/product_uuid": uuid, "proc/xen/capabilities": "control_d\n"}, none: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			opts := machine(t, tc.files)
			opts.CPUID, opts.VMKey = tc.cpuid, tc.override
			s, err := New(opts)
			if err != nil {
				t.Fatal(err)
			}
			if s.facts.VMKey != tc.key {
				t.Errorf("key is %q, want %q", s.facts.VMKey, tc.key)
			}
			if tc.none != (s.vmKey == model.Feature{}) || s.vmKey.Reason != tc.reason || (s.vmKey.Remedy == "") != (tc.reason == "") {
				t.Errorf("feature is %+v", s.vmKey)
			}
		})
	}
}

func TestVMKeyThatOnlyRootMayRead(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may read all files")
	}
	opts := machine(t, files{"sys/class/dmi/id/product_uuid": "x"})
	opts.CPUID = "KVMKVMKVM"
	if err := os.Chmod(filepath.Join(opts.SysFS, "class/dmi/id/product_uuid"), 0); err != nil {
		t.Fatal(err)
	}
	s, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	want := model.Feature{
		Name: "vm_key", Reason: model.NoPermission,
		Remedy: "run as root, or give the UUID in " + opts.SysFS + "/class/dmi/id/product_uuid with --vm-key",
	}
	if diff := cmp.Diff(want, s.vmKey); diff != "" {
		t.Errorf("feature differs (-want +got):\n%s", diff)
	}
}

func TestWrongOptions(t *testing.T) {
	opts := machine(t, nil)
	opts.VMKey = "my-server"
	if _, err := New(opts); err == nil || !strings.Contains(err.Error(), `"my-server"`) {
		t.Errorf("a wrong key gives %v", err)
	}
	opts = machine(t, nil)
	opts.ProcFS += "/nowhere"
	if _, err := New(opts); err == nil || !strings.Contains(err.Error(), opts.ProcFS) {
		t.Errorf("a wrong path gives %v", err)
	}
}
