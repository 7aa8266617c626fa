package libvirt

import (
	"encoding/xml"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// Namespaces of what others write into <metadata>. Nova's (its
// virt/libvirt/config.py) ends in a version, 1.1 or, of older releases, 1.0.
const (
	novaNamespace     = "http://openstack.org/xmlns/libvirt/nova/"
	kubevirtNamespace = "http://kubevirt.io"
)

// novaFields is how many paths novaPaths returns for each version.
const novaFields = 8

// novaPaths returns the paths of what is known of an instance, in the order of
// openStack's, for one version after the other.
func novaPaths() []metadataPath {
	paths := make([]metadataPath, 0, 2*novaFields)
	for _, version := range [...]string{"1.1", "1.0"} {
		add := func(attr string, steps ...string) {
			p := metadataPath{attr: xml.Name{Local: attr}}
			for _, s := range steps {
				p.steps = append(p.steps, xml.Name{Space: novaNamespace + version, Local: s})
			}
			paths = append(paths, p)
		}
		add("", "instance", "name")
		add("name", "instance", "flavor")
		add("", "instance", "owner", "project")
		add("uuid", "instance", "owner", "project")
		add("", "instance", "owner", "user")
		add("uuid", "instance", "owner", "user")
		add("type", "instance", "root")
		add("uuid", "instance", "root")
	}
	return paths
}

// openStack makes what Nova wrote of the values of novaPaths, nil where it wrote
// nothing.
func openStack(values []string) *model.OpenStack {
	var v [novaFields]string
	for i, value := range values {
		if f := &v[i%novaFields]; *f == "" {
			*f = value
		}
	}
	if v == [novaFields]string{} {
		return nil
	}
	return &model.OpenStack{
		Name: v[0], Flavor: v[1], Project: v[2], ProjectID: v[3],
		User: v[4], UserID: v[5], RootType: v[6], RootID: v[7],
	}
}
