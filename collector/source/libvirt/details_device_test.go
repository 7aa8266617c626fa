package libvirt

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// diskCases are disks and what they lie on.
func diskCases() map[string]struct{ doc, want string } {
	return map[string]struct{ doc, want string }{
		"file":       {`<disk type='file'><source file='/img'/><target dev='vda'/></disk>`, "/img"},
		"no type":    {`<disk><source file='/img'/><target dev='vda'/></disk>`, "/img"},
		"block":      {`<disk type='block'><source dev='/dev/vg/lv'/><target dev='vda'/></disk>`, "/dev/vg/lv"},
		"directory":  {`<disk type='dir'><source dir='/d'/><target dev='vda'/></disk>`, "/d"},
		"volume":     {`<disk type='volume'><source pool='p' volume='v'/><target dev='vda'/></disk>`, "volume:p/v"},
		"vhost-user": {`<disk type='vhostuser'><source type='unix' path='/s'><reconnect enabled='yes'/></source><target dev='vda'/></disk>`, "vhost-user"},
		"vhost-vdpa": {`<disk type='vhostvdpa'><source dev='/dev/vhost-vdpa-0'/><target dev='vda'/></disk>`, "/dev/vhost-vdpa-0"},
		"no source":  {`<disk type='block' device='lun'><target dev='vda'/></disk>`, ""},
		"unknown":    {`<disk type='telepathy'><source file='x'/><target dev='vda'/></disk>`, ""},
		"cdrom":      {`<disk type='file' device='cdrom'><source file='/iso'/><target dev='vda'/></disk>`, "/iso"},
		"nvme": {
			`<disk type='nvme'><source type='pci' managed='yes' namespace='1'>` +
				`<address domain='0x0000' bus='0x01' slot='0x00' function='0x0'/></source><target dev='vda'/></disk>`,
			"nvme:0000:01:00.0/1",
		},
		"rbd": {
			`<disk type='network'><source protocol='rbd' name='pool/img'><host name='mon' port='6789'/></source><target dev='vda'/></disk>`,
			"rbd:pool/img",
		},
		"rbd with options": {
			`<disk type='network'><source protocol='rbd' name='pool/img:id=admin:key=SECRET'/><target dev='vda'/></disk>`,
			"rbd:pool/img",
		},
		"nbd": {
			`<disk type='network'><source protocol='nbd' name='export'><host name='host' port='10809'/></source><target dev='vda'/></disk>`,
			"nbd://host:10809/export",
		},
		"nbd of no name over IPv6": {
			`<disk type='network'><source protocol='nbd'><host name='::1' port='10809'/></source><target dev='vda'/></disk>`,
			"nbd://[::1]:10809/",
		},
		"nbd through a socket": {
			`<disk type='network'><source protocol='nbd' name='e'><host transport='unix' socket='/run/nbd'/></source><target dev='vda'/></disk>`,
			"nbd+unix:/run/nbd:/e",
		},
		"iscsi": {
			`<disk type='network'><auth username='u'><secret type='iscsi' usage='SECRET'/></auth>` +
				`<source protocol='iscsi' name='iqn.2013-07.com.example:iscsi/2'><host name='h'/>` +
				`<auth username='u'><secret type='iscsi' usage='SECRET'/></auth></source><target dev='vda'/></disk>`,
			"iscsi://h/iqn.2013-07.com.example:iscsi/2",
		},
		"https with secrets": {
			`<disk type='network'><source protocol='https' name='/d.iso?token=SECRET' query='token=SECRET'>` +
				`<host name='u:SECRET@h' port='443'/><cookies><cookie name='a'>SECRET</cookie></cookies></source><target dev='vda'/></disk>`,
			"https://h:443/d.iso",
		},
		"gluster": {
			`<disk type='network'><source protocol='gluster' name='vol/a@b.img'/><target dev='vda'/></disk>`,
			"gluster:vol/a@b.img",
		},
		"network of no protocol": {`<disk type='network'><source name='x'/><target dev='vda'/></disk>`, ""},
	}
}

func diskDocs() (docs []string) {
	for _, tc := range diskCases() {
		docs = append(docs, tc.doc)
	}
	return docs
}

func TestWhatDisksLieOn(t *testing.T) {
	for name, tc := range diskCases() {
		t.Run(name, func(t *testing.T) {
			d := mustParse(t, "<domain type='kvm'><devices>"+tc.doc+"</devices></domain>")
			if diff := cmp.Diff([]model.Disk{{Device: "vda", HostDevice: tc.want}}, d.diskInfo); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestDrivesWithoutMedium(t *testing.T) {
	d := mustParse(t, `<domain type='kvm'><devices>
		<disk type='file' device='cdrom'><target dev='sda'/></disk>
		<disk type='file' device='floppy'><source startupPolicy='optional'/><target dev='fda'/></disk>
		<disk type='network' device='cdrom'><target dev='sdb'/></disk></devices></domain>`)
	if d.disks != nil || d.diskInfo != nil {
		t.Errorf("got %v, %v", d.disks, d.diskInfo)
	}
}

func TestShares(t *testing.T) {
	for name, tc := range map[string]struct {
		domain, doc string
		want        []model.Share
	}{
		"virtiofs": {
			"kvm", `<filesystem type='mount'><driver type='virtiofs'/><source dir='/s'/><target dir='t'/></filesystem>`,
			[]model.Share{{Tag: "t", Source: "/s", FSType: "virtiofs"}},
		},
		"virtiofs of one's own": {
			"kvm", `<filesystem type='mount'><driver type='virtiofs'/><source socket='/run/v.sock'/><target dir='t'/></filesystem>`,
			[]model.Share{{Tag: "t", FSType: "virtiofs"}},
		},
		"virtiofs, read-only, of a cache mode and a daemon of one's own choice": {
			"kvm", `<filesystem type='mount' accessmode='passthrough'><driver type='virtiofs' queue='1024'/>` +
				`<binary path='/usr/libexec/virtiofsd' xattr='on'><cache mode='always'/><thread_pool size='16'/></binary>` +
				`<source dir='/s'/><target dir='t'/><readonly/></filesystem>`,
			[]model.Share{{Tag: "t", Source: "/s", FSType: "virtiofs", Cache: "always"}},
		},
		"virtiofs of KubeVirt": {
			"kvm", `<filesystem type='mount' accessmode='passthrough'><driver type='virtiofs' queue='1024'/>` +
				`<source dir='' socket='/var/run/kubevirt/virtiofs-containers/t.sock'/><target dir='t'/></filesystem>`,
			[]model.Share{{Tag: "t", FSType: "virtiofs"}},
		},
		"9p": {
			"qemu", `<filesystem><source dir='/s'/><target dir='t'/><readonly/></filesystem>`,
			[]model.Share{{Tag: "t", Source: "/s", FSType: "9p"}},
		},
		"9p by its driver": {
			"kvm", `<filesystem type='mount'><driver type='path' wrpolicy='immediate'/><source dir='/s'/><target dir='t'/></filesystem>`,
			[]model.Share{{Tag: "t", Source: "/s", FSType: "9p"}},
		},
		"9p by handles": {
			"kvm", `<filesystem type='mount'><driver type='handle'/><source dir='/s'/><target dir='t'/></filesystem>`,
			[]model.Share{{Tag: "t", Source: "/s", FSType: "9p"}},
		},
		"mtp": {
			"kvm", `<filesystem type='mount'><driver type='mtp'/><source dir='/s'/><target dir='t'/></filesystem>`,
			[]model.Share{{Tag: "t", Source: "/s", FSType: "mtp"}},
		},
		"a container's root, image and memory": {
			"lxc", `<filesystem type='mount'><source dir='/rootfs'/><target dir='/'/></filesystem>` +
				`<filesystem type='bind'><source dir='/b'/><target dir='/mnt'/></filesystem>` +
				`<filesystem type='file'><driver type='loop' format='raw'/><source file='/i'/><target dir='/img'/></filesystem>` +
				`<filesystem type='ram'><source usage='10' units='MiB'/><target dir='/tmp'/></filesystem>` +
				`<filesystem type='template'><source name='t'/><target dir='/t'/></filesystem>`,
			[]model.Share{
				{Tag: "/", Source: "/rootfs", FSType: "bind"},
				{Tag: "/mnt", Source: "/b", FSType: "bind"},
				{Tag: "/img", Source: "/i", FSType: "loop"},
			},
		},
		"a device without a source": {"kvm", `<filesystem type='mount'><target dir='t'/></filesystem>`, []model.Share{{Tag: "t", FSType: "9p"}}},
	} {
		t.Run(name, func(t *testing.T) {
			d := mustParse(t, "<domain type='"+tc.domain+"'><devices>"+tc.doc+"</devices></domain>")
			if diff := cmp.Diff(tc.want, d.shares, compareOpts); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
