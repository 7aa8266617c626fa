package libvirt

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// fullDomain has one of everything that details are made of.
const fullDomain = `<domain type='kvm' id='3'>
  <name>instance-0000002a</name>
  <uuid>7a9d2a1e-0000-4000-8000-000000000001</uuid>
  <metadata>
    <nova:instance xmlns:nova="http://openstack.org/xmlns/libvirt/nova/1.1">
      <nova:package version="27.1.0"/>
      <nova:name>web 1</nova:name>
      <nova:flavor name="m1.small"><nova:memory>2048</nova:memory></nova:flavor>
      <nova:owner>
        <nova:user uuid="u-1">alice</nova:user>
        <nova:project uuid="p-1">shop</nova:project>
      </nova:owner>
      <nova:root type="image" uuid="i-1"/>
    </nova:instance>
    <acme:info xmlns:acme="https://acme.example/vm" tier="gold"/>
  </metadata>
  <maxMemory slots='16' unit='GiB'>64</maxMemory>
  <memory unit='KiB'>2097152</memory>
  <currentMemory unit='KiB'>1048576</currentMemory>
  <memoryBacking><hugepages><page size='2048' unit='KiB'/></hugepages></memoryBacking>
  <vcpu placement='static' current='2'>4</vcpu>
  <cputune>
    <shares>2048</shares><vcpupin vcpu='0' cpuset='1'/>
    <period>100000</period><quota>50000</quota>
    <global_period>100000</global_period><global_quota>400000</global_quota>
    <emulator_quota>-1</emulator_quota>
  </cputune>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2' cache='none' io='native'><statistics><statistic interval='1'/></statistics></driver>
      <source file='/var/lib/nova/disk'/>
      <backingStore type='file' index='2'><format type='raw'/><source file='/base'/><backingStore/></backingStore>
      <target dev='vda' bus='virtio'/>
      <iotune><total_bytes_sec>1000</total_bytes_sec><read_iops_sec>100</read_iops_sec><write_iops_sec>0</write_iops_sec>
        <read_iops_sec_max>500</read_iops_sec_max><group_name>g</group_name></iotune>
      <alias name='virtio-disk0'/>
    </disk>
    <disk type='network' device='disk'>
      <driver name='qemu' type='raw' cache='writeback'/>
      <auth username='cinder'><secret type='ceph' uuid='s-1'/></auth>
      <source protocol='rbd' name='volumes/volume-1'><host name='10.0.0.1' port='6789'/><host name='10.0.0.2' port='6789'/></source>
      <target dev='vdb' bus='virtio'/>
      <iotune><write_bytes_sec>77</write_bytes_sec></iotune>
    </disk>
    <disk type='file' device='cdrom'><driver name='qemu' type='raw'/><target dev='sda' bus='sata'/><readonly/></disk>
    <controller type='pci' index='x' model='from-the-future'/>
    <filesystem type='mount' accessmode='passthrough'>
      <driver type='virtiofs' queue='1024'/>
      <binary path='/usr/libexec/virtiofsd' xattr='on'><cache mode='always'/><sandbox mode='chroot'/></binary>
      <source dir='/srv/share'/><target dir='share'/>
    </filesystem>
    <interface type='bridge'>
      <mac address='52:54:00:00:00:01'/><source bridge='br-int'/>
      <virtualport type='openvswitch'><parameters interfaceid='if-1'/></virtualport>
      <target dev='tap1'/><model type='virtio'/>
    </interface>
    <interface type='user'><mac address='52:54:00:00:00:02'/></interface>
  </devices>
</domain>`

func mustParse(tb testing.TB, doc string, metadata ...string) *details {
	tb.Helper()
	paths, err := parseMetadataPaths(metadata)
	if err != nil {
		tb.Fatal(err)
	}
	d, err := parseDetails(doc, paths)
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

func applied(d *details) *model.Guest {
	g := new(model.Guest)
	d.apply(g)
	return g
}

func TestDetailsOfFullDomain(t *testing.T) {
	d := mustParse(t, fullDomain, "tier={https://acme.example/vm}info/@tier", "none=nothing")
	want := &model.Guest{
		Info: model.Info{Accelerator: "kvm", Project: "shop", Labels: []string{"gold", ""}},
		CPU:  model.CPU{CPUs: model.Some(2), LimitCores: model.Some(1)},
		Memory: model.Memory{
			BalloonMaximum: model.Some(2 << 30),
		},
		IO: []model.DeviceIO{
			{
				Device: "vda", Layer: model.LayerGuest,
				ReadLimit:  model.IOLimit{RequestsPerSecond: model.Some(100)},
				TotalLimit: model.IOLimit{BytesPerSecond: model.Some(1000)},
			},
			{Device: "vdb", Layer: model.LayerGuest, WriteLimit: model.IOLimit{BytesPerSecond: model.Some(77)}},
		},
		Disks: []model.Disk{
			{Device: "vda", HostDevice: "/var/lib/nova/disk", Bus: "virtio", Cache: "none", Driver: "qemu", Format: "qcow2"},
			{Device: "vdb", HostDevice: "rbd:volumes/volume-1", Bus: "virtio", Cache: "writeback", Driver: "qemu", Format: "raw"},
		},
		Shares: []model.Share{{Tag: "share", Source: "/srv/share", FSType: "virtiofs", Cache: "always"}},
		OpenStack: &model.OpenStack{
			Name: "web 1", Flavor: "m1.small", Project: "shop", ProjectID: "p-1", User: "alice", UserID: "u-1",
			RootType: "image", RootID: "i-1",
		},
	}
	if diff := cmp.Diff(want, applied(d), compareOpts); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff([][]string{{"vda", "vdb"}, {"tap1"}}, [][]string{d.disks, d.interfaces}); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestApplyLeavesWhatFillKnows(t *testing.T) {
	d := mustParse(t, fullDomain)
	var c carry
	g := new(model.Guest)
	for range 3 { // a guest is the same object from reading to reading
		c.fill(g, typedParams("vcpu.current=3", "balloon.maximum=1", "block.0.name=vdb", "block.0.rd.reqs=5"))
		d.apply(g)
	}
	if g.CPU.CPUs != model.Some(3) || g.CPU.LimitCores != model.Some(1.5) || g.Memory.BalloonMaximum != model.Some(1024) {
		t.Errorf("got CPUs %v, limit %v, memory %v", g.CPU.CPUs, g.CPU.LimitCores, g.Memory.BalloonMaximum)
	}
	want := []model.DeviceIO{
		{
			Device: "vdb", Layer: model.LayerGuest, Read: model.Operations{Requests: model.Some(5)},
			WriteLimit: model.IOLimit{BytesPerSecond: model.Some(77)},
		},
		{
			Device: "vda", Layer: model.LayerGuest,
			ReadLimit:  model.IOLimit{RequestsPerSecond: model.Some(100)},
			TotalLimit: model.IOLimit{BytesPerSecond: model.Some(1000)},
		},
	}
	if diff := cmp.Diff(want, g.IO, compareOpts); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	c.fill(g, nil)
	new(details).apply(g)
	if _, ok := g.CPU.LimitCores.Get(); ok || len(g.IO) > 0 || g.OpenStack != nil {
		t.Errorf("what was taken from the configuration is still there: %+v", g)
	}
}

func TestDetailsOfRunningTCGDomain(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("testdata", "domain_tcg.xml"))
	if err != nil {
		t.Fatal(err)
	}
	want := &model.Guest{
		Info:   model.Info{Accelerator: "tcg", Labels: []string{}},
		CPU:    model.CPU{CPUs: model.Some(1)},
		Memory: model.Memory{BalloonMaximum: model.Some(160 << 20)},
		Disks: []model.Disk{{
			Device: "vda", HostDevice: "/var/lib/libvirt/images/d1.img", Bus: "virtio", Cache: "none", Driver: "qemu", Format: "raw",
		}},
	}
	if diff := cmp.Diff(want, applied(mustParse(t, string(b))), compareOpts); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestAccelerators(t *testing.T) {
	for domain, want := range map[string]string{"kvm": "kvm", "qemu": "tcg", "xen": "xen", "hvf": "hvf", "": ""} {
		if got := mustParse(t, "<domain type='"+domain+"'/>").accelerator; got != want {
			t.Errorf("%s: got %s, want %s", domain, got, want)
		}
	}
}

func TestSizesWithUnits(t *testing.T) {
	for unit, want := range map[string]model.Opt{
		"":                model.Some(3 << 10),
		" unit='KiB'":     model.Some(3 << 10),
		" unit='k'":       model.Some(3 << 10),
		" unit='KB'":      model.Some(3e3),
		" unit='b'":       model.Some(3),
		" unit='bytes'":   model.Some(3),
		" unit='M'":       model.Some(3 << 20),
		" unit='MiB'":     model.Some(3 << 20),
		" unit='MB'":      model.Some(3e6),
		" unit='GiB'":     model.Some(3 << 30),
		" unit='TiB'":     model.Some(3 << 40),
		" unit='furlong'": {},
		" unit='KM'":      {},
	} {
		if got := mustParse(t, "<domain><memory"+unit+">3</memory></domain>").memory; got != want {
			t.Errorf("%s: got %v, want %v", unit, got, want)
		}
	}
}

func TestQuotas(t *testing.T) {
	for name, tc := range map[string]struct {
		cputune string
		want    model.Opt
	}{
		"none":                    {"", model.Opt{}},
		"each vCPU":               {"<period>50000</period><quota>25000</quota>", model.Some(2)},
		"the kernel's period":     {"<quota>25000</quota>", model.Some(1)},
		"the whole domain":        {"<global_period>100000</global_period><global_quota>150000</global_quota>", model.Some(1.5)},
		"the smaller of both":     {"<quota>25000</quota><global_quota>150000</global_quota>", model.Some(1)},
		"negative is unlimited":   {"<period>50000</period><quota>-1</quota>", model.Opt{}},
		"0 is unlimited":          {"<quota>0</quota>", model.Opt{}},
		"the largest is no quota": {"<quota>17592186044415</quota>", model.Opt{}},
		"of helpers only":         {"<emulator_quota>1000</emulator_quota><iothread_quota>1000</iothread_quota>", model.Opt{}},
	} {
		t.Run(name, func(t *testing.T) {
			doc := "<domain><vcpu>4</vcpu><cputune>" + tc.cputune + "</cputune></domain>"
			if got := applied(mustParse(t, doc)).CPU.LimitCores; got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}

func TestQuotaOfUnknownNumberOfVCPUs(t *testing.T) {
	d := mustParse(t, "<domain><cputune><quota>25000</quota></cputune></domain>")
	if got := applied(d).CPU.LimitCores; got != (model.Opt{}) {
		t.Errorf("got %v", got)
	}
}

func TestMalformedXML(t *testing.T) {
	for name, doc := range map[string]string{
		"empty":                    "",
		"cut off":                  fullDomain[:len(fullDomain)/2],
		"another root":             "<network/>",
		"two roots":                "<domain/><domain/>",
		"end without a start":      "</domain>",
		"no UTF-8":                 "<domain><name>\xff</name></domain>",
		"another encoding":         "<?xml version='1.0' encoding='latin1'?><domain/>",
		"memory that is no number": "<domain><memory>much</memory></domain>",
		"too long":                 "<domain>" + strings.Repeat(" ", maxXML) + "</domain>",
		"nested without end":       "<domain>" + strings.Repeat("<a>", 1000) + strings.Repeat("</a>", 1000) + "</domain>",
		"metadata nested without end": "<domain><metadata>" + strings.Repeat("<a>", 1000) + strings.Repeat("</a>", 1000) +
			"</metadata></domain>",
	} {
		t.Run(name, func(t *testing.T) {
			d, err := parseDetails(doc, nil)
			if err == nil {
				t.Fatalf("got %+v", d)
			}
			if len(err.Error()) > 500 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
		})
	}
}

func TestUnknownElementsDoNoHarm(t *testing.T) {
	var disks strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&disks, "<disk type='file'><source file='/%d'/><target dev='d%d'/></disk>", i, i)
	}
	backing := "<backingStore type='file'><source file='/x'/>"
	for name, doc := range map[string]string{
		"devices":                    "<bomb type='x'><target dev='vdx'/></bomb>",
		"type of a disk":             "<disk type='telepathy'><source mind='x'><a/></source><target dev='vda'/></disk>",
		"empty type of a disk":       "<disk type=''><source file='x'/><target dev='vda'/></disk>",
		"type of an NVMe source":     "<disk type='nvme'><source type='usb'/><target dev='vda'/></disk>",
		"type of a share":            "<filesystem type='telepathy'><source mind='x'/></filesystem>",
		"interface of no type":       "<interface><target dev='x'/></interface>",
		"address":                    "<disk><source file='/x'/><target dev='vda'/><address type='telepathy'/></disk>",
		"disk of no target":          "<disk><source file='/x'/></disk>",
		"backing that never ends":    "<disk>" + strings.Repeat(backing, 200) + strings.Repeat("</backingStore>", 200) + "</disk>",
		"a disk that is there twice": "<disk><source file='/x'/><target dev='vda'/></disk><disk><source file='/y'/><target dev='vda'/></disk>",
		"a thousand disks":           disks.String(),
	} {
		t.Run(name, func(t *testing.T) {
			g := applied(mustParse(t, "<domain type='kvm'><future/><devices>"+doc+"</devices><vcpu>4</vcpu></domain>"))
			if g.CPU.CPUs != model.Some(4) {
				t.Error("what follows is lost")
			}
			checkGuest(t, g)
		})
	}
}

func TestDetailsBoundLabels(t *testing.T) {
	long := strings.Repeat("é", 3000)
	g := applied(mustParse(t, "<domain type='kvm'><metadata><a>"+long+"</a></metadata><devices><disk type='file'><source file='"+long+
		"'/><target dev='"+long+"'/></disk></devices></domain>", "a=a"))
	checkGuest(t, g)
	if n := len(g.Info.Labels[0]); n != maxLabel {
		t.Errorf("a label of %d bytes, want %d", n, maxLabel)
	}
}

func BenchmarkParseDetails(b *testing.B) {
	b.SetBytes(int64(len(fullDomain)))
	b.ReportAllocs()
	for b.Loop() {
		mustParse(b, fullDomain, "tier={https://acme.example/vm}info/@tier")
	}
}

func FuzzParseDetails(f *testing.F) {
	f.Add(fullDomain, "tier={https://acme.example/vm}info/@tier")
	f.Add("<domain type='lxc'><metadata><a>1<b>2</b>3</a></metadata></domain>", "a=a/b")
	for _, doc := range diskDocs() {
		f.Add("<domain type='kvm'><devices>"+doc+"</devices></domain>", "a=b/@c")
	}
	f.Fuzz(func(t *testing.T, doc, spec string) {
		paths, err := parseMetadataPaths([]string{spec})
		if err != nil {
			paths = nil
		}
		d, err := parseDetails(doc, paths)
		if err != nil {
			return
		}
		g := applied(d)
		if len(g.Info.Labels) != len(paths) {
			t.Fatalf("%d labels of %d paths", len(g.Info.Labels), len(paths))
		}
		checkGuest(t, g)
	})
}
