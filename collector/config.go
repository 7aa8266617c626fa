package collector

import (
	"time"

	"github.com/virt-exporter/virt_exporter/collector/blame"
	"github.com/virt-exporter/virt_exporter/collector/source/bpf"
	"github.com/virt-exporter/virt_exporter/collector/source/fsprobe"
	"github.com/virt-exporter/virt_exporter/collector/source/fsprobe/probe"
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

	// MuteLabel and ThresholdLabel are the keys, of a container label or of
	// Libvirt.Metadata, by which a guest mutes alerts and has thresholds of its own.
	// Empty: none may.
	MuteLabel, ThresholdLabel string

	MaxGuests    int    // guests beyond are left out and counted; 0 means the default
	MaxCulprits  int    // most that a guest names for each resource; 0 means the default
	MaxOpenFiles int    // kernel files kept open between scrapes; 0 means automatic
	VMKey        string // overrides the machine key of this VM

	Libvirt Libvirt
	FSProbe FSProbe
	BPF     BPF
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
		ProcFS: "/proc", SysFS: "/sys", RootFS: "/", MaxGuests: defaultMaxGuests, MaxCulprits: blame.DefaultCulprits,
		Libvirt: Libvirt{Timeout: libvirt.DefaultTimeout},
		FSProbe: FSProbe{
			Interval: fsprobe.DefaultInterval, Timeout: fsprobe.DefaultTimeout, MaxMounts: fsprobe.DefaultMaxMounts,
		},
		BPF: BPF{Mode: bpf.Full},
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

// FSProbe says how passthrough mounts are probed.
type FSProbe struct {
	Interval   time.Duration // from one cycle of a mount to the next; 0 means the default
	Timeout    time.Duration // after which a mount counts as stuck; 0 means the default
	References []string      // directories to compare with; none: chosen
	Mounts     []string      // to probe besides those that are found: PATH or RUNTIME/GUEST:PATH
	Exclude    string        // mountpoints that are left out, a regular expression
	ReadFiles  []string      // that may be read, for the operations read and readdir
	WriteDirs  []string      // that may be written in, for create, write, rename and unlink
	MaxMounts  int           // most that are probed; 0 means the default
}

// CheckInterval reports whether cycles may come so often.
func (f FSProbe) CheckInterval() error { return fsprobe.CheckInterval(f.Interval) }

// CheckTimeout reports whether an operation may take so long.
func (f FSProbe) CheckTimeout() error { return fsprobe.CheckTimeout(f.Timeout) }

// CheckReferences reports what is wrong with the directories to compare with.
func (f FSProbe) CheckReferences() error { return fsprobe.CheckReferences(f.References) }

// CheckMounts reports which mount is not named as it should be.
func (f FSProbe) CheckMounts() error { return fsprobe.CheckMounts(f.Mounts) }

// CheckExclude reports what is wrong with the regular expression.
func (f FSProbe) CheckExclude() error { return fsprobe.CheckExclude(f.Exclude) }

// CheckReadFiles reports which path of a file cannot be one.
func (f FSProbe) CheckReadFiles() error { return fsprobe.CheckPaths(f.ReadFiles) }

// CheckWriteDirs reports which path of a directory cannot be one.
func (f FSProbe) CheckWriteDirs() error { return fsprobe.CheckPaths(f.WriteDirs) }

// BPF says what programs in the kernel measure.
type BPF struct {
	Mode    string   // how waits for a CPU are measured, full or sampled; empty means full
	Without []string // programs that are not loaded
}

// CheckMode reports whether there is no such mode.
func (b BPF) CheckMode() error { return bpf.Options{Mode: b.Mode}.Check() }

// CheckWithout reports which program there is not.
func (b BPF) CheckWithout() error { return bpf.Options{Without: b.Without}.Check() }

// BPFPrograms returns the names of the programs that can be left out.
func BPFPrograms() []string { return bpf.ProgramNames() }

// ProbeHelper reports whether this process was started to be a helper that
// touches a mount, and runs it to its end if so. Every program that has a
// collector asks before all else.
func ProbeHelper() (code int, ran bool) {
	if !probe.Asked() {
		return 0, false
	}
	return probe.Main(), true
}
