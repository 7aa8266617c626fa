package dashboards

import "fmt"

// itself puts a word where a figure has no guest: it is of the machine itself.
func itself(expr string) string {
	return fmt.Sprintf("label_replace(%s, \"guest\", \"(itself)\", \"guest\", \"\")", expr)
}

func fsHangs() Panel {
	return Panel{
		Title: "What hangs now", Width: 12, Draw: Table{By: []string{"instance", "guest", "mountpoint", "op", "reference", "state", "wchan"}},
		Description: "Operations that are not answered, and where in the kernel they wait. An empty operation is getting to the mount at all. State D cannot be killed: who serves the mount must answer or go.",
		Queries: []Query{{
			Expr:    "max by (instance, guest, mountpoint, op, reference, state, wchan) (" + itself("virt_fs_probe_stuck_info{"+ofHost+"}") + ")",
			Instant: true,
		}},
		Decimals: Auto, NoValue: "nothing",
		Links:      []Link{{"Runbook", runbookURL + "#virtfilesystemmounthung"}},
		MayBeEmpty: "nothing hangs where all is well",
	}
}

func fsLeftOut() Panel {
	expr := fmt.Sprintf("max by (instance, guest, mountpoint, op, reference, reason) (%s\n  or label_replace(virt_guest_share_probe_left_out_info{%s}, \"mountpoint\", \"share $1\", \"tag\", \"(.*)\"))",
		itself("virt_fs_probe_left_out_info{"+ofHost+"}"), ofHost)
	return Panel{
		Title: "What the last cycle left out, and why", Width: 12, Draw: Table{By: []string{"instance", "guest", "mountpoint", "op", "reference", "reason"}},
		Description: "Nothing is known of it: silence is no health. An empty operation is all of them. A share is a directory that is given to the guest, looked at from the host.",
		Queries:     []Query{{Expr: expr, Instant: true}},
		Decimals:    Auto, NoValue: "nothing",
		Links:      []Link{{"Runbook", runbookURL + "#virtfilesystemprobeblind"}},
		MayBeEmpty: "nothing is left out where all can be probed",
	}
}

const noShares = "only hosts whose virtual machines are given directories have it"

func fsShares() Panel {
	const by = "max by (instance, guest, tag, source, fstype, cache) "
	with := func(family string) string {
		return fmt.Sprintf("%s(\n  %s{%s} * ignoring (source, fstype, cache, vm_key) group_right () group without (vm_key) (virt_guest_share:info:given)\n)", by, family, ofHost)
	}
	return Panel{
		Title: "Directories that are given to guests", Width: 14, Draw: Table{By: []string{"instance", "guest", "tag", "source", "fstype", "cache"}, Sort: "Unanswered"},
		Description: "Unanswered: the directory hangs on the host itself. Files: part of the files that the daemon may open, at the end of which the guest gets errors. CPU: what the daemon uses.",
		Queries: []Query{
			{Expr: by + "(virt_guest_share:info:given{" + ofHost + "})", Instant: true},
			{Expr: fmt.Sprintf("%s(\n  max without (vm_key) (virt_guest_share_probe_stuck_seconds{%s})\n  * ignoring (source, fstype, cache, vm_key) group_right () group without (vm_key) (virt_guest_share:info:given)\n)", by, ofHost), Instant: true, Column: "Unanswered"},
			{Expr: with("virt_guest_share:fds:ratio"), Instant: true, Column: "Files"},
		},
		Decimals: Auto, NoValue: "none",
		Fields: []Field{
			{Name: "Unanswered", Unit: "s", Steps: stepsOf("VirtShareHung"), Cell: "color-background", Width: 110},
			{Name: "Files", Unit: "percentunit", Steps: stepsOf("VirtVirtiofsdFilesHigh"), Cell: "color-background", Width: 90},
			{Name: "instance", Title: "host", Links: []Link{hostLink(true)}},
		},
		MayBeEmpty: noShares,
	}
}

// fsJoin is the guest's view beside the host's, for all operations at once.
func fsJoin() Panel {
	part := func(part string) string {
		return fmt.Sprintf("max by (host_instance, guest, tag, op) (virt_share:op_%[1]s_seconds:median{%[2]s}\n  or virt_share:op_%[1]s_seconds:median{host_instance=~`${host:regex}`})", part, ofHost)
	}
	return Panel{
		Title: "In the guest, on the host, and what lies between", Width: 10, Draw: Table{By: []string{"host_instance", "guest", "tag", "op"}, Sort: "Transport"},
		Description: "Of each share and operation the median time on both sides. Where the transport is most of it, look at the daemon below and at its waits for a CPU; where the host is, at its disk.",
		Queries: []Query{
			{Expr: part("guest"), Instant: true, Column: "Guest"},
			{Expr: part("host"), Instant: true, Column: "Host"},
			{Expr: part("transport"), Instant: true, Column: "Transport"},
		},
		Unit: "s", Decimals: Auto, NoValue: "none",
		Fields:     []Field{{Name: "host_instance", Title: "host"}},
		MayBeEmpty: "only where an exporter runs in the machine and one on its host",
	}
}

func fsFiles() Panel {
	const by, ratio = "max by (instance, guest, tag) ", "virt_guest_share:fds:ratio{" + ofHost + "}"
	return Panel{
		Title: "virtiofsd: open files", Width: 12, Draw: Lines{Limits: true},
		Description: "Part of the files that a daemon may open: one for each that the guest's kernel remembers. At 100 % the guest gets errors. Raise its limit, or let the guest forget (vm.vfs_cache_pressure).",
		Queries:     []Query{{Expr: steadyTop(10, by+"("+ratio+")", by+"(max_over_time("+ratio+"[$__range] @ end()))"), Legend: "{{guest}} {{tag}}"}},
		Unit:        "percentunit", Decimals: Auto, Min: of(0),
		Steps:      append(stepsOf("VirtVirtiofsdFilesHigh"), stepsOf("VirtVirtiofsdFilesCritical")[1:]...),
		Links:      []Link{{"Runbook", runbookURL + "#virtvirtiofsdfileshigh"}},
		MayBeEmpty: noShares,
	}
}

func fsDaemons() Panel {
	most := func(family string) string {
		const by = "max by (instance, guest, tag) "
		selected := family + "{" + ofHost + "}"
		return steadyTop(5, by+"(rate("+selected+"[$__rate_interval]))", by+"(increase("+selected+"[$__range] @ end()))")
	}
	return Panel{
		Title: "virtiofsd: CPU, and waits for one", Width: 12, Draw: Lines{},
		Description: "In CPUs, above what the daemons use, below what they waited for. One that stays at 1 has but one thread and is full; one that waits makes its guest's files slow.",
		Queries: []Query{
			{Expr: most("virt_guest_share_cpu_seconds_total"), Legend: "{{guest}} {{tag}}"},
			{Expr: most("virt_guest_share_cpu_steal_seconds_total"), Legend: "waits: {{guest}} {{tag}}"},
		},
		Unit: "short", Decimals: Auto, Fields: []Field{{Pattern: "/^waits: /", Below: true, Dashed: true}},
		Links:      []Link{{"Runbook", runbookURL + "#virtvirtiofsdsaturated"}},
		MayBeEmpty: noShares,
	}
}

func fsProbeCPU() Panel {
	return Panel{
		Title: "CPU of probes, by mount", Width: 8, Draw: Lines{},
		Description: "In CPUs. Cycles become rarer by themselves where they cost too much; --fsprobe.interval and --fsprobe.exclude make them rarer still.",
		Queries:     []Query{{Expr: "max by (instance, mountpoint) (rate(virt_fs_probe_cpu_seconds_total{" + ofMount + "}[$__rate_interval]))", Legend: "{{mountpoint}} {{instance}}"}},
		Unit:        "short", Decimals: Auto, Min: of(0), MayBeEmpty: nothingPassedThrough,
	}
}

func fsProbeInterval() Panel {
	return Panel{
		Title: "From cycle to cycle", Width: 8, Draw: Lines{},
		Description: "How often the mount is measured. Longer than --fsprobe.interval: it is so slow, or so dear, that it is asked more rarely.",
		Queries:     []Query{{Expr: "max by (instance, mountpoint) (virt_fs_probe_interval_seconds{" + ofMount + "})", Legend: "{{mountpoint}} {{instance}}"}},
		Unit:        "s", Decimals: Auto, Min: of(0), MayBeEmpty: nothingPassedThrough,
	}
}

func fsPairs() Panel {
	return Panel{
		Title: "Pairs behind a verdict", Width: 8, Draw: Lines{},
		Description: "Pairs of operations on which the figures of the last cycle rest. Few make the band wide; alerts want 30 in all.",
		Queries:     []Query{{Expr: "max by (op, reference) (virt_fs_probe_pairs{" + ofMount + "})", Legend: "{{op}}, {{reference}}"}},
		Unit:        "short", Decimals: Auto, Min: of(0), MayBeEmpty: nothingPassedThrough,
	}
}
