package model

// Reading is what one source saw at one moment.
type Reading struct {
	Guests   []Guest // nil from a source that lists none, not even on a full host
	Partial  bool    // there may be more guests, which the source is not let see
	Units    []Unit  // cgroups of the host that are no guest's
	Node     *Node   // nil from a source that does not look at the machine itself
	Features []Feature

	// Mounts are passed through to where the exporter runs or to its guests,
	// ShareProbes the directories that the host gives.
	Mounts      []Mount
	ShareProbes []ShareProbe

	// From programs of ours in the kernel.
	Measured []MeasuredGuest
	Requests []Requests
	Programs []Program

	// Dropped counts guests left out, by reason, and Collisions the names that
	// were given twice, since the exporter's start.
	Dropped    map[string]uint64
	Collisions uint64
}

// Feature is something that a host may or may not let us see.
type Feature struct {
	Name   string
	Reason Reason // empty when it is available
	Remedy string // what a person can do, for the log
}

// Reason says, from a closed list, why something is not available.
type Reason string

// The reasons.
const (
	Available     Reason = ""
	NoPermission  Reason = "no_permission"
	NotMounted    Reason = "not_mounted"
	PSIDisabled   Reason = "psi_disabled"
	NoController  Reason = "no_controller"
	NotSupported  Reason = "not_supported"
	NotConfigured Reason = "not_configured"
	NoDaemon      Reason = "no_daemon"
	NoBTF         Reason = "no_btf"  // the kernel does not describe its types
	Refused       Reason = "refused" // by the kernel's verifier, or by a rule of this machine

	ForeignPIDNamespace Reason = "pid_namespace"
)
