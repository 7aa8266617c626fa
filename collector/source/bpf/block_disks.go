package bpf

import (
	"os"
	"path/filepath"

	"github.com/virt-exporter/virt_exporter/collector/kernel"
)

// disk is what /sys says of a whole disk.
type disk struct {
	name    string // vda, or major:minor where it has none
	stacked bool   // it lies on others, to which it hands its requests
	hidden  bool   // /sys does not have it, as the paths of NVMe multipath
}

// disks are those to which something was done.
type disks struct {
	sysfs string
	known map[uint32]disk
}

func newDisks(sysfs string) disks { return disks{sysfs: sysfs, known: make(map[uint32]disk)} }

// get returns a disk by its number in the kernel.
func (d *disks) get(number uint32) disk {
	if one, ok := d.known[number]; ok {
		return one
	}
	one, _ := d.look(number)
	d.known[number] = one
	return one
}

func (d *disks) look(number uint32) (one disk, there bool) {
	const minorBits = 20 // of numbers inside the kernel
	one.name = kernel.Device{Major: number >> minorBits, Minor: number & (1<<minorBits - 1)}.String()
	link := filepath.Join(d.sysfs, "dev/block", one.name)
	target, err := os.Readlink(link)
	if err != nil {
		one.hidden = true
		return one, false
	}
	one.name = filepath.Base(target)
	below, _ := os.ReadDir(filepath.Join(link, "slaves"))
	one.stacked = len(below) > 0
	return one, true
}

// refresh asks again for all disks. It returns those that are gone, whose numbers and
// names others may get.
func (d *disks) refresh() (gone []uint32) {
	for number, was := range d.known {
		one, there := d.look(number)
		if !there && was.hidden {
			continue // it never was there
		}
		if !there || one.name != was.name {
			gone = append(gone, number)
			delete(d.known, number)
			continue
		}
		d.known[number] = one
	}
	return gone
}
