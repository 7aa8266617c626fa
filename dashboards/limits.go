package dashboards

import "math"

// limits are the thresholds of the alert rules, from which on panels change their colour: see
// thresholds.rules.yml, with which a test compares them. Who overrides one there sees
// the alert change and not the colour.
func limits() map[string]limit {
	return map[string]limit{
		"VirtGuestCPUStealHigh":        {warning: 0.10, critical: 0.30},
		"VirtGuestCPUThrottled":        {warning: 0.25},
		"VirtNoisyNeighbour/cpu":       {warning: 0.10},
		"VirtNoisyNeighbour/io":        {warning: 0.20},
		"VirtNoisyNeighbour/memory":    {warning: 0.10},
		"VirtGuestIOLatencyHigh":       {warning: 0.1},
		"VirtGuestIOLatencyHigh/flush": {warning: 0.3},
		"VirtGuestIOOverheadHigh":      {warning: 0.01},
		"VirtGuestMemoryPressureHigh":  {warning: 0.10, critical: 0.40},
		"VirtGuestMemorySwappedByHost": {warning: 0.05},
		"VirtGuestHelperStarved":       {warning: 0.20},
		"VirtNodeStealHigh":            {warning: 0.05, critical: 0.20},
		"VirtNodeOvercommitted/cpu":    {note: 4},
		"VirtNodeOvercommitted/memory": {note: 1},
		"VirtFilesystemMountHung":      {critical: 30},
		"VirtShareHung":                {critical: 30},
		"VirtVirtiofsdFilesHigh":       {warning: 0.7},
		"VirtVirtiofsdFilesCritical":   {critical: 0.9},
	}
}

// limit is from where on an alert tells, warns and pages; 0: it does not.
type limit struct{ note, warning, critical float64 }

// timesSteps returns the colours of what is a multiple of the warning's threshold. Where
// an alert has no page, or none that is a multiple of the warning, nothing has its
// colour.
func timesSteps(alert string) []Step {
	steps := []Step{{0, plain}, {1, warning}}
	if l := limits()[alert]; l.warning > 0 && l.critical > 0 {
		steps = append(steps, Step{math.Round(100*l.critical/l.warning) / 100, critical})
	}
	return steps
}

// stepsOf returns the colours of a value that an alert judges.
func stepsOf(alert string) []Step {
	l := limits()[alert]
	steps := []Step{{0, calm}}
	if l.note > 0 {
		steps = append(steps, Step{l.note, sky})
	}
	if l.warning > 0 {
		steps = append(steps, Step{l.warning, warning})
	}
	if l.critical > 0 {
		steps = append(steps, Step{l.critical, critical})
	}
	return steps
}
