package fsprobe

import (
	"fmt"
	"slices"

	"github.com/virt-exporter/virt_exporter/collector/identity"
	"github.com/virt-exporter/virt_exporter/collector/kernel"
)

// The labels of references.
const (
	refLocal  = "local"
	refMemory = "tmpfs"
)

// pickReference returns the directory to compare mounts with when the operator
// names none: the root of what the exporter's process can reach if that is on a
// disk of this machine, or is the layers of a container; else another disk that is
// not itself probed; else memory, which says what the processor does and not what
// a disk would. It is empty if there is nothing of the kind. probed holds the
// devices of mounts that are probed. Nothing is touched.
func pickReference(own []kernel.Mount, probed map[string]bool) (label, dir string) {
	if root, exact, _ := lookUp(own, "/"); exact && (identity.IsLocal(root.FSType) || identity.IsContainerRoot(facts(&root))) {
		return refLocal, "/"
	}
	var disks []kernel.Mount
	for i := range own {
		m := &own[i]
		if identity.IsLocal(m.FSType) && m.Root == "/" && mayShow(m.Mountpoint) && !probed[m.Device] && !below(m.Mountpoint, "/boot") {
			disks = append(disks, *m)
		}
	}
	if len(disks) > 0 {
		return refLocal, slices.MinFunc(disks, compareDisks).Mountpoint
	}
	for _, dir := range [...]string{"/dev/shm", "/run", "/tmp"} {
		if m, exact, _ := lookUp(own, dir); exact && identity.IsMemory(m.FSType) {
			return refMemory, dir
		}
	}
	return "", ""
}

// compareDisks prefers what every machine has, and then the shorter path.
func compareDisks(a, b kernel.Mount) int {
	usual := func(m *kernel.Mount) bool {
		return m.Mountpoint == "/var" || m.Mountpoint == "/home" || m.Mountpoint == "/tmp"
	}
	if c := byTruth(usual(&a), usual(&b)); c != 0 {
		return c
	}
	return compareMounts(&a, &b)
}

// referenceLabel returns the label of a directory that the operator names. It is
// an error if the directory is itself on something that is passed through: to
// compare with that says nothing. own are the mounts that can be reached.
func referenceLabel(own []kernel.Mount, dir string) (string, error) {
	m, _, ok := lookUp(own, dir)
	if !ok {
		return "", fmt.Errorf("no file system is mounted that holds %s", dir)
	}
	if identity.IsMemory(m.FSType) {
		return refMemory, nil
	}
	p, ok := identity.PassthroughFromMount(facts(&m))
	if ok && p.Kind != "overlay" && p.Kind != "kubernetes" || m.FSType == "autofs" {
		return "", fmt.Errorf("%s is on %s: compare with a directory of a disk or of memory", dir, m.FSType)
	}
	return refLocal, nil
}
