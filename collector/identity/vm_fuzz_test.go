package identity

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// badVM says what of vm is no label's value.
func badVM(vm VM) string {
	values := []string{vm.Runtime, vm.Name, vm.ID, vm.UUID, vm.Accelerator, vm.Image, vm.Project, vm.KubeNamespace, vm.KubePod}
	for _, s := range vm.Shares {
		values = append(values, s.Tag, s.Source, s.FSType, s.Cache)
	}
	for _, s := range vm.Sockets {
		values = append(values, s.Tag, s.Path)
	}
	if len(vm.Shares) > maxShares || len(vm.Sockets) > maxShares || vm.VCPUs < 0 || vm.VCPUs > maxVCPUs {
		return fmt.Sprintf("%d shares, %d sockets, %d vCPUs", len(vm.Shares), len(vm.Sockets), vm.VCPUs)
	}
	return badValues(values)
}

func badValues(values []string) string {
	for _, s := range values {
		if !utf8.ValidString(s) || len(s) > 3<<10 {
			return fmt.Sprintf("%d bytes, valid UTF-8 %v: %.100q", len(s), utf8.ValidString(s), s)
		}
	}
	return ""
}

func FuzzVMFromProcess(f *testing.F) {
	for _, s := range []string{
		libvirtVirtiofs, libvirt9p, nova, proxmox, kataQEMU, kubevirt, "", "-name", "qemu-system-x86_64 -name ,=,, -m .k -smp ,, -device {} -device {\"driver\":1}",
		"crosvm run --shared-dir ::: --vhost-user-fs : -s /", "cloud-hypervisor --fs --fs= tag=[,\" --api-socket", "krunvm start --cpus", "lkvm run --9p ,",
		"firecracker --id=\xff --api-sock ////run/root/api.sock", "vmware-vmx .vmx", "VBoxHeadless --startvm {}", "containerd-shim-kata-v2 -id",
		"virtiofsd -o =,source=\xff --socket-path", "virtiofsd --fd=99999999999 -o source=/incus/devices/_\xff/disk.-", "swtpm /swtpm/1--", "passt /passt/-ua-",
	} {
		args := argv(s)
		name := ""
		if len(args) > 0 {
			name = comm(args)
		}
		f.Add(name, strings.Join(args, "\x00"), "/machine.slice/machine-qemu\\x2d1\\xff.scope", uint32(1000))
	}
	f.Fuzz(func(t *testing.T, name, cmdline, cgroup string, uid uint32) {
		p := Process{Comm: name, UID: uid, Cgroup: cgroup}
		if cmdline != "" {
			p.Args = strings.Split(cmdline, "\x00")
		}
		vm, ok := VMFromProcess(p)
		if bad := badVM(vm); bad != "" {
			t.Error(bad)
		}
		if ok != (vm.Runtime != "") {
			t.Errorf("ok = %v for %+v", ok, vm)
		}
		h, _ := HelperFromProcess(p)
		if bad := badValues([]string{h.Socket, h.Tag, h.Source, h.Cache, h.VMName}); bad != "" {
			t.Error(bad)
		}
	})
}

func FuzzThreadComponent(f *testing.F) {
	for _, s := range []string{"", "CPU 0/KVM", "CPU /", "ALL CPUs/", "_q", "_qp1", "EMT-", "vhost-1", "IO ", "\xff"} {
		f.Add("qemu", s, false)
		f.Add("", s, true)
	}
	f.Fuzz(func(t *testing.T, runtime, comm string, leader bool) {
		c, vcpu := ThreadComponent(runtime, comm, leader)
		if c < 0 || c >= model.NumComponents || vcpu != (c == model.VCPU) || leader && vcpu {
			t.Errorf("ThreadComponent(%q, %q, %v) = %v, %v", runtime, comm, leader, c, vcpu)
		}
	})
}
