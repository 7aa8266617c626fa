package collector

import (
	"time"

	"github.com/virt-exporter/virt_exporter/collector/source/libvirt"
)

// Config says what to read, and how much of it.
type Config struct {
	// Where the host's file systems are mounted; elsewhere than at their usual
	// places when the exporter runs in a container.
	ProcFS, SysFS, RootFS string

	// Sources are switched on and off by name. One that is not named is on.
	Sources map[string]bool

	// GuestLabels are the container labels that are passed on, as label_…, on
	// virt_guest_info.
	GuestLabels []string

	MaxGuests    int    // guests beyond are left out and counted; 0 means the default
	MaxOpenFiles int    // kernel files kept open between scrapes; 0 means automatic
	VMKey        string // overrides the machine key of this VM

	Libvirt Libvirt
}

// Libvirt says how to ask libvirt.
type Libvirt struct {
	URIs     []string      // of the daemons; none means those that listen on this host
	Metadata []string      // KEY=PATH of what to pass on of the domains' metadata, as label_KEY
	Timeout  time.Duration // after which a daemon counts as stuck; 0 means the default
}

// DefaultConfig is what runs where nothing is configured.
func DefaultConfig() Config {
	return Config{
		ProcFS: "/proc", SysFS: "/sys", RootFS: "/", MaxGuests: defaultMaxGuests,
		Libvirt: Libvirt{Timeout: libvirt.DefaultTimeout},
	}
}

const defaultMaxGuests = 20_000

// CheckURIs reports which URI is no libvirt daemon's, or is there twice.
func (l Libvirt) CheckURIs() error { return libvirt.CheckURIs(l.URIs) }

// CheckMetadata reports which path of metadata is none.
func (l Libvirt) CheckMetadata() error {
	_, err := libvirt.MetadataKeys(l.Metadata)
	return err
}
