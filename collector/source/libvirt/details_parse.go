package libvirt

import (
	"encoding/xml"
	"fmt"
	"strings"

	"libvirt.org/go/libvirtxml"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// maxXML bounds the XML of a domain, in bytes: it is what libvirt's protocol
// lets through.
const maxXML = 4 << 20

// noQuota is what libvirt takes for an unlimited quota (VIR_CGROUP_CPU_QUOTA_MAX),
// and defaultPeriod the kernel's period, both in microseconds.
const (
	noQuota       = 17592186044415
	defaultPeriod = 100000
)

// parseDetails parses a domain's XML, as DomainGetXMLDesc gives it. metadata are
// the texts in its <metadata> that are to become labels. Secrets in it (passwords
// of disks and displays) are not kept. The error says what is wrong with the XML.
func parseDetails(doc string, metadata []metadataPath) (*details, error) {
	if len(doc) > maxXML {
		return nil, fmt.Errorf("parsing a domain's XML: %d bytes, more than %d", len(doc), maxXML)
	}
	nova := novaPaths()
	match := newMetadataMatch(append(nova, metadata...))
	filter := newXMLFilter(strings.NewReader(doc), match)
	var dom libvirtxml.Domain
	if err := xml.NewTokenDecoder(filter).Decode(&dom); err != nil {
		return nil, fmt.Errorf("parsing a domain's XML: %w", err)
	}
	if err := filter.drain(); err != nil {
		return nil, fmt.Errorf("parsing a domain's XML: %w", err)
	}
	d := &details{
		accelerator: accelerator(dom.Type),
		openStack:   openStack(match.values[:len(nova)]),
		labels:      match.values[len(nova):],
	}
	if d.openStack != nil {
		d.project = d.openStack.Project
	}
	if match.kubevirt {
		d.kubeNamespace, d.kubeVMI = kubevirtName(dom.Name)
	}
	d.setSizes(&dom)
	if dom.CPUTune != nil {
		d.setQuotas(dom.CPUTune)
	}
	if dom.Devices != nil {
		d.setDevices(dom.Type, dom.Devices)
	}
	return d, nil
}

func (d *details) setSizes(dom *libvirtxml.Domain) {
	if m := dom.Memory; m != nil {
		d.memory = bytesOf(m.Value, m.Unit)
	}
	if v := dom.VCPU; v != nil && v.Value > 0 {
		d.vcpus = model.Some(float64(v.Value))
		if v.Current > 0 {
			d.vcpus = model.Some(float64(v.Current))
		}
	}
}

func (d *details) setQuotas(t *libvirtxml.DomainCPUTune) {
	d.vcpuQuota = cores(t.Quota, t.Period)
	d.globalQuota = cores(t.GlobalQuota, t.GlobalPeriod)
}

// cores returns the CPUs that a quota lets through.
func cores(quota *libvirtxml.DomainCPUTuneQuota, period *libvirtxml.DomainCPUTunePeriod) model.Opt {
	if quota == nil || quota.Value <= 0 || quota.Value >= noQuota {
		return model.Opt{}
	}
	length := float64(defaultPeriod)
	if period != nil && period.Value > 0 {
		length = float64(period.Value)
	}
	return model.Some(float64(quota.Value) / length)
}

func (d *details) setDevices(domainType string, devices *libvirtxml.DomainDeviceList) {
	for i := range devices.Disks {
		d.addDisk(&devices.Disks[i])
	}
	for i := range devices.Filesystems {
		d.addShare(domainType, &devices.Filesystems[i])
	}
	for i := range devices.Interfaces {
		if t := devices.Interfaces[i].Target; t != nil && t.Dev != "" {
			d.interfaces = append(d.interfaces, t.Dev)
		}
	}
}
