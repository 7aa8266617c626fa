package node

import (
	"testing"

	"github.com/virt-exporter/virt_exporter/collector/model"
	"github.com/virt-exporter/virt_exporter/collector/source"
)

var _ source.Source = (*Source)(nil)

const (
	host      = model.RoleHost
	vm        = model.RoleVM
	container = model.RoleContainer

	hypervisorFlag = "processor\t: 0\nvendor_id\t: GenuineIntel\nflags\t\t: fpu vme hypervisor lahf_lm\n"
	plainFlags     = "processor\t: 0\nvendor_id\t: GenuineIntel\nflags\t\t: fpu vme vmx lahf_lm\n"

	dockerCgroups = "0::/docker/4f5d5a3b\n"
)

// smbios is the first structure of SMBIOS with the bit for virtual machines.
func smbios(isVM bool) string {
	b := make([]byte, 24)
	b[1] = 24
	if isVM {
		b[19] = 0x10
	}
	return string(b)
}

// raw is where smbios goes.
const raw = "sys/firmware/dmi/entries/0-0/raw"

type machineCase struct {
	name       string
	cpuid      string
	files      files
	role       model.Role
	hypervisor string
	product    string
}

func bareMachines() []machineCase {
	dell := firmware("sys_vendor", "Dell Inc.", "product_name", "PowerEdge R740", "board_vendor", "Dell Inc.", "bios_vendor", "Dell Inc.")
	return []machineCase{
		{"bare metal", "", dell.with("proc/cpuinfo", plainFlags), host, "", "Dell Inc. PowerEdge R740"},
		{"bare metal that nobody named", "", firmware("sys_vendor", "System manufacturer", "product_name", "To Be Filled By O.E.M."), host, "", ""},
		{"nothing to be read", "", nil, host, "", ""},
		{"names with odd bytes", "", firmware("sys_vendor", "A\xff", "product_name", "A\xff B  "), host, "", "A\uFFFD B"},
		{"Oracle's own server", "", firmware("sys_vendor", "Oracle Corporation", "product_name", "ORACLE SERVER X8-2", "board_vendor", "Oracle Corporation").
			with("proc/cpuinfo", plainFlags), host, "", "Oracle Corporation ORACLE SERVER X8-2"},
		{"EC2 metal by its name", "", firmware("sys_vendor", "Amazon EC2", "product_name", "c5.metal", "bios_vendor", "Amazon EC2"), host, "", "Amazon EC2"},
		{"EC2 metal of a size", "", firmware("sys_vendor", "Amazon EC2", "product_name", "m7i.metal-24xl"), host, "", "Amazon EC2"},
		{"EC2 metal by SMBIOS", "", firmware("sys_vendor", "Amazon EC2", "product_name", "x").with(raw, smbios(false)), host, "", "Amazon EC2"},
		{"Xen dom0 by features", "", dell.with("proc/xen/x", "", "sys/hypervisor/type", "xen\n", "sys/hypervisor/properties/features", "00002b10\n",
			"sys/hypervisor/properties/features", "00000fff\n"), host, "xen", "Dell Inc. PowerEdge R740"},
		{"Xen dom0 by capabilities", "XenVMMXenVMM", dell.with("proc/xen/capabilities", "control_d\n"), host, "xen", "Dell Inc. PowerEdge R740"},
		{"Hyper-V root partition", "Microsoft Hv", dell.with("sys/class/misc/mshv/dev", "10:1\n"), host, "microsoft", "Dell Inc. PowerEdge R740"},
	}
}

func cloudMachines() []machineCase {
	azure := firmware("sys_vendor", "Microsoft Corporation", "product_name", "Virtual Machine", "product_version", "7.0",
		"bios_vendor", "American Megatrends Inc.", "chassis_asset_tag", "7783-7084-3265-9085-8269-3286-77")
	return []machineCase{
		{"EC2 Nitro", "KVMKVMKVM", firmware("sys_vendor", "Amazon EC2", "product_name", "m5.large", "bios_vendor", "Amazon EC2"), vm, "amazon", "Amazon EC2"},
		{"EC2 Nitro by SMBIOS", "KVMKVMKVM", firmware("sys_vendor", "Amazon EC2", "product_name", "x.metal").with(raw, smbios(true)), vm, "amazon", "Amazon EC2"},
		{"EC2 on Xen", "XenVMMXenVMM", firmware("sys_vendor", "Xen", "product_name", "HVM domU", "bios_version", "4.11.amazon"), vm, "xen", "Amazon EC2"},
		{"EC2 on ARM", "", firmware("sys_vendor", "Amazon EC2", "product_name", "t4g.small"), vm, "amazon", "Amazon EC2"},
		{"GCE", "KVMKVMKVM", firmware("sys_vendor", "Google", "product_name", "Google Compute Engine", "bios_vendor", "Google"), vm, "google", "Google Compute Engine"},
		{"Azure", "Microsoft Hv", azure, vm, "microsoft", "Microsoft Azure"},
		{"Azure that may nest", "Microsoft Hv", azure.with("sys/class/misc/mshv/dev", "10:1\n"), vm, "microsoft", "Microsoft Azure"},
		{"DigitalOcean", "KVMKVMKVM", firmware("sys_vendor", "DigitalOcean", "product_name", "Droplet", "bios_vendor", "DigitalOcean"), vm, "kvm", "DigitalOcean"},
		{"OpenStack", "KVMKVMKVM", firmware("sys_vendor", "OpenStack Foundation", "product_name", "OpenStack Nova"), vm, "kvm", "OpenStack"},
		{"OpenStack on ARM", "", firmware("sys_vendor", "OpenStack Foundation", "product_name", "OpenStack Nova"), vm, "kvm", "OpenStack"},
		{"Hetzner", "KVMKVMKVM", firmware("sys_vendor", "Hetzner", "product_name", "vServer"), vm, "kvm", "Hetzner"},
		{"Alibaba", "KVMKVMKVM", firmware("sys_vendor", "Alibaba Cloud", "product_name", "Alibaba Cloud ECS"), vm, "kvm", "Alibaba Cloud"},
		{
			"Oracle Cloud", "KVMKVMKVM", firmware("sys_vendor", "QEMU", "product_name", "Standard PC (i440FX + PIIX, 1996)", "chassis_asset_tag", "OracleCloud.com"),
			vm, "kvm", "Oracle Cloud",
		},
	}
}

func virtualMachines() []machineCase {
	seabios := firmware("sys_vendor", "QEMU", "product_name", "Standard PC (Q35 + ICH9, 2009)", "bios_vendor", "SeaBIOS")
	return []machineCase{
		{"QEMU with KVM", "KVMKVMKVM", seabios, vm, "kvm", "QEMU Standard PC (Q35 + ICH9, 2009)"},
		{"QEMU without KVM", "TCGTCGTCGTCG", seabios, vm, "qemu", "QEMU Standard PC (Q35 + ICH9, 2009)"},
		{"QEMU on ARM, not saying", "", seabios, vm, "qemu", "QEMU Standard PC (Q35 + ICH9, 2009)"},
		{"KVM that offers what Hyper-V does", "Microsoft Hv", seabios, vm, "kvm", "QEMU Standard PC (Q35 + ICH9, 2009)"},
		{"KVM on ARM", "", firmware("sys_vendor", "QEMU", "product_name", "KVM Virtual Machine"), vm, "kvm", "QEMU KVM Virtual Machine"},
		{
			"VirtualBox that uses KVM", "KVMKVMKVM", firmware("sys_vendor", "innotek GmbH", "product_name", "VirtualBox", "board_vendor", "Oracle Corporation"),
			vm, "virtualbox", "innotek GmbH VirtualBox",
		},
		{"VirtualBox under other names", "", firmware("sys_vendor", "Acme", "product_name", "Box", "board_vendor", "Oracle Corporation").
			with("proc/cpuinfo", hypervisorFlag), vm, "virtualbox", "Acme Box"},
		{"VMware", "VMwareVMware", firmware("sys_vendor", "VMware, Inc.", "product_name", "VMware20,1"), vm, "vmware", "VMware, Inc. VMware20,1"},
		{
			"Hyper-V", "Microsoft Hv", firmware("sys_vendor", "Microsoft Corporation", "product_name", "Virtual Machine", "product_version", "Hyper-V UEFI Release v4.1"),
			vm, "microsoft", "Microsoft Corporation Virtual Machine",
		},
		{
			"Parallels", "KVMKVMKVM", firmware("sys_vendor", "Parallels Software International Inc.", "product_name", "Parallels Virtual Platform"),
			vm, "parallels", "Parallels Software International Inc. Parallels Virtual Platform",
		},
		{"bhyve", "bhyve bhyve ", firmware("sys_vendor", "FreeBSD", "product_name", "BHYVE"), vm, "bhyve", "FreeBSD BHYVE"},
		{"Xen domU", "XenVMMXenVMM", firmware("sys_vendor", "Xen", "product_name", "HVM domU"), vm, "xen", "Xen HVM domU"},
		{"Xen domU that feigns Hyper-V", "Microsoft Hv", firmware("sys_vendor", "Xen", "product_name", "HVM domU"), vm, "xen", "Xen HVM domU"},
		{"Xen PV domU", "", files{"proc/xen/capabilities": "", "sys/hypervisor/type": "xen\n", "sys/hypervisor/properties/features": "00000705\n"}, vm, "xen", ""},
		{"Xen by sysfs alone", "", files{"sys/hypervisor/type": "xen\n"}, vm, "xen", ""},
		{
			"Apple", "", firmware("sys_vendor", "Apple Inc.", "product_name", "Apple Virtualization Generic Platform"), vm, "apple",
			"Apple Inc. Apple Virtualization Generic Platform",
		},
		{"QNX", "QNXQVMBSQG", nil, vm, "qnx", ""},
		{"ACRN", "ACRNACRNACRN", nil, vm, "acrn", ""},
		{"user mode Linux in KVM", "KVMKVMKVM", files{"proc/cpuinfo": "processor\t: 0\nvendor_id\t: User Mode Linux\n"}, vm, "uml", ""},
		{"KVM by the device tree", "", files{"proc/device-tree/hypervisor/compatible": "linux,kvm\x00"}, vm, "kvm", ""},
		{"QEMU by the device tree", "", files{"proc/device-tree/fw-cfg@9020000/compatible": "qemu,fw-cfg-mmio\x00"}, vm, "qemu", ""},
		{"POWER partition", "", files{"proc/device-tree/ibm,partition-name": "p1\x00", "proc/device-tree/hmc-managed?": ""}, vm, "powervm", ""},
		{"z/VM", "", files{"proc/sysinfo": "Manufacturer: IBM\nVM00 Control Program: z/VM    7.2.0\n"}, vm, "zvm", ""},
		{"KVM on s390", "", files{"proc/sysinfo": "VM00 Control Program: KVM/Linux\n"}, vm, "kvm", ""},
		{"unknown signature", "ThisIsNobody", nil, vm, "vm-other", ""},
		{"no signature, just the flag", "", files{"proc/cpuinfo": hypervisorFlag}, vm, "vm-other", ""},
		{"unknown, but its firmware says VM", "", firmware("sys_vendor", "Acme", "product_name", "Cloud").with(raw, smbios(true)), vm, "vm-other", "Acme Cloud"},
		{
			"Firecracker by its ACPI tables", "KVMKVMKVM",
			files{"proc/cpuinfo": hypervisorFlag, "sys/firmware/acpi/tables/FACP": "FACP\x14\x01\x00\x00\x06fFIRECKFCVMFADT"},
			vm, "kvm", "Firecracker",
		},
		{"Firecracker by a device", "KVMKVMKVM", files{"sys/bus/acpi/devices/FCVMGID:00/hid": "FCVMGID\n"}, vm, "kvm", "Firecracker"},
		{"a microVM that could be anybody's", "KVMKVMKVM", files{"proc/cmdline": "virtio_mmio.device=4K@0xd0000000:5\n"}, vm, "kvm", ""},
	}
}

func containers() []machineCase {
	droplet := firmware("sys_vendor", "DigitalOcean", "product_name", "Droplet")
	return []machineCase{
		{"Docker on a VM", "KVMKVMKVM", droplet.with(".dockerenv", ""), container, "kvm", "DigitalOcean"},
		{"Docker that sees the host's processes", "", files{".dockerenv": "", "proc/2/comm": "kthreadd\n", "proc/self/cgroup": dockerCgroups}, container, "", ""},
		{"Podman", "", files{"run/.containerenv": ""}, container, "", ""},
		{"LXC on a host", "", files{"proc/1/environ": "PATH=/bin\x00container=lxc\x00TERM=linux\x00"}, container, "", ""},
		{"systemd in LXC", "", files{"run/systemd/container": "lxc\n"}, container, "", ""},
		{"nspawn", "", files{"run/host/container-manager": "systemd-nspawn\n"}, container, "", ""},
		{
			"Kubernetes pod", "",
			files{"sys/fs/cgroup/cgroup.controllers": "cpu\n", "sys/fs/cgroup/cgroup.events": "populated 1\n", "sys/fs/cgroup/cgroup.type": "domain\n"},
			container, "", "",
		},
		{"pod on cgroup v1", "", files{"sys/fs/cgroup/systemd/cgroup.procs": "1\n"}, container, "", ""},
		{"OpenVZ", "", files{"proc/vz/version": ""}, container, "", ""},
		{"OpenVZ's host", "", files{"proc/vz/version": "", "proc/bc/x": ""}, host, "", ""},
		{"WSL", "Microsoft Hv", files{"proc/sys/kernel/osrelease": "5.15.153.1-microsoft-standard-WSL2\n"}, container, "microsoft", ""},
		{"init without the variable", "", files{"proc/1/environ": "PATH=/bin\x00mycontainer=x\x00container=\x00"}, host, "", ""},
		{"host with cgroup v2", "", files{"sys/fs/cgroup/cgroup.controllers": "cpu\n", "sys/kernel/cgroup/features": "nsdelegate\n"}, host, "", ""},
		{"host with cgroup v1", "", files{"sys/fs/cgroup/systemd/cgroup.procs": "1\n", "sys/fs/cgroup/systemd/release_agent": "\n"}, host, "", ""},
		{"VM made from a container's image", "KVMKVMKVM", files{
			".dockerenv": "", "proc/2/comm": "kthreadd\n", "proc/self/cgroup": "1:cpu:/\n0::/\n",
			"sys/fs/cgroup/systemd/cgroup.procs": "1\n", "sys/fs/cgroup/systemd/release_agent": "\n",
			"sys/firmware/acpi/tables/FACP": "FACP\x14\x01\x00\x00\x06fFIRECKFCVMFADT",
		}, vm, "kvm", "Firecracker"},
	}
}

func TestMachine(t *testing.T) {
	for kind, cases := range map[string][]machineCase{
		"bare": bareMachines(), "cloud": cloudMachines(), "vm": virtualMachines(), "container": containers(),
	} {
		for _, tc := range cases {
			t.Run(kind+"/"+tc.name, func(t *testing.T) {
				opts := machine(t, tc.files)
				opts.CPUID = tc.cpuid
				s, err := New(opts)
				if err != nil {
					t.Fatal(err)
				}
				if s.facts.Role != tc.role || s.facts.Hypervisor != tc.hypervisor || s.facts.Product != tc.product {
					t.Errorf("is %q on %q, product %q; want %q on %q, product %q",
						s.facts.Role, s.facts.Hypervisor, s.facts.Product, tc.role, tc.hypervisor, tc.product)
				}
			})
		}
	}
}

// An exporter in a container that is given the host's files reports the host.
func TestContainerWithTheHostsFiles(t *testing.T) {
	here := machine(t, files{".dockerenv": ""})
	there := files{}
	for name, content := range firmware("sys_vendor", "Dell Inc.", "product_name", "R740") {
		there["host/"+name] = content
	}
	write(t, here, there.with("host/proc/2/comm", "kthreadd\n", "host/proc/self/cgroup", dockerCgroups))
	s, err := New(Options{ProcFS: here.RootFS + "/host/proc", SysFS: here.RootFS + "/host/sys", RootFS: here.RootFS + "/host"})
	if err != nil {
		t.Fatal(err)
	}
	if s.facts.Role != host {
		t.Errorf("is %q, want %q", s.facts.Role, host)
	}
}
