package dashboards

import "fmt"

// What panels of the chosen mount select. The same mount point may be in several
// containers: panels show the worst of what is chosen.
const (
	ofMounts  = ofHost + ",guest=~`${container:regex}`"
	ofMount   = ofMounts + ",mountpoint=~`${mountpoint:regex}`"
	ofMountOp = ofMount + `,op=~"$op"`
)

// mountLabels are what info of a mount has besides the labels of its figures.
const mountLabels = "fstype, passthrough, source, tag, options, vm_key, class"

// filesystems is what passing directories through costs: all of them in a table, one
// of them in pictures, and what hosts see of those that they give away.
func filesystems() Dashboard {
	return Dashboard{
		UID: "virt-filesystems", File: "filesystems", Title: "Virtualization: file systems",
		Description: "What it costs to go through a file system that is passed through: how much slower than a local one, where the time goes, and which hang. Choose a mount and an operation above, or click on one in the table.",
		From:        "now-1h", Refresh: "30s",
		Variables: []Variable{hostVariable(false), mountGuestVariable(), mountpointVariable(), opVariable()},
		Alerts:    []string{ofHost + `,alertname=~"VirtFilesystem.+|VirtShare.+|VirtVirtiofsd.+"`},
		Rows: []Row{
			{Height: 4, Panels: []Panel{fsWorst(), fsStuck(), fsKnown(), fsShortOfCPU(), firing(ofHost+`,alertname=~"VirtFilesystem.+|VirtShare.+|VirtVirtiofsd.+|VirtVMKeyConflict"`, allAnswer("{"+ofHost+"}"), 9)}},
			{Height: 9, Panels: []Panel{fsMounts()}},
			{Title: "$mountpoint: $op", Height: 9, Panels: []Panel{fsRatio(), fsAdded()}},
			{Height: 8, Panels: []Panel{fsSides(), fsWhere(), fsOps()}},
			{Height: 8, Panels: []Panel{fsLatency(), fsRequests(), fsRequestTime()}},
			{Title: "What hangs, and what is not known", Height: 7, Panels: []Panel{fsHangs(), fsLeftOut()}},
			{Title: "Hosts: directories that they give to guests, and the daemons", Folded: true, Height: 8, Panels: []Panel{fsShares(), fsJoin()}},
			{Title: "virtiofsd", Folded: true, Height: 8, Panels: []Panel{fsFiles(), fsDaemons()}},
			{Title: "What probing costs", Folded: true, Height: 7, Panels: []Panel{fsProbeCPU(), fsProbeInterval(), fsPairs()}},
		},
	}
}

func mountGuestVariable() Variable {
	return Variable{Name: "container", Label: "In container", Query: "label_values(virt_fs_mount_info{" + ofHost + "}, guest)", All: true}
}

func mountpointVariable() Variable {
	return Variable{Name: "mountpoint", Label: "Mount", Query: "label_values(virt_fs_mount_info{" + ofMounts + "}, mountpoint)"}
}

func opVariable() Variable {
	return Variable{Name: "op", Label: "Operation", Query: "label_values(virt_fs_overhead_ratio{" + ofMount + "}, op)"}
}

const nothingPassedThrough = "nothing may be passed through"

func fsWorst() Panel {
	return Panel{
		Title: "Worst: overhead, by its threshold", Width: 5, Draw: Stat{Fill: true, Graph: true},
		Description: "The mount and operation that are nearest to the warning of VirtFilesystemPassthroughOverheadHigh: at 100 % and above it is told, if it stays so. The table below says which it is.",
		Queries:     []Query{{Expr: still("max", "virt_fs:overhead_by_threshold:median10m{"+ofHost+"}"), Legend: "of the threshold"}},
		Unit:        "percentunit", Decimals: 0, NoValue: "nothing judged", Steps: []Step{{0, calm}, {1, warning}},
		Links:      []Link{{"Runbook", runbookURL + "#virtfilesystempassthroughoverheadhigh"}},
		MayBeEmpty: nothingPassedThrough,
	}
}

func fsStuck() Panel {
	return Panel{
		Title: "Longest without an answer", Width: 4, Draw: Stat{Fill: true, Graph: true},
		Description: "Age of the oldest operation on a mount, or on a directory that is given to a guest, that is not answered. 0 is well. What hangs is listed below.",
		Queries: []Query{
			{Expr: still("max", "virt_fs_probe_stuck_seconds{"+ofHost+"}"), Legend: "mounts"},
			{Expr: still("max", "virt_guest_share_probe_stuck_seconds{"+ofHost+"}"), Legend: "given to guests"},
		},
		Unit: "s", Decimals: 0, NoValue: "nothing probed", Steps: stepsOf("VirtFilesystemMountHung"),
		Links:      []Link{{"Runbook", runbookURL + "#virtfilesystemmounthung"}},
		MayBeEmpty: nothingPassedThrough,
	}
}

func fsKnown() Panel {
	return Panel{
		Title: "Mounts", Width: 3, Draw: Stat{Fill: true},
		Description: "File systems that are passed through, and those of them that are probed. Why others are not stands below (left out).",
		Queries: []Query{
			{Expr: "count(virt_fs:mount_info:unique{" + ofHost + "})", Instant: true, Legend: "seen"},
			{Expr: "count(virt_fs_probe_interval_seconds{" + ofHost + "})", Instant: true, Legend: "probed"},
		},
		Unit: "short", Decimals: 0, NoValue: "none", MayBeEmpty: nothingPassedThrough,
	}
}

// fsShortOfCPU is why there may be overhead and no alert.
func fsShortOfCPU() Panel {
	return Panel{
		Title: "Too short of CPUs", Width: 3, Draw: Stat{Fill: true},
		Description: "Machines with mounts that do not get the CPUs they ask for: they measure that, not their mounts, and alerts on overhead wait. Give them CPUs first.",
		Queries:     []Query{{Expr: "count(virt_node:cpu_starved:ratio10m{" + ofHost + "}\n  and on (job, instance) virt_fs:mount_info:unique)", Instant: true, Legend: "machines"}},
		Unit:        "short", Decimals: 0, NoValue: "none", Steps: []Step{{0, calm}, {1, warning}},
		Links:      []Link{{"Runbook", runbookURL + "#virtfilesystempassthroughoverheadmuted"}},
		MayBeEmpty: "machines have the CPUs that they ask for where all is well",
	}
}

// perMount brings figures of mounts to the labels of the table. What has no guest is
// of the machine itself, and a table wants a word there.
func perMount(expr string) string {
	return fmt.Sprintf("max by (instance, guest, mountpoint, passthrough, source) (label_replace(\n  %s,\n  \"guest\", \"(itself)\", \"guest\", \"\"\n))", expr)
}

// withInfo gives figures of a mount what is known of it.
func withInfo(family string) string {
	return fmt.Sprintf("%s{%s} * ignoring (%s) group_left (passthrough, source) virt_fs:mount_info:unique", family, ofHost, mountLabels)
}

func fsMounts() Panel {
	chosen := Link{Title: "Show this mount", URL: "/d/virt-filesystems?${datasource:queryparam}&${__url_time_range}" +
		"&var-host=${__data.fields.instance:percentencode}&var-container=$__all&var-mountpoint=${__data.fields.mountpoint:percentencode}"}
	return Panel{
		Title: "All mounts", Width: 24, Draw: Table{By: []string{"instance", "guest", "mountpoint", "passthrough", "source"}, Sort: "By threshold"},
		Description: "Each by its worst operation. By threshold: 100 % is where the warning begins, for which ratio and added time must both be high; – is where the machine is too short of CPUs to judge it, or the alert is muted. At least: the lower bound of what was measured. Click on a mount to see it below.",
		Queries: []Query{
			{Expr: perMount("virt_fs:overhead_by_threshold:median10m{" + ofHost + "}"), Instant: true, Column: "By threshold"},
			{Expr: perMount("virt_fs:overhead_ratio_lower:median10m{" + ofHost + "}"), Instant: true, Column: "Times as long, at least"},
			{Expr: perMount("virt_fs:overhead_seconds_lower:median10m{" + ofHost + "}"), Instant: true, Column: "Added, at least"},
			{Expr: perMount(withInfo("virt_fs_probe_stuck_seconds")), Instant: true, Column: "Unanswered"},
			{Expr: perMount("(time() - virt_fs_probe_last_success_timestamp_seconds{" + ofHost + "})\n  * ignoring (" + mountLabels + ") group_left (passthrough, source) virt_fs:mount_info:unique"), Instant: true, Column: "Measured ago"},
			{Expr: perMount("virt_fs:mount_info:unique{" + ofHost + "}"), Instant: true},
		},
		Decimals: Auto, NoValue: "nothing is passed through",
		Fields: []Field{
			{Name: "By threshold", Unit: "percentunit", Steps: []Step{{0, calm}, {1, warning}}, Cell: "color-background", Width: 120},
			{Name: "Times as long, at least", Unit: "suffix:×", Width: 170},
			{Name: "Added, at least", Unit: "s", Width: 130},
			{Name: "Unanswered", Unit: "s", Steps: stepsOf("VirtFilesystemMountHung"), Cell: "color-background", Width: 110},
			{Name: "Measured ago", Unit: "s", Width: 120},
			{Name: "mountpoint", Links: []Link{chosen}},
			{Name: "instance", Title: "host", Links: []Link{hostLink(true)}},
		},
		MayBeEmpty: nothingPassedThrough,
	}
}
