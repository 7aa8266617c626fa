package collector

import "github.com/virt-exporter/virt_exporter/collector/model"

// mountRows is the table of what is said of file systems that are passed
// through to where the exporter runs, or to a container beside it.
func mountRows() []row[model.Mount] {
	return append(append(mountInfoRows(), probeRows()...), proberRows()...)
}

func mountInfoRows() []row[model.Mount] {
	return []row[model.Mount]{
		{
			name: "virt_fs_mount_info", typ: gauge, core: true,
			labels: []string{"fstype", "passthrough", "source", "tag", "options", "vm_key"},
			help:   "A file system that is passed through, always 1: one for each superblock, bind mounts of it folded in. options has cache, msize, trans, dax, version and access alone; vm_key is this machine's.",
			from:   "/proc/PID/mountinfo",
			values: func(m *model.Mount, s *series) {
				s.add1(m.FSType, m.Passthrough, m.Source, m.Tag, m.Options, m.VMKey)
			},
		},
		{
			name: "virt_fs_request_seconds", typ: histo, labels: []string{"opcode"},
			help: "Latency of the requests that programs at work sent to who serves a FUSE or virtiofs mount, by operation code.",
			from: "source bpf, in the kernel that has the mount",
			values: func(m *model.Mount, s *series) {
				for i := range m.Requests {
					s.histogram(m.Requests[i].Latency, m.Requests[i].Opcode)
				}
			},
		},
	}
}

// probeRows is the table of what probing has shown.
func probeRows() []row[model.Mount] {
	labels := []string{"op", "reference"}
	gaugeRow := func(name, help string, core bool, value func(*model.Probe) model.Opt) row[model.Mount] {
		return row[model.Mount]{
			name: name, typ: gauge, core: core, labels: labels, help: help, from: fromProbes,
			values: func(m *model.Mount, s *series) {
				for i := range m.Probes {
					p := &m.Probes[i]
					s.add(value(p), p.Op, p.Reference)
				}
			},
		}
	}
	return []row[model.Mount]{
		{
			name: "virt_fs_probe_seconds", typ: histo, core: true, labels: []string{"op", "reference", "side"},
			help: "Latency of single probe operations, on the mount and on the reference.",
			from: fromProbes,
			values: func(m *model.Mount, s *series) {
				for i := range m.Probes {
					p := &m.Probes[i]
					s.histogram(p.Mount, p.Op, p.Reference, sideMount)
					s.histogram(p.Beside, p.Op, p.Reference, sideReference)
				}
			},
		},
		{
			name: "virt_fs_probe_median_seconds", typ: gauge, labels: []string{"op", "reference", "side"},
			help: "Median latency of the last cycle's operations: exact, where a histogram's buckets are wide.",
			from: fromProbes,
			values: func(m *model.Mount, s *series) {
				for i := range m.Probes {
					p := &m.Probes[i]
					s.add(p.MountMedian, p.Op, p.Reference, sideMount)
					s.add(p.BesideMedian, p.Op, p.Reference, sideReference)
				}
			},
		},
		gaugeRow("virt_fs_overhead_ratio", "How many times as long an operation takes on the mount as on the reference: median over the last cycle's pairs. A ratio alone says little: see virt_fs_overhead_seconds.", true,
			func(p *model.Probe) model.Opt { return p.Ratio }),
		gaugeRow("virt_fs_overhead_ratio_lower", "Lower 95 % bound of virt_fs_overhead_ratio.", true,
			func(p *model.Probe) model.Opt { return p.RatioLower }),
		gaugeRow("virt_fs_overhead_ratio_upper", "Upper 95 % bound of virt_fs_overhead_ratio.", true,
			func(p *model.Probe) model.Opt { return p.RatioUpper }),
		gaugeRow("virt_fs_overhead_seconds", "How much longer an operation takes on the mount than on the reference: median over the last cycle's pairs. Negative where the mount is faster.", true,
			func(p *model.Probe) model.Opt { return p.Added }),
		gaugeRow("virt_fs_overhead_seconds_lower", "Lower 95 % bound of virt_fs_overhead_seconds.", false,
			func(p *model.Probe) model.Opt { return p.AddedLower }),
		gaugeRow("virt_fs_overhead_seconds_upper", "Upper 95 % bound of virt_fs_overhead_seconds.", false,
			func(p *model.Probe) model.Opt { return p.AddedUpper }),
		gaugeRow("virt_fs_probe_pairs", "Pairs of operations behind the figures of the last cycle, which are absent when it is more than three intervals ago.", true,
			func(p *model.Probe) model.Opt { return p.Pairs }),
	}
}

const (
	fromProbes    = "probes by a helper process"
	sideMount     = "mount"
	sideReference = "reference"
)

// proberRows is the table of how probing itself goes.
func proberRows() []row[model.Mount] {
	return []row[model.Mount]{
		{
			name: "virt_fs_probe_stuck_seconds", typ: gauge, core: true,
			help:   "Age of a probe's operation that is not answered: the mount hangs. 0 while all are answered, absent where nothing is probed.",
			from:   fromProbes,
			values: func(m *model.Mount, s *series) { s.add(m.StuckSeconds) },
		},
		{
			name: "virt_fs_probe_stuck_info", typ: gauge, labels: []string{"op", "reference", "state", "wchan"},
			help: "Where an operation that is not answered waits, always 1: the state of the helper process and the kernel function that it sleeps in, where that may be read. An empty op is getting to the mount. Where a reference is named it may be that which hangs: a second mount that is stuck beside it tells.",
			from: "/proc/PID/stat, /proc/PID/wchan of the helper process",
			values: func(m *model.Mount, s *series) {
				if m.Stuck != nil {
					s.add1(m.Stuck.Op, m.Stuck.Reference, m.Stuck.State, m.Stuck.Channel)
				}
			},
		},
		{
			name: "virt_fs_probe_skipped_total", typ: counter, labels: []string{"reason"},
			help: "Cycles and operations that were left out, by reason. What is left out is no latency.",
			from: fromProbes,
			values: func(m *model.Mount, s *series) {
				for reason, n := range m.Skipped {
					s.add(n, model.Skip(reason).String())
				}
			},
		},
		{
			name: "virt_fs_probe_left_out_info", typ: gauge, labels: []string{"op", "reference", "reason"},
			help: "What the last cycle left out, always 1. An empty op is all operations; with a reference, those against it: it may be the reference that allows too little.",
			from: fromProbes,
			values: func(m *model.Mount, s *series) {
				eachLeftOut(m.LeftOut, func(l *model.LeftOut) { s.add1(l.Op, l.Reference, l.Reason.String()) })
			},
		},
		{
			name: "virt_fs_probe_last_success_timestamp_seconds", typ: gauge,
			help:   "End of the last cycle that measured something, in seconds since the epoch.",
			from:   fromProbes,
			values: func(m *model.Mount, s *series) { s.add(m.LastSuccess) },
		},
		{
			name: "virt_fs_probe_interval_seconds", typ: gauge,
			help:   "From one cycle that measures to the next: --fsprobe.interval, and longer where the CPU or the time that a cycle takes asks for it. Whether the mount hangs is looked at between them. Absent where the mount lets nobody in.",
			from:   "the exporter",
			values: func(m *model.Mount, s *series) { s.add(m.Interval) },
		},
		{
			name: "virt_fs_probe_cpu_seconds_total", typ: counter,
			help:   "CPU time of the helper processes that probe this mount.",
			from:   "getrusage of the helper process",
			values: func(m *model.Mount, s *series) { s.add(m.ProbeCPU) },
		},
	}
}

// eachLeftOut visits each once.
func eachLeftOut(all []model.LeftOut, visit func(*model.LeftOut)) {
	for i := range all {
		l, again := &all[i], false
		for j := range i {
			b := &all[j]
			again = again || b.Op == l.Op && b.Reference == l.Reference && b.Reason == l.Reason
		}
		if !again {
			visit(l)
		}
	}
}

// shareRows is the table of the directories that this host gives to its guests.
func shareRows() []row[model.Guest] {
	return []row[model.Guest]{
		{
			name: "virt_guest_share_info", typ: gauge, core: true,
			labels: []string{"tag", "source", "fstype", "cache", "vm_key"},
			help:   "A directory of this host that is given to a guest, always 1.",
			from:   "libvirt's domain XML; command lines of hypervisors and of virtiofsd",
			values: func(g *model.Guest, s *series) {
				for i := range g.Shares {
					share := &g.Shares[i]
					if !sameBefore(g.Shares[:i], share) {
						s.add1(share.Tag, share.Source, share.FSType, share.Cache, g.Info.VMKey)
					}
				}
			},
		},
		{
			name: "virt_guest_share_probe_seconds", typ: histo, core: true, labels: []string{"tag", "op", "vm_key"},
			help: "Latency of single probe operations on the directory itself, outside the guest.",
			from: fromProbes,
			values: func(g *model.Guest, s *series) {
				eachProbe(g, func(share *model.Share) {
					for i := range share.Probe.Ops {
						op := &share.Probe.Ops[i]
						s.histogram(op.Latency, share.Tag, op.Op, g.Info.VMKey)
					}
				})
			},
		},
		{
			name: "virt_guest_share_probe_median_seconds", typ: gauge, labels: []string{"tag", "op", "vm_key"},
			help: "Median latency of the last cycle's operations on the directory itself.",
			from: fromProbes,
			values: func(g *model.Guest, s *series) {
				eachProbe(g, func(share *model.Share) {
					for i := range share.Probe.Ops {
						op := &share.Probe.Ops[i]
						s.add(op.Median, share.Tag, op.Op, g.Info.VMKey)
					}
				})
			},
		},
		{
			name: "virt_guest_share_probe_stuck_seconds", typ: gauge, labels: []string{"tag", "vm_key"},
			help: "Age of a probe's operation on the directory itself that is not answered: what lies below the share hangs. 0 while all are answered.",
			from: fromProbes,
			values: func(g *model.Guest, s *series) {
				eachProbe(g, func(share *model.Share) { s.add(share.Probe.StuckSeconds, share.Tag, g.Info.VMKey) })
			},
		},
		{
			name: "virt_guest_share_probe_last_success_timestamp_seconds", typ: gauge, labels: []string{"tag", "vm_key"},
			help: "End of the last cycle that measured something on the directory itself, in seconds since the epoch.",
			from: fromProbes,
			values: func(g *model.Guest, s *series) {
				eachProbe(g, func(share *model.Share) { s.add(share.Probe.LastSuccess, share.Tag, g.Info.VMKey) })
			},
		},
		{
			name: "virt_guest_share_probe_left_out_info", typ: gauge, labels: []string{"tag", "op", "reason"},
			help: "What the last cycle on the directory itself left out, always 1. An empty op is all operations.",
			from: fromProbes,
			values: func(g *model.Guest, s *series) {
				eachProbe(g, func(share *model.Share) {
					eachLeftOut(share.Probe.LeftOut, func(l *model.LeftOut) { s.add1(share.Tag, l.Op, l.Reason.String()) })
				})
			},
		},
		{
			name: "virt_guest_share_cpu_seconds_total", typ: counter, labels: []string{"tag"},
			help:   "CPU time of the daemon that serves the directory. Absent where it has none of its own, as with 9p.",
			from:   "/proc/TID/schedstat of virtiofsd",
			values: func(g *model.Guest, s *series) { eachShare(g, s, func(d *model.Share) model.Opt { return d.CPU }) },
		},
		{
			name: "virt_guest_share_cpu_steal_seconds_total", typ: counter, labels: []string{"tag"},
			help:   "Thread-seconds in which the daemon was runnable and did not run.",
			from:   "/proc/TID/schedstat of virtiofsd",
			values: func(g *model.Guest, s *series) { eachShare(g, s, func(d *model.Share) model.Opt { return d.Steal }) },
		},
		{
			name: "virt_guest_share_open_fds", typ: gauge, labels: []string{"tag"},
			help:   "Files that the daemon has open: one for each that the guest's kernel remembers.",
			from:   "/proc/PID/fd of virtiofsd",
			values: func(g *model.Guest, s *series) { eachShare(g, s, func(d *model.Share) model.Opt { return d.OpenFDs }) },
		},
		{
			name: "virt_guest_share_max_fds", typ: gauge, labels: []string{"tag"},
			help:   "Most files that the daemon may have open.",
			from:   "/proc/PID/limits of virtiofsd",
			values: func(g *model.Guest, s *series) { eachShare(g, s, func(d *model.Share) model.Opt { return d.MaxFDs }) },
		},
	}
}

// sameBefore reports whether a share is there already: one series twice would
// spoil the exposition.
func sameBefore(before []model.Share, share *model.Share) bool {
	for i := range before {
		if before[i].Same(*share) {
			return true
		}
	}
	return false
}

// eachShare gives a figure of each share, of the first one where two have the
// same tag.
func eachShare(g *model.Guest, s *series, value func(*model.Share) model.Opt) {
	firstOfTag(g, func(share *model.Share) bool { return value(share) != model.Opt{} }, func(share *model.Share) {
		s.add(value(share), share.Tag)
	})
}

// eachProbe visits the shares that are probed.
func eachProbe(g *model.Guest, visit func(*model.Share)) {
	firstOfTag(g, func(share *model.Share) bool { return share.Probe != nil }, visit)
}

// firstOfTag visits, of the shares that are wanted, the first of each tag.
func firstOfTag(g *model.Guest, wanted func(*model.Share) bool, visit func(*model.Share)) {
	for i := range g.Shares {
		share, again := &g.Shares[i], false
		for j := range i {
			again = again || g.Shares[j].Tag == share.Tag && wanted(&g.Shares[j])
		}
		if !again && wanted(share) {
			visit(share)
		}
	}
}
