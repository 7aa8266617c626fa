package libvirt

import (
	"fmt"
	"slices"
	"strings"

	"libvirt.org/go/libvirtxml"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// addDisk adds a disk by its target, under which its statistics are. A drive
// with no medium in it is left out.
func (d *details) addDisk(disk *libvirtxml.DomainDisk) {
	if disk.Target == nil || disk.Target.Dev == "" {
		return
	}
	host := diskSource(disk.Source)
	if host == "" && oneOf(disk.Device, "cdrom", "floppy") {
		return
	}
	info := model.Disk{
		Device: label(disk.Target.Dev), HostDevice: label(host), Bus: label(disk.Target.Bus),
	}
	if slices.ContainsFunc(d.diskInfo, func(o model.Disk) bool { return o.Device == info.Device }) {
		return // libvirt lets no two have one target
	}
	d.disks = append(d.disks, disk.Target.Dev)
	if drv := disk.Driver; drv != nil {
		info.Cache, info.Driver, info.Format = label(drv.Cache), label(drv.Name), label(drv.Type)
	}
	d.diskInfo = append(d.diskInfo, info)
	if t := disk.IOTune; t != nil {
		l := deviceLimits{
			device: info.Device,
			read:   ioLimit(t.ReadBytesSec, t.ReadIopsSec),
			write:  ioLimit(t.WriteBytesSec, t.WriteIopsSec),
			total:  ioLimit(t.TotalBytesSec, t.TotalIopsSec),
		}
		if l != (deviceLimits{device: info.Device}) {
			d.limits = append(d.limits, l)
		}
	}
}

// ioLimit makes a limit of libvirt's numbers, where 0 is unlimited.
func ioLimit(bytes, requests uint64) (l model.IOLimit) {
	if bytes > 0 {
		l.BytesPerSecond = model.Some(float64(bytes))
	}
	if requests > 0 {
		l.RequestsPerSecond = model.Some(float64(requests))
	}
	return l
}

// diskSource says what a disk lies on: a path of the host, or where a network
// has it. It is empty where there is nothing, or it is not known.
func diskSource(s *libvirtxml.DomainDiskSource) string {
	switch {
	case s == nil:
		return ""
	case s.File != nil:
		return s.File.File
	case s.Block != nil:
		return s.Block.Dev
	case s.Dir != nil:
		return s.Dir.Dir
	case s.Network != nil:
		return networkSource(s.Network)
	case s.Volume != nil && s.Volume.Volume != "":
		return "volume:" + s.Volume.Pool + "/" + s.Volume.Volume
	case s.NVME != nil && s.NVME.PCI != nil:
		return nvmeSource(s.NVME.PCI)
	case s.VHostUser != nil:
		return "vhost-user"
	case s.VHostVDPA != nil:
		return s.VHostVDPA.Dev
	case s.Ctl != nil:
		return s.Ctl.Dev
	}
	return ""
}

// networkSource returns protocol:name, with the first host between them where
// the name alone would not do: protocol://host:port/name. Where users hide
// credentials in it, past what libvirt has elements for, they are cut off.
func networkSource(n *libvirtxml.DomainDiskSourceNetwork) string {
	if n.Protocol == "" {
		return ""
	}
	name, _, _ := strings.Cut(n.Name, "?")
	if n.Protocol == "rbd" {
		// The monitors are those of the cluster, for all images. What follows a
		// colon are options of librados, the key among them.
		name, _, _ = strings.Cut(name, ":")
		return "rbd:" + name
	}
	if len(n.Hosts) == 0 {
		return n.Protocol + ":" + name
	}
	h := &n.Hosts[0]
	if h.Socket != "" {
		return n.Protocol + "+unix:" + h.Socket + ":/" + strings.TrimPrefix(name, "/")
	}
	host := withoutUser(h.Name)
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if h.Port != "" {
		host += ":" + h.Port
	}
	return n.Protocol + "://" + host + "/" + strings.TrimPrefix(name, "/")
}

// withoutUser cuts off what stands before an @: a user, and maybe a password.
func withoutUser(s string) string { return s[strings.LastIndexByte(s, '@')+1:] }

func nvmeSource(n *libvirtxml.DomainDiskSourceNVMEPCI) string {
	a := n.Address
	if a == nil || a.Bus == nil || a.Slot == nil || a.Function == nil {
		return "nvme"
	}
	var domain uint
	if a.Domain != nil {
		domain = *a.Domain
	}
	return fmt.Sprintf("nvme:%04x:%02x:%02x.%x/%d", domain, *a.Bus, *a.Slot, *a.Function, n.Namespace)
}

// addShare adds a directory that the guest is given. What lies in a file or
// block device of its own is a disk, but for a container, which sees its files.
func (d *details) addShare(domainType string, fs *libvirtxml.DomainFilesystem) {
	var from string
	switch s := fs.Source; {
	case s == nil:
		return
	case s.Mount != nil:
		from = s.Mount.Dir // none where a virtiofsd of the user's own has it
	case s.Bind != nil:
		from = s.Bind.Dir
	case s.File != nil:
		from = s.File.File
	case s.Block != nil:
		from = s.Block.Dev
	default:
		return // memory, templates and volumes are no directories of the host
	}
	share := model.Share{Source: label(from), FSType: shareType(domainType, fs)}
	if fs.Target != nil {
		share.Tag = label(fs.Target.Dir)
	}
	if fs.Binary != nil && fs.Binary.Cache != nil {
		share.Cache = label(fs.Binary.Cache.Mode)
	}
	if !slices.Contains(d.shares, share) {
		d.shares = append(d.shares, share)
	}
}

// shareType returns how the guest mounts it. QEMU's drivers path (the default)
// and handle both speak 9p; libvirt's containers get a bind mount.
func shareType(domainType string, fs *libvirtxml.DomainFilesystem) string {
	driver := ""
	if fs.Driver != nil {
		driver = fs.Driver.Type
	}
	switch {
	case domainType == "lxc" && (fs.Source.Mount != nil || fs.Source.Bind != nil):
		return "bind"
	case oneOf(driver, "", "path", "handle"):
		return "9p"
	}
	return label(driver)
}
