package collector

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
}

// DefaultConfig is what runs where nothing is configured.
func DefaultConfig() Config {
	return Config{ProcFS: "/proc", SysFS: "/sys", RootFS: "/", MaxGuests: defaultMaxGuests}
}

const defaultMaxGuests = 20_000
