package identity

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

func TestHelperFromProcess(t *testing.T) {
	for _, tt := range []struct {
		name, comm, argv string
		want             Helper
	}{
		{name: "vhost in the kernel", comm: "vhost-4711", want: Helper{Component: model.Vhost, OwnerPID: 4711}},
		{
			// libvirt's log in a report to qemu-devel
			name: "virtiofsd in C, of libvirt", argv: "/usr/lib/qemu/virtiofsd --fd=29 -o source=/viofstest,cache=always,xattr",
			want: Helper{Component: model.Virtiofsd, FD: 29, Source: "/viofstest", Cache: "always"},
		},
		{
			name: "virtiofsd of libvirt and Proxmox", argv: "/usr/libexec/virtiofsd --fd=12 --shared-dir=/srv/data --announce-submounts --syslog",
			want: Helper{Component: model.Virtiofsd, FD: 12, Source: "/srv/data"},
		},
		{
			name: "virtiofsd by hand", argv: "/usr/libexec/virtiofsd --socket-path /tmp/vfsd.sock --shared-dir /mnt --cache never --tag home --thread-pool-size 4",
			want: Helper{Component: model.Virtiofsd, Socket: "/tmp/vfsd.sock", Source: "/mnt", Cache: "never", Tag: "home"},
		},
		{
			name: "virtiofsd in C, by hand", argv: "virtiofsd -o vhost_user_socket=/tmp/a.sock -o source=/mnt -o cache=auto",
			want: Helper{Component: model.Virtiofsd, Socket: "/tmp/a.sock", Source: "/mnt", Cache: "auto"},
		},
		{
			name: "virtiofsd in C, its options joined", argv: "virtiofsd --socket-path=/tmp/a.sock -oxattr,source=/mnt,cache=none",
			want: Helper{Component: model.Virtiofsd, Socket: "/tmp/a.sock", Source: "/mnt", Cache: "none"},
		},
		{
			// systemd/systemd, src/vmspawn
			name: "virtiofsd of systemd-vmspawn", argv: "/usr/lib/virtiofsd --shared-dir /var/lib/machines/a --tag rootdir --fd 4 --sandbox=none",
			want: Helper{Component: model.Virtiofsd, FD: 4, Source: "/var/lib/machines/a", Tag: "rootdir"},
		},
		{
			// kata-containers/kata-containers, issue 1875
			name: "virtiofsd of Kata", argv: "/usr/libexec/kata-qemu/virtiofsd --fd=3 -o source=/run/kata-containers/shared/sandboxes/" + sandbox + "/shared -o cache=auto --syslog -o no_posix_lock -f --thread-pool-size=1",
			want: Helper{Component: model.Virtiofsd, FD: 3, Source: "/run/kata-containers/shared/sandboxes/" + sandbox + "/shared", Cache: "auto", VMName: sandbox[:12]},
		},
		{
			// kubevirt/kubevirt, pkg/virtiofs
			name: "virtiofsd of KubeVirt", argv: "/usr/libexec/virtiofsd --socket-path=/var/run/kubevirt/virtiofs-containers/data.sock --shared-dir=/mnt/data --sandbox=none --cache=auto --migration-on-error=guest-error",
			want: Helper{Component: model.Virtiofsd, Socket: "/var/run/kubevirt/virtiofs-containers/data.sock", Source: "/mnt/data", Cache: "auto"},
		},
		{
			// lxc/incus, internal/server/device
			name: "virtiofsd of Incus", argv: "/opt/incus/bin/virtiofsd --fd=3 --cache=never -o source=/var/lib/incus/devices/web/disk.my--data.srv-data",
			want: Helper{Component: model.Virtiofsd, FD: 3, Source: "/var/lib/incus/devices/web/disk.my--data.srv-data", Cache: "never", Tag: "incus_my-data", VMName: "web"},
		},
		{
			name: "virtiofsd of LXD in a project, of a path with a dot", argv: "/snap/lxd/current/bin/virtiofsd --fd=3 -o source=/var/snap/lxd/common/lxd/devices/team_x_web/disk.data.srv-v1.2",
			want: Helper{Component: model.Virtiofsd, FD: 3, Source: "/var/snap/lxd/common/lxd/devices/team_x_web/disk.data.srv-v1.2", VMName: "team_x/web"},
		},
		{
			name: "virtiofsd with a tag that is too long for one", argv: "virtiofsd --fd=3 -o source=/var/lib/incus/devices/web/disk.a-device-with-quite-a-long-name-indeed.srv",
			want: Helper{Component: model.Virtiofsd, FD: 3, Source: "/var/lib/incus/devices/web/disk.a-device-with-quite-a-long-name-indeed.srv", VMName: "web"},
		},
		{
			name: "virtiofsd of a directory that is none of Incus'", argv: "virtiofsd --fd=x -o source=/var/lib/incus/devices/web/disk.a/b",
			want: Helper{Component: model.Virtiofsd, Source: "/var/lib/incus/devices/web/disk.a/b"},
		},
		{
			name: "virtiofsd on a socket of libvirt's", argv: "virtiofsd --socket-path=/var/lib/libvirt/qemu/domain-3-my-vm/fs0-fs.sock --shared-dir=/srv",
			want: Helper{Component: model.Virtiofsd, Socket: "/var/lib/libvirt/qemu/domain-3-my-vm/fs0-fs.sock", Source: "/srv", VMName: "my-vm"},
		},
		{
			// A NixOS configuration on GitHub with libvirt's command line.
			name: "swtpm of libvirt", argv: "/usr/bin/swtpm socket --ctrl type=unixio,path=/run/libvirt/qemu/swtpm/18-a-name-longer-than-t-swtpm.sock,mode=0600 --tpmstate dir=/var/lib/libvirt/swtpm/9ff0da6a-1699-4041-81d1-2e4e47e207ba/tpm2,mode=0600 --log file=/var/log/swtpm/libvirt/qemu/a-name-longer-than-twenty-swtpm.log --terminate --tpm2",
			want: Helper{Component: model.Other, VMName: "a-name-longer-than-twenty"},
		},
		{
			name: "swtpm of libvirt without a log", argv: "swtpm socket --ctrl type=unixio,path=/run/libvirt/qemu/swtpm/18-a-b-swtpm.sock,mode=0600",
			want: Helper{Component: model.Other, VMName: "a-b"},
		},
		{
			// A description of Proxmox' command line on GitHub.
			name: "swtpm of Proxmox", argv: "swtpm socket --tpmstate backend-uri=file:///dev/vm1/vm-108-tpmstate,mode=0600 --ctrl type=unixio,path=/var/run/qemu-server/108.swtpm,mode=0600 --pid file=/var/run/qemu-server/108.swtpm.pid --terminate --daemon --log file=/run/qemu-server/108-swtpm.log,level=1 --tpm2",
			want: Helper{Component: model.Other, VMName: "108"},
		},
		{
			// libvirt/libvirt, src/qemu/qemu_passt.c
			name: "passt", comm: "passt.avx2", argv: "passt --one-off --socket /run/user/1000/libvirt/qemu/run/passt/1-my-vm-net0.socket --pid /run/user/1000/libvirt/qemu/run/passt/1-my-vm-net0-passt.pid",
			want: Helper{Component: model.Other, VMName: "my-vm"},
		},
		{
			name: "passt, an alias of the user's", argv: "passt --one-off --socket /run/libvirt/qemu/passt/1-my-vm-ua-a-b.socket",
			want: Helper{Component: model.Other, VMName: "my-vm"},
		},
		{name: "passt for a container", argv: "passt", want: Helper{Component: model.Other}},
		{name: "arguments may not be read", comm: "virtiofsd", want: Helper{Component: model.Virtiofsd}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := Process{Comm: tt.comm, Args: argv(tt.argv)}
			if p.Comm == "" {
				p.Comm = comm(p.Args)
			}
			got, ok := HelperFromProcess(p)
			if !ok || !MayHelpVM(p.Comm) {
				t.Fatalf("no helper: %v, %v", ok, MayHelpVM(p.Comm))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("HelperFromProcess (-want +got):\n%s", diff)
			}
		})
	}
}

func TestHelperFromProcessKnowsOthers(t *testing.T) {
	for _, p := range []Process{
		{},
		{Comm: "bash", Args: []string{"bash"}},
		{Comm: "vhost-"},
		{Comm: "vhost-0"},
		{Comm: "vhost-99999999999"},
		{Comm: "vhost-1x"},
		{Comm: "vhost-1", Args: []string{"vhost-1"}}, // no kernel thread
		{Comm: "qemu-system-x86", Args: []string{"qemu-system-x86_64"}},
	} {
		if h, ok := HelperFromProcess(p); ok {
			t.Errorf("HelperFromProcess(%+v) = %+v", p, h)
		}
	}
	if n := testing.AllocsPerRun(100, func() { _ = MayHelpVM("kworker/0:1-eve") || MayHelpVM("vhost-12") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
