package dashboards

// The colours are those of Okabe and Ito, which people with any kind of colour
// blindness tell apart. No state is said by colour alone: a word or a number stands
// with it.
const (
	calm       = "#3B4A54" // nothing to see here: close to the background
	plain      = "text"    // the same as letters: Grafana's own, light on dark and dark on light
	blue       = "#0072B2"
	sky        = "#56B4E9"
	green      = "#009E73"
	yellow     = "#F0E442"
	orange     = "#E69F00"
	vermillion = "#D55E00"
	purple     = "#CC79A7"
	grey       = "#999999"

	warning  = orange
	critical = vermillion
)

// causeColors has one colour for each cause of waiting, the same in every panel. The
// cause is the first word of a series' name: a culprit's may be like a cause.
func causeColors() []Field {
	return []Field{
		{Pattern: "/^neighbour/", Color: vermillion},
		{Pattern: "/^system/", Color: orange},
		{Pattern: "/^kernel/", Color: yellow},
		{Pattern: "/^(self|own_limit)/", Color: blue},
		{Pattern: "/^(throttle|limit)/", Color: sky},
		{Pattern: "/^(wakeup|device)/", Color: green},
		{Pattern: "/^(hypervisor|coscheduling)/", Color: purple},
		{Pattern: "/^unexplained/", Color: grey},
	}
}

// namelessColors leaves the colours of culprits, of which one panel has many, to
// Grafana, which gives each its own.
func namelessColors() []Field { return causeColors()[2:] }

// severityWords are those of an alert's severity as a number: 0 is none.
func severityWords() []Word {
	return []Word{
		{0, "well", calm},
		{1, "note", sky},
		{2, "warning", warning},
		{3, "PAGE", critical},
	}
}

func severitySteps() []Step {
	return []Step{{0, calm}, {1, sky}, {2, warning}, {3, critical}}
}

// noData is the colour of what nobody knows, which no severity has.
const noData = purple

// stateSteps are severitySteps of a panel that always has a number where something is
// known: Grafana gives the colour of the first step to what has none.
func stateSteps() []Step {
	return append([]Step{{Color: noData}}, severitySteps()...)
}

// silent is the severity of a host that nothing is heard of, before an alert tells of
// it: more than none, for it stands above what is well in a table, and less than a
// warning.
const silent = 1.5

// unjudged is the severity of a host that is heard of, and of which nobody evaluates
// alerts: it stands above what is well too.
const unjudged = 1.25

// hostWords are severityWords of a host.
func hostWords() []Word {
	return append(severityWords(), Word{unjudged, "NO DATA", noData}, Word{silent, "silent", warning})
}
