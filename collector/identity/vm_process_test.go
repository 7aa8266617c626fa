package identity

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// argv splits a command line at white space, but for what is in single quotes.
func argv(s string) []string {
	var args []string
	for s = strings.TrimSpace(s); s != ""; s = strings.TrimSpace(s) {
		end := strings.IndexAny(s, " \n\t")
		if s[0] == '\'' {
			end = strings.IndexByte(s[1:], '\'') + 1
			args = append(args, s[1:end])
			s = s[end+1:]
			continue
		}
		if end < 0 {
			end = len(s)
		}
		args = append(args, s[:end])
		s = s[end:]
	}
	return args
}

// comm is what the kernel makes of the name of a program.
func comm(args []string) string { return clip(baseName(args[0]), 15) }

const sandbox = "b66fcd8030efd2aa00451bfe9ef17ba71078466d4be2056faaf476383567144d"

func TestVMFromProcessQEMU(t *testing.T) {
	for _, tt := range []struct {
		name, argv, cgroup string
		uid                uint32
		want               VM
	}{
		{
			// libvirt/libvirt, tests/qemuxmlconfdata/vhost-user-fs-hugepages.x86_64-latest.args
			name: "libvirt with virtiofs", argv: libvirtVirtiofs,
			want: VM{
				Runtime: "qemu", Name: "guest", UUID: "1ccfd97d-5eb4-478a-bbe6-88d254c16db7", Accelerator: "tcg", VCPUs: 2, MemoryBytes: 2 << 30,
				Shares: []model.Share{{Tag: "mount_tag", FSType: "virtiofs"}, {Tag: "mount_tag2", FSType: "virtiofs"}},
				Sockets: []ShareSocket{
					{"mount_tag", "/var/lib/libvirt/qemu/domain--1-guest/fs0-fs.sock"}, {"mount_tag2", "/var/lib/libvirt/qemu/domain--1-guest/fs1-fs.sock"},
				},
			},
		},
		{
			// libvirt/libvirt, tests/qemuxmlconfdata/fs9p.x86_64-latest.args
			name: "libvirt with 9p", argv: libvirt9p,
			want: VM{
				Runtime: "qemu", Name: "QEMUGuest1", UUID: "c7a5fdbd-edaf-9455-926a-d65c16db1809", Accelerator: "tcg", VCPUs: 1, MemoryBytes: 219136 << 10,
				Shares: []model.Share{
					{Tag: "/import/from/host", Source: "/export/to/guest", FSType: "9p"},
					{Tag: "/import/from/host2", Source: "/export/to/guest2", FSType: "9p"},
				},
			},
		},
		{
			// A log of libvirt in a report to qemu-devel.
			name: "Nova", argv: nova,
			want: VM{Runtime: "qemu", Name: "instance-0034d494", UUID: "b959a460-84b0-4280-b851-96755027622b", Accelerator: "kvm", VCPUs: 16, MemoryBytes: 60000 << 20},
		},
		{
			// proxmox/qemu-server, src/test/cfg2cmd/simple1.conf.cmd
			name: "Proxmox", argv: proxmox, cgroup: "/qemu.slice/8006.scope",
			want: VM{Runtime: "qemu", Name: "simple", ID: "8006", UUID: "7b10d7af-b932-4c66-b2c3-3996152ec465", Accelerator: "kvm", VCPUs: 3, MemoryBytes: 768 << 20},
		},
		{
			name: "Proxmox, threads named", argv: "/usr/bin/kvm -id 100 -name 'web,debug-threads=on' -smp 4,sockets=2,cores=2,maxcpus=4 -m 2048 -machine type=pc+pve0,accel=tcg",
			want: VM{Runtime: "qemu", Name: "web", ID: "100", Accelerator: "tcg", VCPUs: 4, MemoryBytes: 2 << 30},
		},
		{
			name: "Proxmox without a name", argv: "/usr/bin/kvm -id 101 -m 512",
			want: VM{Runtime: "qemu", VCPUs: 1, Name: "101", ID: "101", Accelerator: "kvm", MemoryBytes: 512 << 20},
		},
		{
			// kata-containers/kata-containers, issue 1875
			name: "Kata", argv: kataQEMU,
			want: VM{
				Runtime: "qemu", Name: sandbox[:12], ID: sandbox, UUID: "e16fe487-1d37-460d-a321-9c51a1cc31be", Accelerator: "kvm", VCPUs: 1, MemoryBytes: 2 << 30,
				Shares:  []model.Share{{Tag: "kataShared", FSType: "virtiofs"}},
				Sockets: []ShareSocket{{"kataShared", "/run/vc/vm/" + sandbox + "/vhost-fs.sock"}},
			},
		},
		{
			// kata-containers/kata-containers, issue 3717
			name: "Kata, a name for an id", argv: "/opt/kata/bin/qemu-system-x86_64 -name sandbox-kata-initrd-test1 -uuid 1499be55-84de-4972-a86b-01bdf45d794a -machine q35,accel=kvm,kernel_irqchip=on -qmp unix:/run/vc/vm/kata-initrd-test1/qmp.sock,server=on,wait=off -m 2048M,slots=10,maxmem=3938M",
			want: VM{Runtime: "qemu", VCPUs: 1, Name: "kata-initrd-", ID: "kata-initrd-test1", UUID: "1499be55-84de-4972-a86b-01bdf45d794a", Accelerator: "kvm", MemoryBytes: 2 << 30},
		},
		{
			// Output of ps in a document on debugging KubeVirt's nodes.
			name: "KubeVirt", argv: kubevirt, uid: 107,
			want: VM{Runtime: "qemu", Name: "default/vmi-ephemeral", KubeNamespace: "default", UUID: "b56f06f0-07e9-4fe5-8913-18a14e83a4d1", Accelerator: "kvm", VCPUs: 1, MemoryBytes: 128 << 20},
		},
		{
			name: "KubeVirt by its cgroup", argv: "/usr/libexec/qemu-kvm -name guest=shop_db-0,debug-threads=on", cgroup: "/kubepods.slice/kubepods-pod" + uidUnder + ".slice/crio-" + idA + ".scope",
			want: VM{Runtime: "qemu", VCPUs: 1, Name: "shop/db-0", KubeNamespace: "shop", Accelerator: "kvm"},
		},
		{
			name: "an underscore elsewhere", argv: "/usr/bin/qemu-system-x86_64 -name guest=shop_db,debug-threads=on -accel kvm",
			want: VM{Runtime: "qemu", VCPUs: 1, Name: "shop_db", Accelerator: "kvm"},
		},
		{
			// canonical/lxd, issue 8416
			name: "LXD", argv: "/snap/lxd/19222/bin/qemu-system-x86_64 -S -name cgroup2 -uuid ec1ab1f6-3efa-4ba5-b688-a010e66ec89e -daemonize -cpu host -nographic -serial chardev:console -nodefaults -no-reboot -no-user-config -sandbox on,obsolete=deny,elevateprivileges=allow,spawn=deny,resourcecontrol=deny -readconfig /var/snap/lxd/common/lxd/logs/cgroup2/qemu.conf -pidfile /var/snap/lxd/common/lxd/logs/cgroup2/qemu.pid -D /var/snap/lxd/common/lxd/logs/cgroup2/qemu.log -chroot /var/snap/lxd/common/lxd/virtual-machines/cgroup2 -smbios 'type=2,manufacturer=Canonical Ltd.,product=LXD' -runas lxd",
			want: VM{Runtime: "qemu", Name: "cgroup2", UUID: "ec1ab1f6-3efa-4ba5-b688-a010e66ec89e", Accelerator: "kvm"},
		},
		{
			// Made after canonical/lxd and lxc/incus, driver_qemu.go.
			name: "Incus, a project", argv: "/opt/incus/bin/qemu-system-x86_64 -S -name v1 -uuid " + uid + " -daemonize -cpu host,hv_passthrough -nographic -serial chardev:console -nodefaults -no-user-config -readconfig /run/incus/my_proj_v1/qemu.conf -spice unix=on,disable-ticketing=on,addr=/run/incus/my_proj_v1/qemu.spice -pidfile /run/incus/my_proj_v1/qemu.pid",
			want: VM{Runtime: "qemu", Name: "my_proj/v1", Project: "my_proj", UUID: uid, Accelerator: "kvm"},
		},
		{
			name: "Incus, the project in the name", argv: "qemu-system-x86_64 -name prod_v1 -readconfig /run/incus/prod_v1/qemu.conf",
			want: VM{Runtime: "qemu", Name: "prod/v1", Project: "prod"},
		},
		{
			// A blog's output of ps.
			name: "libvirt's session", uid: 1000, argv: "/usr/bin/qemu-system-x86_64 -name guest=ubuntu2004,debug-threads=on -S -object secret,id=masterKey0,format=raw,file=/home/nasir/.config/libvirt/qemu/lib/domain-2-ubuntu2004/master-key.aes -machine pc-q35-4.2,accel=tcg,usb=off,dump-guest-core=off -cpu qemu64 -m 8192 -overcommit mem-lock=off -smp 1,sockets=1,cores=1,threads=1 -uuid 954c1f7e-50a1-4880-84db-4f1fa541ccf9 -display none",
			want: VM{Runtime: "qemu", Name: "user@1000/ubuntu2004", UUID: "954c1f7e-50a1-4880-84db-4f1fa541ccf9", Accelerator: "tcg", VCPUs: 1, MemoryBytes: 8 << 30},
		},
		{
			name: "libvirt's session, runtime directory", uid: 1000, argv: "/usr/bin/qemu-system-x86_64 -name guest=a -accel kvm -chardev socket,id=c,path=/run/user/1000/libvirt/qemu/run/channel/1-a/x",
			want: VM{Runtime: "qemu", VCPUs: 1, Name: "user@1000/a", Accelerator: "kvm"},
		},
		{
			name: "a disk below another user's home", uid: 64055, argv: "/usr/bin/qemu-system-x86_64 -name guest=a -accel kvm -drive file=/run/user/1000/libvirt/qemu/x.img",
			want: VM{Runtime: "qemu", VCPUs: 1, Name: "a", Accelerator: "kvm"},
		},
		{
			name: "by hand", argv: "qemu-system-x86_64 --enable-kvm --name 'a,,b,process=web' -m 1.5G,slots=2 -smp cores=2,threads=2,sockets=1 -virtfs local,path=/srv/a,,b,mount_tag=Public-me,security_model=mapped-xattr -smbios type=1,uuid=" + uid,
			want: VM{
				Runtime: "qemu", Name: "a,b", UUID: uid, Accelerator: "kvm", VCPUs: 4, MemoryBytes: 3 << 29,
				Shares: []model.Share{{Tag: "Public-me", Source: "/srv/a,b", FSType: "9p"}},
			},
		},
		{
			// Made after PVE::QemuServer::Virtiofs: the tag is the id of the mapping.
			name: "Proxmox with virtiofs", argv: "/usr/bin/kvm -id 100 -name a,debug-threads=on -chardev socket,id=virtiofs0,path=/run/qemu-server/virtiofsd/vm100-fs0 -device vhost-user-fs-pci,queue-size=1024,chardev=virtiofs0,tag=media -object memory-backend-memfd,id=virtiofs-mem,size=1024M,share=on",
			want: VM{
				Runtime: "qemu", Name: "a", ID: "100", Accelerator: "kvm", VCPUs: 1,
				Shares: []model.Share{{Tag: "media", FSType: "virtiofs"}}, Sockets: []ShareSocket{{"media", "/run/qemu-server/virtiofsd/vm100-fs0"}},
			},
		},
		{
			name: "9p by fsdev and device, twice in one directory", argv: "qemu-system-x86_64 -name a -fsdev local,id=f0,path=/srv,security_model=none,readonly=on -device virtio-9p-pci,fsdev=f0,mount_tag=ro --fsdev local,id=f1,path=/srv --device virtio-9p-device,fsdev=f1,mount_tag=rw -fsdev synth,id=f2 -device virtio-9p-pci,fsdev=f2,mount_tag=none",
			want: VM{
				Runtime: "qemu", Name: "a", Accelerator: "tcg", VCPUs: 1,
				Shares: []model.Share{{Tag: "ro", Source: "/srv", FSType: "9p"}, {Tag: "rw", Source: "/srv", FSType: "9p"}, {Tag: "none", FSType: "9p"}},
			},
		},
		{
			name: "virtiofs of s390x, of a socket that is handed over", argv: "qemu-system-s390x -name a -chardev socket,id=c0,fd=9 -device vhost-user-fs-ccw,chardev=c0,tag=data",
			want: VM{
				Runtime: "qemu", Name: "a", Accelerator: "tcg", VCPUs: 1,
				Shares: []model.Share{{Tag: "data", FSType: "virtiofs"}},
			},
		},
		{
			name: "several accelerators", argv: "qemu-system-aarch64 -M virt,accel=kvm:tcg -m size=4194304k,slots=16,maxmem=8G",
			want: VM{Runtime: "qemu", VCPUs: 1, Accelerator: "kvm", MemoryBytes: 4 << 30},
		},
		{
			name: "accel twice", argv: "qemu-system-x86_64 -accel kvm,kernel-irqchip=split -accel tcg -smp maxcpus=8,sockets=2",
			want: VM{Runtime: "qemu", Accelerator: "kvm", VCPUs: 8},
		},
		{
			name: "a kernel's arguments like options", argv: "qemu-system-x86_64 -name real -append -name -m 1G",
			want: VM{Runtime: "qemu", VCPUs: 1, Name: "real", Accelerator: "tcg", MemoryBytes: 1 << 30},
		},
		{
			name: "named by vmspawn's unit", argv: "qemu-system-x86_64 -machine q35,accel=kvm", cgroup: "/machine.slice/systemd-vmspawn@fedora.service",
			want: VM{Runtime: "qemu", VCPUs: 1, Name: "fedora", Accelerator: "kvm"},
		},
		{
			name: "argv cut off", argv: "qemu-system-x86_64 -name guest=a -accel kvm -device '{\"driver\":\"vhost-user-fs-pci\",\"tag\":'",
			want: VM{Runtime: "qemu", VCPUs: 1, Name: "a", Accelerator: "kvm"},
		},
		{
			name: "a size that no machine has", argv: "qemu-system-x86_64 -name a -accel kvm -m 99999999999999T -smp 99999999",
			want: VM{Runtime: "qemu", Name: "a", Accelerator: "kvm"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			args := argv(tt.argv)
			wantVM(t, Process{Comm: comm(args), Args: args, UID: tt.uid, Cgroup: tt.cgroup}, tt.want)
		})
	}
}

func wantVM(t *testing.T, p Process, want VM) {
	t.Helper()
	if !MayRunVM(p.Comm) {
		t.Errorf("MayRunVM(%q) = false", p.Comm)
	}
	got, ok := VMFromProcess(p)
	if !ok {
		t.Fatal("no virtual machine")
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(model.Opt{})); diff != "" {
		t.Errorf("VMFromProcess (-want +got):\n%s", diff)
	}
}

func TestVMFromProcessOthers(t *testing.T) {
	for _, tt := range []struct {
		name, comm, argv, cgroup string
		want                     VM
	}{
		{
			// firecracker-microvm/firecracker, docs/jailer.md
			name: "Firecracker, jailed", argv: "firecracker --id=551e7604-e35c-42b3-b825-416853441234 --start-time-us=1 --start-time-cpu-us=2", cgroup: "/firecracker/551e7604-e35c-42b3-b825-416853441234",
			want: VM{Runtime: "firecracker", Name: "551e7604-e35c-42b3-b825-416853441234", ID: "551e7604-e35c-42b3-b825-416853441234", Accelerator: "kvm"},
		},
		{
			name: "Firecracker, jailed, options apart", argv: "/firecracker --id web1 --start-time-us 1 --start-time-cpu-us 2 --parent-cpu-time-us 3",
			want: VM{Runtime: "firecracker", Name: "web1", ID: "web1", Accelerator: "kvm"},
		},
		{
			name: "Firecracker without an id, in a cgroup", argv: "/firecracker --api-sock /run/firecracker.socket --id anonymous-instance", cgroup: "/firecracker/vm7",
			want: VM{Runtime: "firecracker", Name: "vm7", ID: "vm7", Accelerator: "kvm"},
		},
		{
			name: "Firecracker with a socket alone", argv: "./firecracker-v1.7.0-x86_64 --api-sock /tmp/web.sock",
			want: VM{Runtime: "firecracker", Name: "web", Accelerator: "kvm"},
		},
		{
			name: "Firecracker with a socket of the usual name", argv: "firecracker --api-sock /srv/vms/web/run/firecracker.socket",
			want: VM{Runtime: "firecracker", Name: "web", Accelerator: "kvm"},
		},
		{
			// kata-containers/kata-containers, src/runtime/virtcontainers/fc.go
			name: "Firecracker of Kata", argv: "/opt/kata/bin/firecracker --api-sock /run/vc/firecracker/" + sandbox + "/root/run/firecracker.socket --config-file /run/vc/firecracker/" + sandbox + "/root/fcConfig.json",
			want: VM{Runtime: "firecracker", Name: sandbox[:12], ID: sandbox, Accelerator: "kvm"},
		},
		{
			name: "Firecracker of Kata, jailed", argv: "firecracker --id " + sandbox[:32] + " --start-time-us 1 --config-file fcConfig.json",
			want: VM{Runtime: "firecracker", Name: sandbox[:12], ID: sandbox[:32], Accelerator: "kvm"},
		},
		{
			// cloud-hypervisor/cloud-hypervisor, docs/fs.md, with a second share and --platform
			name: "cloud-hypervisor", comm: "cloud-hyperviso", argv: "./cloud-hypervisor --cpus boot=4,max=8 --memory size=4G,shared=on --disk path=focal.raw --kernel vmlinux --cmdline 'console=hvc0 root=/dev/vda1 rw' --fs tag=myfs,socket=/tmp/virtiofs,num_queues=1,queue_size=512 tag=two,socket=/tmp/two --platform 'serial_number=a,oem_strings=[x,uuid=evil],uuid=" + uid + "' --api-socket path=/run/vms/web.sock",
			want: VM{
				Runtime: "cloud-hypervisor", Name: "web", UUID: uid, Accelerator: "kvm", VCPUs: 4, MemoryBytes: 4 << 30,
				Shares:  []model.Share{{Tag: "myfs", FSType: "virtiofs"}, {Tag: "two", FSType: "virtiofs"}},
				Sockets: []ShareSocket{{"myfs", "/tmp/virtiofs"}, {"two", "/tmp/two"}},
			},
		},
		{
			name: "cloud-hypervisor, equals signs", argv: "cloud-hypervisor --fs=tag=a,socket=/a.sock --memory=size=1073741824 --cpus=boot=2 --api-socket=/run/web/api.sock",
			want: VM{
				Runtime: "cloud-hypervisor", Name: "web", Accelerator: "kvm", VCPUs: 2, MemoryBytes: 1 << 30,
				Shares: []model.Share{{Tag: "a", FSType: "virtiofs"}}, Sockets: []ShareSocket{{"a", "/a.sock"}},
			},
		},
		{
			// kata-containers/kata-containers, src/runtime/virtcontainers/clh.go
			name: "cloud-hypervisor of Kata", argv: "/opt/kata/bin/cloud-hypervisor --api-socket /run/vc/vm/" + sandbox + "/clh-api.sock",
			want: VM{Runtime: "cloud-hypervisor", Name: sandbox[:12], ID: sandbox, Accelerator: "kvm"},
		},
		{
			name: "cloud-hypervisor of Kata in Rust", argv: "/opt/kata/bin/cloud-hypervisor --api-socket path=/run/kata/" + sandbox + "/root/ch-api.sock",
			want: VM{Runtime: "cloud-hypervisor", Name: sandbox[:12], ID: sandbox, Accelerator: "kvm"},
		},
		{
			// libvirt/libvirt, src/ch/ch_monitor.c
			name: "cloud-hypervisor of libvirt", argv: "/usr/bin/cloud-hypervisor --api-socket /run/libvirt/ch/my-vm-socket",
			want: VM{Runtime: "cloud-hypervisor", Name: "my-vm", Accelerator: "kvm"},
		},
		{
			name: "cloud-hypervisor of libvirt, its socket handed over", argv: "/usr/bin/cloud-hypervisor --api-socket fd=3", cgroup: `/machine.slice/machine-ch\x2d1\x2dmy\x2dvm.scope`,
			want: VM{Runtime: "cloud-hypervisor", Name: "my-vm", Accelerator: "kvm"},
		},
		{
			// olvaffe's notes on Crostini
			name: "crosvm of ChromeOS", argv: "/usr/bin/crosvm run --cpus 4 --mem 5901 --root /run/imageloader/x --tap-fd 16 --cid 3 --socket /run/vm/vm.Ucaif1/crosvm.sock --wayland-sock /run/chrome/wayland-0 --gpu",
			want: VM{Runtime: "crosvm", Name: "vm.Ucaif1", Accelerator: "kvm", VCPUs: 4, MemoryBytes: 5901 << 20},
		},
		{
			// Made after microvm-nix/microvm.nix, lib/runners/crosvm.nix
			name: "crosvm of microvm.nix", argv: "/nix/store/x/bin/crosvm --log-level debug run -m size=512 -c num-cores=2 -s /var/lib/microvms/web/web.sock --vhost-user type=fs,socket=/a/ro-store.sock --shared-dir /nix/store:store:type=fs:cache=always --shared-dir /data:data:type=p9 --vhost-user-fs /b.sock,tag=b --vhost-user-fs /c.sock:c -p 'panic=-1' bzImage",
			want: VM{
				Runtime: "crosvm", Name: "web", Accelerator: "kvm", VCPUs: 2, MemoryBytes: 512 << 20,
				Shares: []model.Share{
					{Tag: "store", Source: "/nix/store", FSType: "virtiofs", Cache: "always"},
					{Tag: "data", Source: "/data", FSType: "9p"},
					{Tag: "b", FSType: "virtiofs"},
					{Tag: "c", FSType: "virtiofs"},
				},
				Sockets: []ShareSocket{{"", "/a/ro-store.sock"}, {"b", "/b.sock"}, {"c", "/c.sock"}},
			},
		},
		{
			name: "crosvm with a name", argv: "crosvm run --name db --hypervisor gunyah[device=/dev/gunyah] -s /tmp/x.sock kernel",
			want: VM{Runtime: "crosvm", Name: "db", Accelerator: "gunyah"},
		},
		{
			// rkt/rkt, an issue's output of ps
			name: "kvmtool of rkt", argv: "./stage1/rootfs/lkvm run --name rkt-8d4ce168-6825-4fbb-b52b-738a3c891a9d --no-dhcp --cpu 1 --mem 128 --console=virtio --kernel stage1/rootfs/bzImage --disk stage1/rootfs --9p /srv,data",
			want: VM{
				Runtime: "kvmtool", Name: "rkt-8d4ce168-6825-4fbb-b52b-738a3c891a9d", Accelerator: "kvm", VCPUs: 1, MemoryBytes: 128 << 20,
				Shares: []model.Share{{Tag: "data", Source: "/srv", FSType: "9p"}},
			},
		},
		{
			name: "kvmtool without a name", argv: "lkvm run -c 2 -m 512 -k bzImage",
			want: VM{Runtime: "kvmtool", Accelerator: "kvm", VCPUs: 2, MemoryBytes: 512 << 20},
		},
		{
			// Made after openeuler-mirror/Virt-docs, stratovirt/vm_configuration.md
			name: "StratoVirt", argv: "/usr/bin/stratovirt -name vm1 -uuid " + uid + " -machine microvm,mem-share=on -smp cpus=4 -m 2G -kernel vmlinux.bin -append -name -chardev socket,id=virtio_fs,path=/tmp/fs.sock -device vhost-user-fs-device,id=device_id,chardev=virtio_fs,tag=mount_tag -disable-seccomp -daemonize",
			want: VM{
				Runtime: "stratovirt", Name: "vm1", UUID: uid, Accelerator: "kvm", VCPUs: 4, MemoryBytes: 2 << 30,
				Shares: []model.Share{{Tag: "mount_tag", FSType: "virtiofs"}}, Sockets: []ShareSocket{{"mount_tag", "/tmp/fs.sock"}},
			},
		},
		{
			// minikube, a tutorial's output of ps
			name: "VirtualBox", argv: "/usr/lib/virtualbox/VBoxHeadless --comment minikube --startvm 36955125-c8c6-4c96-bf63-16251960c40b --vrde config",
			want: VM{Runtime: "virtualbox", Name: "minikube", UUID: "36955125-c8c6-4c96-bf63-16251960c40b"},
		},
		{
			name: "VirtualBox with a window", argv: "/usr/lib/virtualbox/VirtualBoxVM --comment 'lubuntu 21' --startvm {9c1f2428-9e1d-43cb-a3f8-3f0967bfa190} --no-startvm-errormsgbox",
			want: VM{Runtime: "virtualbox", Name: "lubuntu 21", UUID: "9c1f2428-9e1d-43cb-a3f8-3f0967bfa190"},
		},
		{
			name: "VirtualBox by name", argv: "VBoxHeadless -startvm synergy",
			want: VM{Runtime: "virtualbox", Name: "synergy"},
		},
		{
			// A blog's output of ps during a build with packer.
			name: "VMware", argv: "/usr/lib/vmware/bin/vmware-vmx -s vmx.noUIBuildNumberCheck=TRUE -# 'product=4;name=VMware Player;version=14.0.0;buildnumber=6661328' -@ duplex=3;msgs=ui '/vms/Windows 10 x64.vmx'",
			want: VM{Runtime: "vmware-workstation", Name: "Windows 10 x64"},
		},
		{
			// kata-containers/kata-containers, an issue's output of ps
			name: "Dragonball", comm: "containerd-shim", argv: "/opt/kata/bin/containerd-shim-kata-v2 -namespace k8s.io -address /run/containerd/containerd.sock -publish-binary /usr/bin/containerd -id " + sandbox,
			want: VM{Runtime: "dragonball", Name: sandbox[:12], ID: sandbox, Accelerator: "kvm"},
		},
		{
			// containers/crun, src/libcrun/container.c: the name of the handler, and argv rewritten
			name: "crun with libkrun", comm: "krun", argv: "[libcrun:krun] /bin/sh -c 'sleep 1'", cgroup: "/machine.slice/libpod-" + idA + ".scope/container",
			want: VM{Runtime: "libkrun", Accelerator: "kvm"},
		},
		{
			name: "crun with libkrun, of old", comm: "krun", argv: "/usr/bin/crun --systemd-cgroup create --bundle /b " + idA,
			want: VM{Runtime: "libkrun", Accelerator: "kvm"},
		},
		{
			// Made after the options of containers/krunvm.
			name: "krunvm", argv: "krunvm start --cpus 2 --mem=1024 fedora /bin/bash -- --mem 5",
			want: VM{Runtime: "libkrun", Name: "fedora", Accelerator: "kvm", VCPUs: 2, MemoryBytes: 1 << 30},
		},
		{
			name: "muvm", argv: "muvm -- FEXBash -c steam",
			want: VM{Runtime: "libkrun", Accelerator: "kvm"},
		},
		{
			name: "wrapped in NixOS", comm: ".cloud-hypervis", argv: "/nix/store/x/bin/cloud-hypervisor --api-socket /run/web.sock",
			want: VM{Runtime: "cloud-hypervisor", Name: "web", Accelerator: "kvm"},
		},
		{
			name: "QEMU that renamed itself", comm: "web", argv: "/usr/bin/qemu-system-x86_64 -name web,process=web -accel kvm",
			want: VM{Runtime: "qemu", VCPUs: 1, Name: "web", Accelerator: "kvm"},
		},
		{
			name: "no arguments to be read", comm: "qemu-system-x86", cgroup: `/machine.slice/machine-qemu\x2d1\x2dmy\x2dvm.scope/libvirt/emulator`,
			want: VM{Runtime: "qemu", Name: "my-vm"},
		},
		{
			name: "no arguments to be read, Proxmox", comm: "kvm", cgroup: "/qemu.slice/100.scope",
			want: VM{Runtime: "qemu", Name: "100", ID: "100"},
		},
		{
			name: "no arguments to be read, nothing known", comm: "firecracker", cgroup: "/user.slice",
			want: VM{Runtime: "firecracker"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := Process{Comm: tt.comm, Args: argv(tt.argv), Cgroup: tt.cgroup}
			if p.Comm == "" {
				p.Comm = comm(p.Args)
			}
			got, ok := VMFromProcess(p)
			if !ok {
				t.Fatal("no virtual machine")
			}
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(model.Opt{})); diff != "" {
				t.Errorf("VMFromProcess (-want +got):\n%s", diff)
			}
			if p.Comm != "web" && !MayRunVM(p.Comm) {
				t.Errorf("MayRunVM(%q) = false", p.Comm)
			}
		})
	}
}

func TestVMFromProcessKnowsWhatRunsNone(t *testing.T) {
	for _, tt := range []struct{ name, comm, argv string }{
		{name: "qemu-img", argv: "qemu-img convert -O raw a b"},
		{name: "qemu-nbd", argv: "/usr/bin/qemu-nbd -c /dev/nbd0 x"},
		{name: "the guest agent", argv: "/usr/sbin/qemu-ga --daemonize"},
		{name: "the storage daemon", argv: "qemu-storage-daemon --blockdev x"},
		{name: "the helper for persistent reservations", argv: "/usr/bin/qemu-pr-helper"},
		{name: "user mode", argv: "/usr/bin/qemu-x86_64 -L / ./prog"},
		{name: "user mode, static", argv: "/usr/bin/qemu-aarch64-static /bin/sh"},
		{name: "libvirtd", argv: "/usr/sbin/libvirtd -l"},
		{name: "virtqemud", argv: "/usr/sbin/virtqemud -f /x"},
		{name: "virt-launcher", argv: "/usr/bin/virt-launcher --name vm --namespace default"},
		{name: "libvirt's probe", argv: "/usr/bin/qemu-system-x86_64 -S -no-user-config -nodefaults -nographic -machine none,accel=kvm:tcg -qmp unix:/var/lib/libvirt/qemu/qmp-x/qmp.monitor,server=on,wait=off -daemonize"},
		{name: "QEMU's version", argv: "qemu-system-x86_64 --version"},
		{name: "QEMU's help", argv: "qemu-kvm -device help -h"},
		{name: "the device model of a Xen domain", argv: "/usr/lib/xen/bin/qemu-system-i386 -xen-domid 3 -no-shutdown -chardev socket,id=libxl-cmd,path=/run/xen/qmp-libxl-3,server=on,wait=off -name web -machine xenfv -m 1024"},
		{name: "crosvm's control", argv: "crosvm stop /run/vm.sock"},
		{name: "crosvm's device", argv: "crosvm --log-level info device fs --socket-path /x --tag t --shared-dir /run"},
		{name: "crosvm alone", argv: "crosvm"},
		{name: "crosvm's sandboxed device", comm: "pcivirtio-block", argv: "crosvm run -s /tmp/x.sock kernel"},
		{name: "runc's shim", argv: "/usr/bin/containerd-shim-runc-v2 -namespace k8s.io -id " + idA + " -address /run/containerd/containerd.sock"},
		{name: "Kata's shim that starts another", argv: "/opt/kata/bin/containerd-shim-kata-v2 -namespace k8s.io -id " + sandbox + " start"},
		{name: "a shim without arguments", comm: "containerd-shim"},
		{name: "crun", argv: "/usr/bin/crun --systemd-cgroup start " + idA},
		{name: "krun, which is crun", argv: "/usr/bin/krun --systemd-cgroup start " + idA},
		{name: "krunvm's list", argv: "krunvm list"},
		{name: "lkvm's list", argv: "lkvm list"},
		{name: "Firecracker's version", argv: "firecracker --version"},
		{name: "firecracker-containerd", argv: "/usr/local/bin/firecracker-containerd --config /x"},
		{name: "the jailer", argv: "jailer --id a --exec-file /firecracker"},
		{name: "ch-remote", argv: "ch-remote --api-socket /x info"},
		{name: "cloud-hypervisor's version", argv: "cloud-hypervisor --version"},
		{name: "VirtualBox' manager", argv: "/usr/lib/virtualbox/VirtualBox"},
		{name: "VBoxSVC", argv: "/usr/lib/virtualbox/VBoxSVC --auto-shutdown"},
		{name: "a licence for VMware", argv: "/usr/lib/vmware/bin/vmware-vmx --new-sn 4C21U-2KK9Q"},
		{name: "StratoVirt's probe", argv: "stratovirt -machine none -qmp unix:/x"},
		{name: "a timer of KVM in the kernel", comm: "kvm-pit/1234"},
		{name: "nothing"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := Process{Comm: tt.comm, Args: argv(tt.argv)}
			if p.Comm == "" && len(p.Args) > 0 {
				p.Comm = comm(p.Args)
			}
			if vm, ok := VMFromProcess(p); ok || !cmp.Equal(vm, VM{}) {
				t.Errorf("VMFromProcess = %+v, %v", vm, ok)
			}
		})
	}
}

func TestMayRunVM(t *testing.T) {
	for name, want := range map[string]bool{
		"qemu-system-x86": true, "qemu-kvm": true, "kvm": true, ".qemu-system-x8": true, "qemu-virtiofs-s": true, "crosvm": true, "lkvm": true,
		"krun": true, "krunvm": true, "muvm": true, "stratovirt": true, "VBoxHeadless": true, "VirtualBoxVM": true, "vmware-vmx": true,
		"firecracker": true, "cloud-hyperviso": true, "containerd-shim": true,
		"": false, "bash": false, "qemu-img": false, "qemu-ga": false, "qemu-nbd": false, "libvirtd": false, "kvm-pit/12": false, "crun": false,
		"conmon": false, "containerd": false, "virtiofsd": false, "vhost-123": false, "kvm-nx-lpage-re": false,
	} {
		if got := MayRunVM(name); got != want {
			t.Errorf("MayRunVM(%q) = %v", name, got)
		}
	}
	if n := testing.AllocsPerRun(100, func() { _ = MayRunVM("kworker/0:1-eve") || MayRunVM("qemu-system-x86") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestVMFromProcessBoundsWhatItKeeps(t *testing.T) {
	long := strings.Repeat("é\xff", 4000)
	args := []string{"qemu-system-x86_64", "-name", "guest=" + long, "-uuid", long, "-machine", "accel=" + long, "-id", long}
	for range 1000 {
		args = append(args, "-virtfs", "local,path=/"+long+",mount_tag="+long, "-device", "vhost-user-fs-pci,chardev=c,tag="+long)
	}
	vm, ok := VMFromProcess(Process{Comm: "qemu-system-x86", Args: args})
	if !ok {
		t.Fatal("no virtual machine")
	}
	if bad := badVM(vm); bad != "" {
		t.Error(bad)
	}
	if len(vm.Shares) != maxShares || vm.Shares[0].Source != "" {
		t.Errorf("%d shares, the first of %q", len(vm.Shares), vm.Shares[0].Source)
	}
}

func TestSocketName(t *testing.T) {
	for path, want := range map[string]string{
		"": "", "/": "", "web.sock": "web", "/tmp/web.socket": "web", "/run/firecracker.socket": "firecracker", "api.sock": "api",
		"/vms/web/api.sock": "web", "/vms/web/root/run/firecracker.socket": "web", "/tmp/ch.sock": "ch", "/run//api.sock": "api", "/vms/web/ch-api.sock": "web",
	} {
		if got := socketName(path); got != want {
			t.Errorf("socketName(%q) = %q, want %q", path, got, want)
		}
	}
}

func TestParseSize(t *testing.T) {
	for s, want := range map[string]uint64{
		"": 0, "1": 1 << 20, "4096": 4 << 30, "4G": 4 << 30, "4g": 4 << 30, "219136k": 219136 << 10, "512B": 512, "1.5G": 3 << 29, "2T": 2 << 40,
		"G": 0, "-1": 0, "1e9": 0, "x": 0, "1.2.3": 0, "18446744073709551615G": 0, "99999999999999999999": 0, "16E": 0, "Inf": 0, "9999999999.5P": 0,
	} {
		if got := parseSize(s, 1<<20); got != want {
			t.Errorf("parseSize(%q) = %d, want %d", s, got, want)
		}
	}
}

func BenchmarkVMFromProcess(b *testing.B) {
	p := Process{Comm: "qemu-system-x86", Args: argv(libvirtVirtiofs)}
	b.ReportAllocs()
	for b.Loop() {
		VMFromProcess(p)
	}
}
