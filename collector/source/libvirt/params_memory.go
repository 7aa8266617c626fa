package libvirt

import (
	golibvirt "github.com/digitalocean/go-libvirt"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// balloon is balloon.* of one record, in bytes, and the time of the guest's last
// report in seconds since the epoch.
type balloon struct {
	current, maximum, rss, usable, swapIn, swapOut, updated model.Opt
}

func (b *balloon) take(name string, v *golibvirt.TypedParamValue) {
	switch name {
	case "current":
		b.current = scaled(v, kibibyte)
	case "maximum":
		b.maximum = scaled(v, kibibyte)
	case "rss":
		b.rss = scaled(v, kibibyte)
	case "usable":
		b.usable = scaled(v, kibibyte)
	case "swap_in":
		b.swapIn = scaled(v, kibibyte)
	case "swap_out":
		b.swapOut = scaled(v, kibibyte)
	case "last-update":
		b.updated = scaled(v, 1)
	}
}

// fill sets what libvirt knows of memory. What the guest reports counts only if
// it ever did: before, the daemon gives zeros, and a last report at 0. There is
// nothing in the place of usable where it is missing: unused leaves out caches.
func (b *balloon) fill(m *model.Memory) {
	m.Usage, m.Balloon, m.BalloonMaximum = b.rss, b.current, b.maximum
	if b.updated.Or(0) == 0 {
		b.updated, b.usable, b.swapIn, b.swapOut = model.Opt{}, model.Opt{}, model.Opt{}, model.Opt{}
	}
	m.BalloonUpdated, m.Available = b.updated, b.usable
	m.GuestSwapIn, m.GuestSwapOut = b.swapIn, b.swapOut
}
