package libvirt

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
)

// maxDepth bounds how deep elements may lie in each other.
const maxDepth = 256

// xmlFilter passes on of a domain's XML what details are made of, and nothing
// else: an element that libvirtxml does not know or that nests without end, and
// a thousand disks, cannot harm what need not read them. <metadata> goes to the
// match alone.
type xmlFilter struct {
	in     *xml.Decoder
	match  *metadataMatch
	open   []string // elements that were passed on
	counts [3]int   // disks, shares and interfaces so far

	deviceType string // of the disk or share that was opened last
}

func newXMLFilter(doc io.Reader, match *metadataMatch) *xmlFilter {
	return &xmlFilter{in: xml.NewDecoder(doc), match: match}
}

// Token implements xml.TokenReader.
func (f *xmlFilter) Token() (xml.Token, error) {
	for {
		t, err := f.in.Token()
		if err != nil {
			return nil, err
		}
		switch e := t.(type) {
		case xml.StartElement:
			if f.wanted(&e) {
				f.open = append(f.open, e.Name.Local)
				return e, nil
			}
			if err := f.skip(e.Name); err != nil {
				return nil, err
			}
		case xml.EndElement:
			f.open = f.open[:len(f.open)-1]
			return e, nil
		case xml.CharData:
			if len(f.open) > 0 {
				return e, nil
			}
		}
	}
}

// drain reads what is left of the document, which must be well-formed to its end.
func (f *xmlFilter) drain() error {
	for {
		switch t, err := f.in.Token(); t := t.(type) {
		case nil:
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		case xml.StartElement:
			return fmt.Errorf("element %s behind the domain's end", label(t.Name.Local))
		}
	}
}

// wanted says whether an element is passed on, by the one around it.
func (f *xmlFilter) wanted(e *xml.StartElement) bool {
	if len(f.open) == 0 {
		return true // the decoder refuses another root
	}
	name := e.Name.Local
	switch f.open[len(f.open)-1] {
	case "domain":
		return oneOf(name, "name", "memory", "vcpu", "cputune", "devices")
	case "cputune":
		return oneOf(name, "period", "quota", "global_period", "global_quota")
	case "devices":
		return f.wantedDevice(e)
	case "disk":
		return oneOf(name, "driver", "target", "iotune") || name == "source" && f.wantedSource(e)
	case "filesystem":
		return oneOf(name, "driver", "target", "binary") || name == "source" && f.wantedSource(e)
	case "interface":
		return name == "target"
	case "binary":
		return name == "cache"
	case "source":
		return oneOf(name, "host", "address")
	case "iotune":
		return oneOf(name, "total_bytes_sec", "read_bytes_sec", "write_bytes_sec",
			"total_iops_sec", "read_iops_sec", "write_iops_sec")
	}
	return false
}

func oneOf(name string, names ...string) bool { return slices.Contains(names, name) }

// wantedDevice counts the devices of which there may be many. libvirtxml refuses
// sources of types that it does not know, and interfaces of none.
func (f *xmlFilter) wantedDevice(e *xml.StartElement) bool {
	kind := slices.Index([]string{"disk", "filesystem", "interface"}, e.Name.Local)
	if kind < 0 || f.counts[kind] == maxDevices {
		return false
	}
	typ, ok := attribute(e, "type")
	if e.Name.Local == "interface" && !ok {
		return false
	}
	f.counts[kind]++
	f.deviceType = typ
	if !ok {
		f.deviceType = "file" // both disk and filesystem know it
	}
	return true
}

// wantedSource says whether libvirtxml knows the type of the open disk or share.
func (f *xmlFilter) wantedSource(e *xml.StartElement) bool {
	if f.open[len(f.open)-1] == "filesystem" {
		return oneOf(f.deviceType, "mount", "bind", "file", "block", "template", "ram", "volume")
	}
	if f.deviceType == "nvme" {
		typ, _ := attribute(e, "type")
		return typ == "pci"
	}
	return oneOf(f.deviceType, "file", "block", "dir", "network", "volume", "vhostuser", "vhostvdpa", "ctl")
}

func attribute(e *xml.StartElement, name string) (value string, ok bool) {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value, true
		}
	}
	return "", false
}

// skip reads an element to its end without passing it on.
func (f *xmlFilter) skip(name xml.Name) error {
	metadata := name.Local == "metadata" && len(f.open) == 1
	for depth := 1; depth > 0; {
		t, err := f.in.Token()
		if err != nil {
			return err
		}
		switch e := t.(type) {
		case xml.StartElement:
			if depth++; depth > maxDepth {
				return fmt.Errorf("elements more than %d deep", maxDepth)
			}
			if metadata {
				f.match.start(&e)
			}
		case xml.EndElement:
			if depth--; metadata && depth > 0 {
				f.match.end()
			}
		case xml.CharData:
			if metadata {
				f.match.text(e)
			}
		}
	}
	return nil
}
