package libvirt

import (
	"math"
	"strings"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// details is what a domain's XML says of it. It changes when somebody plugs in a
// device or changes the configuration, and belongs to no one reading.
type details struct {
	accelerator string // kvm, tcg, xen, …
	project     string
	openStack   *model.OpenStack
	labels      []string // values of the allow-listed metadata, in the order of the list

	// kubeNamespace and kubeVMI are of a domain that KubeVirt wrote.
	kubeNamespace, kubeVMI string

	// disks and interfaces are the names by which the daemon knows them, for the
	// calls that ask for one of them.
	disks, interfaces []string

	diskInfo []model.Disk
	shares   []model.Share
	limits   []deviceLimits

	memory      model.Opt // bytes, configured
	vcpus       model.Opt // that the domain starts with
	vcpuQuota   model.Opt // CPUs that each vCPU may use; absent when unlimited
	globalQuota model.Opt // CPUs that the domain may use; absent when unlimited
}

// deviceLimits is the iotune of a disk.
type deviceLimits struct {
	device             string
	read, write, total model.IOLimit
}

// apply sets in g what the XML says. It is called after fill, which says what is
// the case now: where both know something, fill is right. What it hands over is
// shared by all readings, and is not to be changed.
func (d *details) apply(g *model.Guest) {
	g.Info.Accelerator, g.Info.Project = d.accelerator, d.project
	g.Info.KubeNamespace = d.kubeNamespace
	g.Info.Labels = d.labels
	g.OpenStack = d.openStack
	g.Disks, g.Shares = d.diskInfo, d.shares
	if _, ok := g.Memory.BalloonMaximum.Get(); !ok {
		g.Memory.BalloonMaximum = d.memory
	}
	if _, ok := g.CPU.CPUs.Get(); !ok {
		g.CPU.CPUs = d.vcpus
	}
	if _, ok := g.CPU.LimitCores.Get(); !ok {
		g.CPU.LimitCores = d.limitCores(g.CPU.CPUs)
	}
	for i := range d.limits {
		d.limits[i].apply(g)
	}
}

// limitCores returns the smaller quota of those on each vCPU and on the whole
// domain, helpers included.
func (d *details) limitCores(vcpus model.Opt) model.Opt {
	limit := d.globalQuota
	each, ok := d.vcpuQuota.Get()
	if n, known := vcpus.Get(); ok && known {
		limit = limit.Min(model.Some(each * n))
	}
	return limit
}

// apply sets the limits beside the device's figures, or alone where it has none.
func (l *deviceLimits) apply(g *model.Guest) {
	i := indexDevice(g.IO, l.device)
	if i < 0 {
		i = len(g.IO)
		g.IO = append(g.IO, model.DeviceIO{Device: l.device, Layer: model.LayerGuest})
	}
	g.IO[i].ReadLimit, g.IO[i].WriteLimit, g.IO[i].TotalLimit = l.read, l.write, l.total
}

// accelerator names what runs a domain of that type. QEMU without KVM translates
// the guest's code, which QEMU calls TCG.
func accelerator(domainType string) string {
	if domainType == "qemu" {
		return "tcg"
	}
	return label(domainType)
}

// kubevirtName splits the name that KubeVirt gives to a domain, NAMESPACE_VMI. A
// namespace holds no underscore.
func kubevirtName(domain string) (namespace, vmi string) {
	namespace, vmi, ok := strings.Cut(domain, "_")
	if !ok || namespace == "" || vmi == "" {
		return "", ""
	}
	return label(namespace), label(vmi)
}

// bytesOf returns a size with a unit as libvirt writes it (virScaleInteger):
// KB is 1000 and K and KiB are 1024 bytes, and none means KiB.
func bytesOf(value uint, unit string) model.Opt {
	if value == 0 {
		return model.Opt{}
	}
	prefix, base := strings.ToUpper(unit), 1024.0
	if p, ok := strings.CutSuffix(prefix, "IB"); ok {
		prefix = p
	} else if p, ok := strings.CutSuffix(prefix, "B"); ok && p != "" {
		prefix, base = p, 1000
	}
	power := 1 // KiB
	switch prefix {
	case "", "K":
	case "B", "BYTES":
		power = 0
	default:
		power = strings.Index("KMGTPE", prefix) + 1
		if len(prefix) != 1 || power == 0 {
			return model.Opt{}
		}
	}
	return model.Some(float64(value) * math.Pow(base, float64(power)))
}
